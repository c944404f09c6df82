"""Folders of the original code's TFRecords as data sets."""

from __future__ import annotations

from pathlib import Path

from gansformer_tf.data.manifest import DatasetError
from gansformer_tf.data.read.dataset_info import DatasetInfo
from gansformer_tf.data.records.original import find_original, parse_original, read_labels
from gansformer_tf.data.records.tfrecord import RecordFile, scan


def read_original(folder: Path) -> DatasetInfo:
    """What a folder of the original's TFRecords holds."""
    files = find_original(folder)
    if files is None:
        raise DatasetError(f"{folder} holds no TFRecords of the original format.")
    lengths = [scan(folder / shard) for shard in files.shards]
    for shard, (_, problem) in zip(files.shards, lengths, strict=True):
        if problem is not None:
            raise DatasetError(f"corrupt shard {shard}: {problem}. Restore it from a copy.")
    counts = tuple(len(found) for found, _ in lengths)
    if not sum(counts):
        raise DatasetError(f"the TFRecords in {folder} hold no images.")
    first = next(index for index, count in enumerate(counts) if count)
    file = RecordFile(folder / files.shards[first], lengths[first][0])
    try:
        channels, height, width = parse_original(file.read(0)).shape
    except ValueError as error:
        raise DatasetError(f"{folder / files.shards[first]}: {error}.") from error
    finally:
        file.close()
    labels = read_labels(folder, files, sum(counts))
    return DatasetInfo(
        name=files.name,
        folder=folder,
        height=height,
        width=width,
        channels=channels,
        num_images=sum(counts),
        label_dim=labels.shape[1] if labels is not None else 0,
        class_names=None,
        encoding="original",
        resize_filter="unknown",
        shards=files.shards,
        shard_lengths=counts,
    )
