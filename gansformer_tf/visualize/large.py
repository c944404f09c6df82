"""Pictures larger than memory, drawn and written band by band."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from gansformer_tf.drawing.compiled import compiled
from gansformer_tf.drawing.labels import labels_from_seeds
from gansformer_tf.drawing.pixels import to_uint8
from gansformer_tf.drawing.sampler import Sampler
from gansformer_tf.drawing.seeds import check_seeds
from gansformer_tf.visualize.banded_files import banded_file
from gansformer_tf.visualize.image_folder import already_made, prepare_folder

LARGE_PIXELS = 2**22  # pictures with more pixels are drawn in bands ...
BAND_PIXELS = 2**18  # ... of about so many: about 130 numbers are kept of each


def is_large(sampler: Sampler) -> bool:
    """Whether pictures of a sampler are too large to be drawn as a whole."""
    height, width = sampler.picture_size
    return sampler.view.resizes and height * width > LARGE_PIXELS


def bands(sampler: Sampler, w: np.ndarray, band_pixels: int = BAND_PIXELS) -> Iterator[np.ndarray]:
    """The picture of one w, from top to bottom.

    The lines of the picture are computed once and stay in memory, which grows with its sides; pixels are computed where
    a band of row lines crosses all column lines.

    Args:
        sampler: Of a generator that draws any size.
        w: `[1, 1, num_layers, style_dim]`.
        band_pixels: Pixels of a band, at most (but at least one row).

    Yields:
        uint8 `[rows, width, channels]`; all of one height but the last.
    """
    generator, (height, width) = sampler.generator, sampler.picture_size
    view = sampler.view.arguments(sampler.config)
    rows = max(1, min(height, band_pixels // width))
    lines = generator.lines(w, view.get("rows"), view.get("columns"))
    down = [np.asarray(pair[0]) for pair in lines]
    across = [np.asarray(pair[1]) for pair in lines]
    pixels = compiled(lambda w, down, across: generator.pixels(w, list(zip(down, across, strict=True))))
    for start in range(0, height, rows):
        first = min(start, height - rows)  # the last band is as high as the others, so that one graph serves all
        picture = pixels(w, [line[:, first : first + rows] for line in down], across)
        yield to_uint8(np.asarray(picture)[0, start - first :])


def generate_large_pictures(
    sampler: Sampler,
    seeds: Sequence[int],
    output_dir: str | Path,
    *,
    model: str = "",
    classes: Sequence[int] | None = None,
    image_format: str = "png",
    overwrite: bool = False,
    progress: bool = True,
) -> Any:
    """Writes one picture per seed, named `seed0007.png`, in bands; see `generate_pictures` for the arguments.

    Raises:
        ImageExistsError: A picture of that name exists, made from something else.
        ValueError: A bad seed or class, or a format that is not written in bands.
        OSError: The folder cannot be written to.
    """
    from gansformer_tf.visualize.generate import Written, picture_metadata

    check_seeds(seeds)
    seeds = list(dict.fromkeys(seeds))
    labels = labels_from_seeds(seeds, sampler.config.label_dim, classes)
    folder = prepare_folder(output_dir)
    height, width = sampler.picture_size
    new, kept = [], []
    for row, seed in enumerate(seeds):
        label = None if labels is None else labels[row : row + 1]
        metadata = picture_metadata(sampler, model, None, seed, None if label is None else int(label.argmax()))
        path = folder / f"seed{seed:04d}.{image_format}"
        if not overwrite and already_made(path, metadata):
            kept.append(path)
            continue
        w = sampler.map(sampler.latents([seed]), label)
        with (
            banded_file(path, height, width, sampler.config.image_channels, metadata) as file,
            tqdm(total=height, unit="row", desc=path.name, disable=not progress) as bar,
        ):
            for band in bands(sampler, w):
                file.write(band)
                bar.update(len(band))
        new.append(path)
    return Written(new=new, kept=kept)
