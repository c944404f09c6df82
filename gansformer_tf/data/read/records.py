"""The records of a data set by number."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from gansformer_tf.data.manifest import LENGTHS, DatasetError
from gansformer_tf.data.read.dataset_info import DatasetInfo
from gansformer_tf.data.read.zip_archive import ZipShard, is_zip
from gansformer_tf.data.records.tfrecord import OVERHEAD_BYTES, CorruptRecordError, RecordFile, scan


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
