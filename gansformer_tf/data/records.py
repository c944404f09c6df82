"""A prepared folder as training sees it: what is in it, and its records by number."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gansformer_tf.config.data import BASE_GRID, picture_size
from gansformer_tf.data.manifest import LENGTHS, DatasetError, read_manifest
from gansformer_tf.data.original import find_original, read_original
from gansformer_tf.data.tfrecord import OVERHEAD_BYTES, CorruptRecordError, RecordFile, scan
from gansformer_tf.data.zipped import ZipShard, is_zip, read_zip


@dataclass(frozen=True)
class DatasetInfo:
    """What a data set holds.

    `encoding` is png, jpeg, webp, raw (`[H, W, C]`), or original (records of the original code, raw `[C, H, W]`).
    `label_dim` is the number of classes, or the length of label vectors; 0 without labels.
    """

    name: str
    folder: Path
    height: int
    width: int
    channels: int
    num_images: int
    label_dim: int
    class_names: tuple[str, ...] | None
    encoding: str
    resize_filter: str
    shards: tuple[str, ...]
    shard_lengths: tuple[int, ...]

    @property
    def resolution(self) -> int:
        """The longer side in pixels."""
        return max(self.height, self.width)

    def cropped_size(self, ratio: float | None) -> tuple[int, int]:
        """(height, width) after cropping to a ratio (height / width) while reading; None keeps all.

        Raises:
            DatasetError: The pictures are not large enough in that direction.
        """
        if ratio is None:
            return self.height, self.width
        height, width = picture_size(self.resolution, ratio)
        if height > self.height or width > self.width:
            raise DatasetError(
                f"--ratio {ratio:g} asks for {height}x{width} (height x width) but the pictures of {self.name} have "
                f"{self.height}x{self.width}; prepare it again with --ratio {ratio:g}, or leave --ratio out."
            )
        return height, width


def read_info(path: str | os.PathLike[str]) -> DatasetInfo:
    """Reads what a prepared folder holds (or one of the original code's TFRecords, or a ZIP archive of pictures).

    Raises:
        DatasetError: It is missing, incomplete, or of a size the networks cannot have.
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
            f"the pictures of {folder} have {info.height}x{info.width} pixels; the longer side must be a power of two "
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


class Records:
    """The records of a data set by number, 0 to `num_images - 1`, in the order of the shards.

    Raises:
        DatasetError: A shard is missing.
        CorruptRecordError: A shard was cut, or has another size than when it was written.
    """

    def __init__(self, info: DatasetInfo) -> None:
        self.info = info
        self._starts = np.concatenate([[0], np.cumsum(info.shard_lengths)]).astype(np.int64)
        lengths = _stored_lengths(info)
        self._files: list[RecordFile | ZipShard] = []
        for index, name in enumerate(info.shards):
            path = info.folder / name
            if not path.is_file():
                raise DatasetError(f"the shard {path} is missing; restore it, or prepare the data set again.")
            if is_zip(path):
                self._files.append(ZipShard(path, (info.height, info.width)))
                continue
            part = lengths[self._starts[index] : self._starts[index + 1]] if lengths is not None else None
            self._files.append(RecordFile(path, _check(path, info.shard_lengths[index], part)))

    def __len__(self) -> int:
        return self.info.num_images

    def read(self, number: int) -> bytes:
        """Serialised `tf.train.Example` of a record. May be called from several threads.

        Raises:
            CorruptRecordError: It is damaged; the message names the shard and the record in it.
        """
        shard, index = self.locate(number)
        return self._files[shard].read(index)

    def locate(self, number: int) -> tuple[int, int]:
        """(shard, record in that shard) of a record."""
        shard = int(np.searchsorted(self._starts, number, side="right")) - 1
        return shard, int(number - self._starts[shard])

    def describe(self, number: int) -> str:
        """`record 3 in shard NAME`, for messages."""
        shard, index = self.locate(number)
        return f"record {index} in shard {self.info.shards[shard]}"

    def close(self) -> None:
        for file in self._files:
            file.close()


def _stored_lengths(info: DatasetInfo) -> np.ndarray | None:
    try:
        lengths = np.load(info.folder / LENGTHS, allow_pickle=False)
    except (OSError, ValueError):
        return None  # it only saves time: without it the shards are scanned
    return lengths if lengths.shape == (info.num_images,) else None


def _check(path: Path, expected: int, lengths: np.ndarray | None) -> np.ndarray:
    """Lengths of the records of a shard, checked against the size of the file."""
    if lengths is not None and int((lengths.astype(np.int64) + OVERHEAD_BYTES).sum()) == path.stat().st_size:
        return lengths
    found, problem = scan(path)
    if problem is None and len(found) != expected:
        problem = f"it holds {len(found)} records instead of {expected}"
    if problem is not None:
        raise CorruptRecordError(
            f"corrupt shard {path.name}: {problem}. Prepare the data set again, or restore {path} from a copy."
        )
    return found
