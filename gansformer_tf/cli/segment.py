"""`generate.py --segment`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from gansformer_tf.cli.common import UsageError, counted
from gansformer_tf.drawing.sampler import Sample
from gansformer_tf.edit.region_files import JSON_FILE, write_regions
from gansformer_tf.edit.regions import cluster, masks
from gansformer_tf.files import prepare_folder
from gansformer_tf.image_files import IMAGE, SOFTWARE, save_image


def segment_images(samples: Sequence[Sample], names: Sequence[str], regions: int, folder: Path, overwrite: bool) -> int:
    """Writes images, their regions and `regions.json`.

    Args:
        samples: With attention maps.
        names: Of the images.
        regions: How many; 0: the components.
        folder: Where to.
        overwrite: Whether an earlier segmentation is replaced.

    Raises:
        UsageError: The folder has a segmentation already.
        ValueError: Another number of regions than can be told apart.
    """
    if (folder / JSON_FILE).exists() and not overwrite:
        raise UsageError(f"{folder / JSON_FILE} is there already; choose another --output-dir, or add --overwrite.")
    height, width = samples[0].pixels.shape[:2]
    layers = range(len(samples[0].attention))
    maps = [np.stack([sample.attention[layer] for sample in samples]) for layer in layers]
    labels = cluster(maps, regions, height, width) if regions else masks(maps, height, width)
    count = regions or maps[-1].shape[-1]
    files = [folder / f"{name}.png" for name in names]
    prepare_folder(folder)
    for file, sample in zip(files, samples, strict=True):
        save_image(file, sample.pixels, {"software": SOFTWARE, "kind": IMAGE, "name": file.stem})
    what = "region" if regions else "component"
    write_regions(labels, files, [f"{what} {index}" for index in range(count)], folder)
    print(f"{counted(len(files))} and their regions written to {folder}.")
    return 0
