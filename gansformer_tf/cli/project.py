"""`generate.py --project` and `--projected-w`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from gansformer_tf.cli.common import UsageError, counted
from gansformer_tf.cli.edit import edit_images
from gansformer_tf.cli.segment import segment_images
from gansformer_tf.config.generate import GenerateConfig
from gansformer_tf.drawing.pixels import to_uint8
from gansformer_tf.drawing.projected_w import W_FILE, ProjectedW, read_projected_w
from gansformer_tf.drawing.sampler import Sample, Sampler, require_attention
from gansformer_tf.edit.project import Projected, key_of, project
from gansformer_tf.edit.projected_files import TUNED_FILE, sheet, write_projected, write_tuned
from gansformer_tf.edit.targets import read_targets
from gansformer_tf.files import prepare_folder
from gansformer_tf.image_files import IMAGE, PANEL, SOFTWARE, require_format, save_image
from gansformer_tf.models.base import RECONSTRUCTIONS, require_w
from gansformer_tf.models.snapshot import load_snapshot
from gansformer_tf.visualize.generate import crop_box, panel_of

_UNFINISHED = ".projection"  # folder with what an interrupted projection goes on from


def project_images(config: GenerateConfig, file: Path, device: str) -> int:
    """Finds w of images, and writes what `write_projected` does.

    Raises:
        ValueError: An image that is none, or a family without w.
        UsageError: The folder has a projection already.
    """
    with tf.device(device):
        generator = load_snapshot(file).generator
        require_w(generator.config, "a projection into w was", RECONSTRUCTIONS)
        targets = read_targets(config.project, generator.config)
        folder = Path(config.output_dir)
        if (folder / W_FILE).exists() and not config.overwrite:
            raise UsageError(
                f"{folder / W_FILE} is there already; choose another --output-dir, or add --overwrite to replace it."
            )
        state = prepare_folder(folder) / _UNFINISHED
        found = project(generator, targets, config.projection, batch_size=config.batch_size, folder=state)
    finished = found.steps == config.steps * -(-len(targets) // config.batch_size)
    for note in found.notes:
        print(note)
    for row in report(found):
        print(row)
    if not finished:
        print(f"Stopped after {found.steps} steps; the same command goes on from there.")
        folder = prepare_folder(folder / "stopped")
    write_projected(found, folder)
    if config.tune and finished:
        write_tuned(found.generator, folder)
        print(f"The tuned model is {folder / TUNED_FILE}; draw its w with --model {folder / TUNED_FILE}.")
    if finished:
        _forget(state, key_of(generator, targets, config.projection, config.batch_size))
    print(f"{counted(len(found.w), 'projection')} written to {folder}.")
    return 0


def report(found: Projected) -> list[str]:
    """A line for each image, and one with the medians."""
    rows = zip(found.targets, found.psnr, found.ssim, _perceptual(found), strict=True)
    lines = [_line(target.name, *values) for target, *values in rows]
    if len(lines) > 1:
        lines.append(_line("median", *map(np.median, (found.psnr, found.ssim, _perceptual(found)))))
    return lines


def draw_projected(config: GenerateConfig, file: Path, device: str) -> int:
    """Draws the w of a file, `NAME.png` each.

    Raises:
        ValueError: A file that cannot be used, or a flag that does not fit the model.
    """
    generator = load_snapshot(file).generator
    assert config.projected_w is not None
    given = read_projected_w(config.projected_w, generator.config)
    if config.attention or config.segment is not None:
        require_attention(generator.config)
    require_format(config.format, generator.config.image_channels)
    crop = crop_box(generator.config.height, generator.config.width, config.ratio)
    folder = Path(config.output_dir)
    if config.editing is not None:
        sampler, noise = _sampler(config, generator, given, device)
        with tf.device(device):
            return edit_images(
                sampler, given.w, given.names, config.editing, folder, noise=noise, overwrite=config.overwrite
            )
    if config.segment is not None:
        samples = list(_samples(config, generator, given, device))
        return segment_images(samples, given.names, config.segment, folder, config.overwrite)
    names = [*given.names, *(["grid"] if config.grid else [])]
    clash = next((path for name in names if (path := folder / f"{name}.{config.format}").exists()), None)
    if clash is not None and not config.overwrite:
        raise UsageError(f"{clash} is there already; choose another --output-dir, or add --overwrite to replace it.")
    prepare_folder(folder)
    images = []
    for name, sample in zip(given.names, _samples(config, generator, given, device), strict=True):
        images.append(sample.pixels[crop])
        metadata: dict[str, Any] = {"software": SOFTWARE, "kind": IMAGE, "projected": name}
        save_image(folder / f"{name}.{config.format}", images[-1], metadata)
        if config.attention:
            panel = folder / f"{name}-attention.{config.format}"
            save_image(panel, panel_of(sample, crop), {**metadata, "kind": PANEL})
    if config.grid:
        sheet(images, folder / f"grid.{config.format}")
    print(f"{counted(len(images))} written to {folder}.")
    return 0


def _samples(config: GenerateConfig, generator: Any, given: ProjectedW, device: str) -> Iterator[Sample]:
    sampler, noise = _sampler(config, generator, given, device)
    for rows in sampler.parts(len(given.w)):
        part = None if noise is None else [values[rows] for values in noise]
        with tf.device(device):
            images, maps = sampler.synthesize(given.w[rows], part, config.attention or config.segment is not None)
        for index, image in enumerate(images):
            yield Sample(index, to_uint8(image), tuple(layer[index] for layer in maps), None)


def _sampler(
    config: GenerateConfig, generator: Any, given: ProjectedW, device: str
) -> tuple[Sampler, list[np.ndarray] | None]:
    """What draws the w of a file, and the noise that it takes: that of the projection, else the model's own."""
    noise = given.noise if config.noise_mode == "random" else None
    mode = "random" if noise is not None else "none" if config.noise_mode == "none" else "const"
    return Sampler(generator, truncation_psi=1.0, noise_mode=mode, batch_size=config.batch_size, device=device), noise


def _line(name: str, psnr: float, ssim: float, perceptual: float) -> str:
    return f"{name}: PSNR {psnr:.2f} dB, SSIM {ssim:.4f}, perceptual distance {perceptual:.4f}"


def _perceptual(found: Projected) -> np.ndarray:
    return np.full(len(found.w), np.nan) if found.perceptual is None else found.perceptual


def _forget(state: Path, key: str) -> None:
    """Removes what an interrupted projection goes on from; other ones stay."""
    for path in state.glob(f"{key}-*.npz"):
        path.unlink()
    if state.is_dir() and not any(state.iterdir()):
        state.rmdir()
