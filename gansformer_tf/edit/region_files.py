"""Segmentations as files: PNG with a palette, and COCO's JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from gansformer_tf.edit.regions import coco
from gansformer_tf.files import replacing, write_atomically
from gansformer_tf.visualize.palette import component_colors

JSON_FILE = "regions.json"


def write_regions(labels: np.ndarray, files: Sequence[Path], names: Sequence[str], folder: Path) -> list[Path]:
    """Writes `NAME-regions.png` for each image, whose pixels are the numbers of regions, and `regions.json`.

    Args:
        labels: uint8 `[batch, height, width]`.
        files: The images.
        names: Name of each region.
        folder: Where to.

    Raises:
        ValueError: More regions than colours.
        OSError: A file cannot be written.
    """
    palette = component_colors(len(names)).ravel().tolist()
    written = []
    for regions, file in zip(labels, files, strict=True):
        image = Image.fromarray(regions).convert("P")
        image.putpalette(palette)
        written.append(folder / f"{file.stem}-regions.png")
        with replacing(written[-1], durable=False) as temporary:
            image.save(temporary)
    write_atomically(folder / JSON_FILE, json.dumps(coco(labels, [file.name for file in files], names)))
    return [*written, folder / JSON_FILE]
