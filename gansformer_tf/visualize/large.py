"""Images larger than memory, drawn and written band by band."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from gansformer_tf.drawing.compiled import compiled
from gansformer_tf.drawing.pixels import to_uint8
from gansformer_tf.drawing.sampler import Sampler
from gansformer_tf.visualize.banded_files import write_in_bands
from gansformer_tf.visualize.generate import Written, plan_images

LARGE_PIXELS = 2**22  # images with more pixels are drawn in bands ...
BAND_PIXELS = 2**18  # ... of about so many: about 130 numbers are kept of each


def is_large(sampler: Sampler) -> bool:
    """Whether images of a sampler are too large to be drawn as a whole."""
    height, width = sampler.image_size
    return sampler.view.resizes and height * width > LARGE_PIXELS


def bands(sampler: Sampler, w: np.ndarray, band_pixels: int = BAND_PIXELS) -> Iterator[np.ndarray]:
    """The image of one w, from top to bottom.

    The lines of the image are computed once and stay in memory, which grows with its sides; pixels are computed where
    a band of row lines crosses all column lines.

    Args:
        sampler: Of a generator that draws any size.
        w: `[1, 1, num_layers, style_dim]`.
        band_pixels: Pixels of a band, at most (but at least one row).

    Yields:
        uint8 `[rows, width, channels]`; all of one height but the last.
    """
    generator, (height, width) = sampler.generator, sampler.image_size
    view = sampler.view.arguments(sampler.config)
    rows = max(1, min(height, band_pixels // width))
    lines = generator.lines(w, view.get("rows"), view.get("columns"))
    down = [np.asarray(pair[0]) for pair in lines]
    across = [np.asarray(pair[1]) for pair in lines]
    pixels = compiled(lambda w, down, across: generator.pixels(w, list(zip(down, across, strict=True))))
    for start in range(0, height, rows):
        first = min(start, height - rows)  # the last band is as high as the others, so that one graph serves all
        image = pixels(w, [line[:, first : first + rows] for line in down], across)
        yield to_uint8(np.asarray(image)[0, start - first :])


def generate_large_images(
    sampler: Sampler,
    seeds: Sequence[int],
    output_dir: str | Path,
    *,
    model: str = "",
    classes: Sequence[int] | None = None,
    image_format: str = "png",
    overwrite: bool = False,
    progress: bool = True,
) -> Written:
    """Writes one image per seed, named `seed0007.png`, in bands; see `generate_images` for the arguments.

    Raises:
        ImageExistsError: An image of that name exists, made from something else.
        ValueError: A bad seed or class, or a format that is not written in bands.
        OSError: The folder cannot be written to.
    """
    plan = plan_images(
        sampler, seeds, output_dir, model=model, classes=classes, image_format=image_format, overwrite=overwrite
    )
    height, width = sampler.image_size
    for item in plan.missing:
        row = item.rows[0]
        w = sampler.latents_w([plan.seeds[row]], None if plan.labels is None else plan.labels[row : row + 1])
        with tqdm(total=height, unit="row", desc=item.path.name, disable=not progress) as bar:
            write_in_bands(
                item.path,
                _counted(bands(sampler, w), bar),
                height,
                width,
                sampler.config.image_channels,
                item.metadata,
            )
    return plan.written


def _counted(bands: Iterator[np.ndarray], bar: tqdm) -> Iterator[np.ndarray]:
    for band in bands:
        yield band
        bar.update(len(band))
