"""Generated images as files: what `generate.py` does after its flags are read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from gansformer_tf.drawing.labels import labels_from_seeds
from gansformer_tf.drawing.sampler import Sample, Sampler, require_attention, samples_on_devices
from gansformer_tf.drawing.seeds import check_seeds
from gansformer_tf.files import prepare_folder
from gansformer_tf.image_files import IMAGE, PANEL, SHEET, SOFTWARE, require_format, save_image
from gansformer_tf.visualize.attention_maps import attention_panel, enlarge_attention
from gansformer_tf.visualize.grids import image_grid
from gansformer_tf.visualize.image_folder import already_made
from gansformer_tf.visualize.palette import component_colors

SECTION_SIZE = 100  # images on one sheet, which are also all that is kept in memory


@dataclass(frozen=True)
class Written:
    """What a call of `generate_images` did: files it wrote, and files that were there already."""

    new: list[Path]
    kept: list[Path]


def generate_images(
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
    """Writes one image per seed, named `seed0007.png`.

    An image that is there already and was made from the same model with the same settings is kept, so an
    interrupted call is finished by making it again.

    Args:
        samplers: One per device, all with the same settings.
        seeds: Seeds of the images.
        output_dir: Folder; made if it is missing.
        model: What identifies the weights (a hash), kept in each image's metadata.
        classes: Class numbers that the images take in turn; None draws them from the seeds.
        ratio: Height / width to which the images are cropped around the middle; None keeps them whole.
        image_format: "png", "jpg", "webp" or "tiff".
        grid: Whether to write a sheet of all images, `grid.png` (of more than 100: sheets `grid-000.png`, ...).
        attention: Whether to write each image's attention maps beside it, `seed0007-attention.png`.
        overwrite: Whether to replace images made from something else.
        progress: Whether to show a progress bar.

    Raises:
        ImageExistsError: An image of that name exists, made from something else.
        ValueError: A bad seed, class or ratio, or maps of a model without attention.
        OSError: The folder cannot be written to.
    """
    sampler = samplers[0]
    if attention:
        require_attention(sampler.config)
        component_colors(sampler.config.num_components)
    require_format(image_format, sampler.config.image_channels)
    crop = crop_box(*sampler.image_size, ratio)
    plan = plan_images(
        sampler,
        seeds,
        output_dir,
        model=model,
        classes=classes,
        ratio=ratio,
        image_format=image_format,
        grid=grid,
        attention=attention,
        overwrite=overwrite,
    )
    rows = sorted({row for item in plan.missing for row in item.rows})
    by_last_row: dict[int, list[Output]] = {}
    for item in plan.missing:
        by_last_row.setdefault(item.rows[-1], []).append(item)

    labels = None if plan.labels is None else plan.labels[rows]
    samples = samples_on_devices(samplers, [plan.seeds[row] for row in rows], labels, with_attention=attention)
    section: list[np.ndarray] = []
    bar = tqdm(zip(rows, samples, strict=True), total=len(rows), unit="img", desc="generate", disable=not progress)
    for row, sample in bar:
        pixels = sample.pixels[crop]
        section.append(pixels)
        for item in by_last_row.get(row, ()):
            if item.kind == SHEET:
                save_image(item.path, image_grid(section[-len(item.rows) :]), item.metadata)
            else:
                save_image(item.path, pixels if item.kind == IMAGE else panel_of(sample, crop), item.metadata)
        del section[:-SECTION_SIZE]
    return plan.written


@dataclass(frozen=True)
class Output:
    """A file to write, what it is made from, and of which rows."""

    path: Path
    rows: range
    metadata: dict[str, Any]

    @property
    def kind(self) -> str:
        return self.metadata["kind"]


@dataclass(frozen=True)
class Plan:
    """What a call draws: its seeds without repetitions, their labels, files to write, and files that are kept."""

    seeds: list[int]
    labels: np.ndarray | None
    missing: list[Output]
    kept: list[Path]

    @property
    def written(self) -> Written:
        """What was done once all that was missing is there."""
        return Written(new=[item.path for item in self.missing], kept=self.kept)


def plan_images(
    sampler: Sampler,
    seeds: Sequence[int],
    output_dir: str | Path,
    *,
    model: str,
    classes: Sequence[int] | None,
    image_format: str,
    overwrite: bool,
    ratio: float | None = None,
    grid: bool = False,
    attention: bool = False,
) -> Plan:
    """Looks at everything before anything is drawn, so that a clash costs no time and leaves no mixture.

    Arguments and errors are those of `generate_images`.
    """
    check_seeds(seeds)
    seeds = list(dict.fromkeys(seeds))  # a seed named twice is one image
    labels = labels_from_seeds(seeds, sampler.config.label_dim, classes)
    folder = prepare_folder(output_dir)
    outputs = _outputs(
        sampler, seeds, labels, folder, image_format, model=model, ratio=ratio, grid=grid, attention=attention
    )
    kept = [] if overwrite else [item.path for item in outputs if already_made(item.path, item.metadata)]
    return Plan(seeds, labels, [item for item in outputs if item.path not in set(kept)], kept)


def _outputs(
    sampler: Sampler,
    seeds: Sequence[int],
    labels: np.ndarray | None,
    folder: Path,
    image_format: str,
    *,
    model: str,
    ratio: float | None,
    grid: bool,
    attention: bool,
) -> list[Output]:
    settings = image_metadata(sampler, model, ratio)
    classes = None if labels is None else labels.argmax(axis=-1).tolist()
    outputs = []
    for row, seed in enumerate(seeds):
        metadata = {**settings, "seed": seed, **({} if classes is None else {"label": classes[row]})}
        name, rows = f"seed{seed:04d}", range(row, row + 1)
        outputs.append(Output(folder / f"{name}.{image_format}", rows, metadata))
        if attention:
            file = folder / f"{name}-attention.{image_format}"
            outputs.append(Output(file, rows, {**metadata, "kind": PANEL}))
    if grid:
        for start in range(0, len(seeds), SECTION_SIZE):
            rows = range(start, min(start + SECTION_SIZE, len(seeds)))
            metadata = {**settings, "kind": SHEET, "seeds": compact(seeds[rows.start : rows.stop])}
            if classes is not None:
                metadata["labels"] = classes[rows.start : rows.stop]
            name = "grid" if len(seeds) <= SECTION_SIZE else f"grid-{start // SECTION_SIZE:03d}"
            outputs.append(Output(folder / f"{name}.{image_format}", rows, metadata))
    return outputs


def image_metadata(sampler: Sampler, model: str, ratio: float | None) -> dict[str, Any]:
    """What images were made from beside their seeds, as it is kept inside the files."""
    return {
        "software": SOFTWARE,
        "kind": IMAGE,
        "model": model,
        "ratio": ratio,
        **sampler.describe(),
    }


def panel_of(sample: Sample, crop: tuple[slice, slice]) -> np.ndarray:
    """The attention panel of a sample, last layer and first head, cropped as the image is."""
    attention = enlarge_attention(sample.attention[-1][0], *sample.pixels.shape[:2])
    return attention_panel(sample.pixels[crop], attention[crop])


def crop_box(height: int, width: int, ratio: float | None) -> tuple[slice, slice]:
    """The largest middle part of an image with height / width = `ratio`, as a pair of slices.

    Raises:
        ValueError: The ratio is not positive, or leaves less than one pixel.
    """
    if ratio is None:
        return slice(0, height), slice(0, width)
    if not ratio > 0:
        raise ValueError(f"ratio is {ratio}; height / width must be greater than 0.")
    new_height, new_width = min(height, round(width * ratio)), min(width, round(height / ratio))
    if new_height < 1 or new_width < 1:
        raise ValueError(f"ratio {ratio} leaves nothing of a {height}x{width} image; choose one closer to 1.")
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
