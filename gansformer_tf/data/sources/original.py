"""The original code's TFRecords as a source, in the order in which images were added."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from gansformer_tf.data.manifest import DatasetError
from gansformer_tf.data.records.original import OriginalFiles, find_original, parse_original, read_labels
from gansformer_tf.data.records.tfrecord import CorruptRecordError, RecordFile, scan
from gansformer_tf.data.sources.base import Item, Source, SourceError, digest, stamp


class OriginalSource(Source):
    """A folder with `<name>-r<XX>.tfrecords<i>of<n>` files and optional `.labels`.

    A damaged record is one bad image. After a damaged length, the rest of a file is one bad image: nothing in
    it can be found any more.

    Args:
        place: The folder.
        only: Take the data set of this file, where a folder holds several.

    Raises:
        SourceError: There are none, several, or not all of them.
    """

    format = "tfrecords"

    def __init__(self, place: str | os.PathLike[str], only: str | None = None) -> None:
        self.place = os.fspath(place)
        folder = Path(place)
        if not folder.is_dir():
            raise SourceError(f"the folder {self.place} does not exist; check --images-dir.")
        try:
            files = find_original(folder, only)
        except DatasetError as error:
            raise SourceError(str(error)) from error
        if files is None:
            raise SourceError(f"the folder {self.place} holds no <name>-r<XX>.tfrecords<i>of<n> file.")
        self.shards = files.shards
        scans = [scan(folder / shard) for shard in files.shards]
        self.lengths = [lengths for lengths, _ in scans]
        self.problems = [problem for _, problem in scans]
        # (record, shard) sorted by record and then shard is the order in which images were added
        places = [
            (record, shard)
            for shard, lengths in enumerate(self.lengths)
            for record in range(len(lengths) + (self.problems[shard] is not None))
        ]
        self.places = np.array(sorted(places), np.int64).reshape(-1, 2)
        if not len(self.places):
            raise SourceError(f"the TFRecords in {self.place} hold no image.")
        self.labels = self._labels(folder, files)

    def _labels(self, folder: Path, files: OriginalFiles) -> np.ndarray | None:
        try:
            labels = read_labels(folder, files, sum(map(len, self.lengths)))
        except DatasetError as error:
            raise SourceError(str(error)) from error
        if labels is None or not labels.shape[1]:
            return None
        self.label_dim = labels.shape[1]
        if ((labels == 0) | (labels == 1)).all() and (labels.sum(axis=1) == 1).all():
            self.class_names = tuple(str(index) for index in range(self.label_dim))
        return labels

    def __len__(self) -> int:
        return len(self.places)

    def name(self, index: int) -> str:
        record, shard = self.places[index]
        return f"{self.shards[shard]}[{record}]"

    def read(self, indices: Sequence[int]) -> Iterator[Item]:
        files = [
            RecordFile(Path(self.place) / name, part) for name, part in zip(self.shards, self.lengths, strict=True)
        ]
        try:
            for index in indices:
                record, shard = (int(value) for value in self.places[index])
                if record == len(self.lengths[shard]):
                    yield Item(self.name(index), problem=f"{self.problems[shard]}; nothing after it can be found")
                    continue
                try:
                    array = parse_original(files[shard].read(record))
                    yield Item(self.name(index), array=array, label=self._label(record * len(files) + shard))
                except (CorruptRecordError, ValueError) as error:
                    yield Item(self.name(index), problem=str(error))
        finally:
            for file in files:
                file.close()

    def _label(self, added: int) -> int | tuple[float, ...] | None:
        if self.labels is None:
            return None
        row = self.labels[added]
        return int(row.argmax()) if self.class_names is not None else tuple(float(value) for value in row)

    def identity(self) -> str:
        sizes = [stamp(Path(self.place) / shard) for shard in self.shards]
        labels = self.labels.tobytes() if self.labels is not None else b""
        return digest([*self.shards, *sizes, labels])
