"""TFRecords of the original code: `<dir>-r<XX>.tfrecords<i>of<n>` with raw `[C, H, W]` pixels, `.labels` beside them.

There is one set of files per resolution; only the largest is used. The original reads shard after shard while its
labels stay in the order in which images were added, which assigns labels to the wrong images as soon as there is
more than one shard. Image j was added to shard j mod n, so the right label is known, and used here.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gansformer_tf.data.manifest import DatasetError
from gansformer_tf.data.records.example import decode_example

_FILE = re.compile(r"(?P<name>.+)-r(?P<level>\d\d)\.tfrecords(?P<index>\d+)of(?P<count>\d+)")
SHAPE, DATA = "shape", "data"


@dataclass(frozen=True)
class OriginalFiles:
    """The shards of the largest resolution in a folder, in order."""

    name: str
    level: int
    shards: tuple[str, ...]
    labels: str | None


def find_original(folder: str | os.PathLike[str], only: str | None = None) -> OriginalFiles | None:
    """The original's files in a folder, or None if there are none; with `only`, those of the data set of that file.

    Raises:
        DatasetError: Files of several data sets, or not all shards.
    """
    found: dict[int, dict[int, str]] = {}
    counts: dict[int, int] = {}
    names = set()
    wanted = _FILE.fullmatch(only) if only is not None else None
    for entry in sorted(os.listdir(folder)):
        match = _FILE.fullmatch(entry)
        if match and (wanted is None or match["name"] == wanted["name"]):
            level = int(match["level"])
            found.setdefault(level, {})[int(match["index"])] = entry
            counts[level] = int(match["count"])
            names.add(match["name"])
    if not found:
        return None
    if len(names) > 1:
        raise DatasetError(f"{folder} holds TFRecords of several data sets ({', '.join(sorted(names))}); keep one.")
    level = max(found)
    missing = [index for index in range(1, counts[level] + 1) if index not in found[level]]
    if missing:
        raise DatasetError(f"{folder} lacks shard {missing[0]} of {counts[level]} at resolution {2**level}.")
    name = names.pop()
    labels = sorted(entry for entry in os.listdir(folder) if entry.endswith(".labels") and entry.startswith(name))
    shards = tuple(found[level][index] for index in range(1, counts[level] + 1))
    return OriginalFiles(name, level, shards, labels[0] if labels else None)


def holds_original(folder: str | os.PathLike[str]) -> bool:
    """Whether a folder holds any file of the original code."""
    return any(_FILE.fullmatch(entry) for entry in os.listdir(folder))


def parse_original(payload: bytes) -> np.ndarray:
    """The image of one record, uint8 `[C, H, W]`.

    Raises:
        ValueError: The record has another content.
    """
    features = decode_example(payload)
    try:
        shape, data = tuple(features[SHAPE]), features[DATA][0]
        return np.frombuffer(data, np.uint8).reshape(shape)
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise ValueError(f"not a record of the original format ({error})") from error


def read_labels(folder: Path, files: OriginalFiles, num_images: int) -> np.ndarray | None:
    """Label vectors float32 `[N, label_dim]` in the order in which images were added, or None."""
    if files.labels is None:
        return None
    try:
        labels = np.load(folder / files.labels, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise DatasetError(f"the labels {folder / files.labels} cannot be read ({error}); remove them.") from error
    if labels.ndim == 1:
        labels = np.eye(int(labels.max()) + 1, dtype=np.float32)[labels.astype(np.int64)]
    if labels.ndim != 2 or len(labels) < num_images:
        raise DatasetError(
            f"{folder / files.labels} has labels of shape {labels.shape} for {num_images} images; remove it, "
            "or complete it."
        )
    return labels.astype(np.float32)


def added_number(shard: int, record: int, num_shards: int) -> int:
    """When an image was added: image j went to shard j mod n."""
    return record * num_shards + shard
