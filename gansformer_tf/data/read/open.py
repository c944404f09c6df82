"""Opens a data set, whatever kind it is of."""

from __future__ import annotations

import os
from pathlib import Path

from gansformer_tf.config.data import BASE_GRID
from gansformer_tf.data.manifest import DatasetError, read_manifest
from gansformer_tf.data.read.dataset_info import DatasetInfo
from gansformer_tf.data.read.original_folder import read_original
from gansformer_tf.data.read.zip_archive import is_zip, read_zip
from gansformer_tf.data.records.original import find_original


def read_info(path: str | os.PathLike[str]) -> DatasetInfo:
    """Reads what a prepared folder holds (or one of the original code's TFRecords, or a ZIP archive of images).

    Raises:
        DatasetError: It is missing, incomplete, or of a size the networks cannot have.

    Example:

    >>> info = gf.data.read_info("datasets/birds")
    >>> info.num_images, info.height, info.width, info.label_dim
    (16, 16, 16, 0)
    """
    folder = Path(path)
    if is_zip(folder) and folder.is_file():
        info = read_zip(folder)
    elif not folder.is_dir():
        raise DatasetError(f"the data set folder {folder} does not exist; prepare it first: see prepare_data.py -h.")
    else:
        info = read_original(folder) if find_original(folder) else _read_prepared(folder)
    unit = info.resolution // BASE_GRID
    if info.resolution & (info.resolution - 1) or info.height % unit or info.width % unit:
        raise DatasetError(
            f"the images of {folder} have {info.height}x{info.width} pixels; the longer side must be a power of two "
            f"and the shorter one a multiple of its quarter. Prepare them again with prepare_data.py."
        )
    return info


def _read_prepared(folder: Path) -> DatasetInfo:
    manifest = read_manifest(folder)
    return DatasetInfo(
        name=manifest.name,
        folder=folder,
        height=manifest.height,
        width=manifest.width,
        channels=manifest.channels,
        num_images=manifest.num_images,
        label_dim=manifest.label_dim,
        class_names=manifest.class_names,
        encoding=manifest.encoding,
        resize_filter=manifest.resize_filter,
        shards=tuple(shard.file for shard in manifest.shards),
        shard_lengths=tuple(shard.num_images for shard in manifest.shards),
    )
