"""Generated pictures as files: what `generate.py` does after its flags are read."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from gansformer_tf.visualize.attention_maps import attention_panel, enlarge_attention
from gansformer_tf.visualize.grids import image_grid
from gansformer_tf.visualize.palette import component_colors
from gansformer_tf.visualize.picture_files import already_made, prepare_folder, save_picture
from gansformer_tf.visualize.sampling import Sample, Sampler, require_attention, samples_on_devices
from gansformer_tf.visualize.seeds import check_seeds, labels_from_seeds

GRID_NAME = "grid"


@dataclass(frozen=True)
class Written:
    """What a call of `generate_pictures` did: files it wrote, and files that were there already."""

    new: list[Path]
    kept: list[Path]


def generate_pictures(
    samplers: Sequence[Sampler],
    seeds: Sequence[int],
    output_dir: str | Path,
    *,
    model: str = "",
    classes: Sequence[int] | None = None,
    ratio: float | None = None,
    image_format: str = "png",
    grid: bool = False,
    attention: bool = False,
    overwrite: bool = False,
    progress: bool = True,
) -> Written:
    """Writes one picture per seed, named `seed0007.png`.

    A picture that is there already and was made from the same model with the same settings is kept, so an
    interrupted call is finished by making it again.

    Args:
        samplers: One per device, all with the same settings.
        seeds: Seeds of the pictures.
        output_dir: Folder; made if it is missing.
        model: What identifies the weights (a hash), kept in each picture's metadata.
        classes: Class numbers that the pictures take in turn; None draws them from the seeds.
        ratio: Height / width to which the pictures are cropped around the middle; None keeps them whole.
        image_format: "png", "jpg" or "webp".
        grid: Whether to write a sheet of all pictures, `grid.png`.
        attention: Whether to write each picture's attention maps beside it, `seed0007-attention.png`.
        overwrite: Whether to replace pictures made from something else.
        progress: Whether to show a progress bar.

    Raises:
        PictureExistsError: A picture of that name exists, made from something else.
        ValueError: A bad seed, class or ratio, or maps of a model without attention.
        OSError: The folder cannot be written to.
    """
    sampler = samplers[0]
    check_seeds(seeds)
    if attention:
        require_attention(sampler.config)
        component_colors(sampler.config.num_components)
    seeds = list(dict.fromkeys(seeds))  # a seed named twice is one picture
    labels = labels_from_seeds(seeds, sampler.config.label_dim, classes)
    crop = crop_box(sampler.config.height, sampler.config.width, ratio)
    folder = prepare_folder(output_dir)

    def describe(row: int) -> dict[str, Any]:
        return {
            **_settings(sampler, model, ratio),
            "seed": seeds[row],
            **({} if labels is None else {"label": int(labels[row].argmax())}),
        }

    files = [folder / f"seed{seed:04d}.{image_format}" for seed in seeds]
    panels = [folder / f"seed{seed:04d}-attention.{image_format}" for seed in seeds] if attention else []
    sheet_file = folder / f"{GRID_NAME}.{image_format}"
    sheet_metadata = {**_settings(sampler, model, ratio), "seeds": compact(seeds)}
    if labels is not None:
        sheet_metadata["labels"] = labels.argmax(axis=-1).tolist()

    def is_made(path: Path, metadata: dict[str, Any]) -> bool:
        return not overwrite and already_made(path, metadata)

    # Everything is looked at before anything is drawn, so that a clash costs no time and leaves no mixture.
    wanted = {path: describe(row) for row, path in enumerate(files)}
    wanted |= {path: {**describe(row), "maps": "attention"} for row, path in enumerate(panels)}
    if grid:
        wanted[sheet_file] = sheet_metadata
    kept = [path for path, metadata in wanted.items() if is_made(path, metadata)]
    missing = set(wanted) - set(kept)
    draw_all = sheet_file in missing
    rows = [
        row for row in range(len(seeds)) if draw_all or files[row] in missing or (attention and panels[row] in missing)
    ]

    cells: list[np.ndarray] = []
    samples = samples_on_devices(
        samplers, [seeds[row] for row in rows], None if labels is None else labels[rows], with_attention=attention
    )
    bar = tqdm(zip(rows, samples, strict=True), total=len(rows), unit="img", desc="generate", disable=not progress)
    for row, sample in bar:
        pixels = sample.pixels[crop]
        if draw_all:
            cells.append(pixels)
        if files[row] in missing:
            save_picture(files[row], pixels, wanted[files[row]])
        if attention and panels[row] in missing:
            save_picture(panels[row], panel_of(sample, crop), wanted[panels[row]])
    if draw_all:
        save_picture(sheet_file, image_grid(cells), sheet_metadata)
    return Written(new=[path for path in wanted if path in missing], kept=kept)


def panel_of(sample: Sample, crop: tuple[slice, slice]) -> np.ndarray:
    """The attention panel of a sample, last layer and first head, cropped as the picture is."""
    attention = enlarge_attention(sample.attention[-1][0], *sample.pixels.shape[:2])
    return attention_panel(sample.pixels[crop], attention[crop])


def crop_box(height: int, width: int, ratio: float | None) -> tuple[slice, slice]:
    """The largest middle part of a picture with height / width = `ratio`, as a pair of slices.

    Raises:
        ValueError: The ratio is not positive, or leaves less than one pixel.
    """
    if ratio is None:
        return slice(0, height), slice(0, width)
    if not ratio > 0:
        raise ValueError(f"ratio is {ratio}; height / width must be greater than 0.")
    new_height, new_width = min(height, round(width * ratio)), min(width, round(height / ratio))
    if new_height < 1 or new_width < 1:
        raise ValueError(f"ratio {ratio} leaves nothing of a {height}x{width} picture; choose one closer to 1.")
    top, left = (height - new_height) // 2, (width - new_width) // 2
    return slice(top, top + new_height), slice(left, left + new_width)


def compact(seeds: Sequence[int]) -> str:
    """Seeds as text, runs drawn together: `0-31,77`."""
    runs: list[list[int]] = []
    for seed in seeds:
        if runs and seed == runs[-1][1] + 1:
            runs[-1][1] = seed
        else:
            runs.append([seed, seed])
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in runs)


def _settings(sampler: Sampler, model: str, ratio: float | None) -> dict[str, Any]:
    settings = {
        "model": model,
        "truncation_psi": sampler.truncation_psi,
        "noise_mode": sampler.noise_mode,
        "ratio": ratio,
        "software": "gansformer-tf",
    }
    return json.loads(json.dumps(settings))
