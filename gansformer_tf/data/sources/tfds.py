"""TFDS data sets, read from their folder on disk without TensorFlow."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from gansformer_tf.data.records.example import decode_example
from gansformer_tf.data.records.tfrecord import CorruptRecordError, RecordFile, scan
from gansformer_tf.data.sources.base import Item, Source, SourceError, digest, stamp
from gansformer_tf.data.sources.walk import walk

INFO, FEATURES = "dataset_info.json", "features.json"
_NAME = re.compile(r"[a-z0-9_]+(?::[\w.*]+)?(?:/[\w.:*=,-]+)*")


@dataclass(frozen=True)
class ImageFeature:
    """How the images of a data set are stored: an encoded file, or the bytes of a uint8 tensor of some shape."""

    key: str
    shape: tuple[int, ...] | None  # None: an encoded file


class TfdsSource(Source):
    """A split of a TFDS data set.

    Args:
        place: A folder with `dataset_info.json`, or a name such as `cifar10` or `oxford_flowers102:2.1.1`, which
            TFDS then downloads and prepares in its own folder.
        key: Feature of the images, e.g. `image`; None takes the only one.
        split: Name of the split.

    Raises:
        SourceError: Not found, or without images.
    """

    format = "tfds"

    def __init__(self, place: str | os.PathLike[str], key: str | None = None, split: str = "train") -> None:
        self.place = os.fspath(place)
        self.folder = _find_folder(self.place)
        info, features = _load(self.folder / INFO), _load(self.folder / FEATURES)
        self.split = split
        self.files, counts = _files(self.folder, info, split)
        flat = dict(_flatten(features))
        self.image = _choose_image(flat, key, self.place)
        self._label_key, self.class_names = _choose_label(flat, self.folder)
        self.label_dim = len(self.class_names) if self.class_names is not None else 0
        self._open = _reader(info.get("fileFormat", "tfrecord"), self.folder)
        self._starts = np.cumsum([0, *counts])
        if not len(self):
            raise SourceError(f"the split {split!r} of {self.place} is empty.")

    def __len__(self) -> int:
        return int(self._starts[-1])

    def _locate(self, index: int) -> tuple[int, int]:
        file = int(np.searchsorted(self._starts, index, side="right")) - 1
        return file, int(index - self._starts[file])

    def name(self, index: int) -> str:
        file, record = self._locate(index)
        return f"{self.files[file]}[{record}]"

    def read(self, indices: Sequence[int]) -> Iterator[Item]:
        opened: tuple[int, RecordReader] | None = None
        try:
            for index in indices:
                file, record = self._locate(index)
                if opened is None or opened[0] != file:
                    if opened is not None:
                        opened[1].close()
                    opened = (file, self._open(self.folder / self.files[file]))
                try:
                    yield self._item(self.name(index), opened[1].read(record))
                except (CorruptRecordError, ValueError, KeyError, IndexError) as error:
                    yield Item(self.name(index), problem=str(error) or type(error).__name__)
        finally:
            if opened is not None:
                opened[1].close()

    def _item(self, name: str, payload: bytes) -> Item:
        features = decode_example(payload)
        label = int(features[self._label_key][0]) if self._label_key is not None else None
        stored = features[self.image.key]
        if self.image.shape is None:
            return Item(name, encoded=stored[0], label=label)
        pixels = np.frombuffer(stored[0], np.uint8) if isinstance(stored[0], bytes) else np.array(stored, np.uint8)
        return Item(name, array=pixels.reshape(self.image.shape), label=label)

    def identity(self) -> str:
        sizes = [stamp(self.folder / name) for name in self.files]
        return digest([self.image.key, self.split, *self.files, *sizes, *(self.class_names or ())])


class RecordReader(Protocol):
    """Records of one file by number."""

    def read(self, index: int) -> bytes: ...

    def close(self) -> None: ...


def _find_folder(place: str) -> Path:
    """The folder with the metadata: the place itself, its newest version below, or where TFDS prepares the name."""
    path = Path(place)
    if path.is_dir():
        if (path / INFO).is_file():
            return path
        found = [path / name for name in walk(path) if name.endswith(f"/{INFO}")]
        if found:
            return max(found, key=lambda file: _version(file.parent.name)).parent
        raise SourceError(f"{place} is no TFDS folder (no {INFO} in it or below it).")
    if not _NAME.fullmatch(place):
        raise SourceError(f"{place!r} is neither a folder nor a TFDS name such as cifar10 or mnist:3.0.1.")
    return _prepare_named(place)


def _version(name: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", name)) or (-1,)


def _prepare_named(name: str) -> Path:
    # In a process of its own: TensorFlow would stay in memory and keep workers from being forked.
    program = (
        "import sys, tensorflow_datasets as tfds\n"
        "builder = tfds.builder(sys.argv[1])\n"
        "builder.download_and_prepare(file_format='tfrecord')\n"
        "print('\\n' + str(builder.data_path))"
    )
    result = subprocess.run([sys.executable, "-c", program, name], stdout=subprocess.PIPE, text=True, check=False)
    if result.returncode != 0:
        raise SourceError(
            f"TFDS could not prepare {name!r} (its message stands above); check the name and the connection, or give "
            "a folder that was prepared elsewhere as --images-dir."
        )
    return Path(result.stdout.strip().splitlines()[-1])


def _load(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SourceError(f"{path} cannot be read ({error}); prepare the TFDS data set again.") from error


def _files(folder: Path, info: dict[str, Any], split: str) -> tuple[list[str], list[int]]:
    splits = {entry["name"]: entry for entry in info.get("splits", [])}
    if split not in splits:
        raise SourceError(f"{folder} has no split {split!r}; it has: {', '.join(splits)}. Choose one with --split.")
    entry = splits[split]
    counts = [int(length) for length in entry.get("shardLengths", [])]
    template = entry.get("filepathTemplate") or "{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}"
    names = []
    for index in range(len(counts)):
        values = {
            "DATASET": info.get("name", folder.name),
            "SPLIT": split,
            "FILEFORMAT": info.get("fileFormat", "tfrecord"),
            "SHARD_INDEX": f"{index:05d}",
            "NUM_SHARDS": f"{len(counts):05d}",
            "SHARD_X_OF_Y": f"{index:05d}-of-{len(counts):05d}",
        }
        names.append(re.sub(r"\{(\w+)\}", lambda match, values=values: values[match[1]], template))
        if not (folder / names[-1]).is_file():
            raise SourceError(f"the file {folder / names[-1]} is missing; prepare the TFDS data set again.")
    return names, counts


def _flatten(feature: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    inner = feature.get("featuresDict", {}).get("features")
    if inner is None:
        yield prefix, feature
        return
    for name, child in inner.items():
        yield from _flatten(child, f"{prefix}/{name}" if prefix else name)


def _shape(feature: dict[str, Any]) -> tuple[int, ...]:
    return tuple(int(size) for size in feature.get("shape", {}).get("dimensions", []))


def _choose_image(features: dict[str, dict[str, Any]], key: str | None, place: str) -> ImageFeature:
    found: dict[str, ImageFeature] = {}
    for name, feature in features.items():
        tensor = feature.get("tensor", {})
        if "image" in feature or (tensor.get("dtype") == "string" and name.endswith("encoded")):
            found[name] = ImageFeature(name, None)
        elif tensor.get("dtype") == "uint8" and len(_shape(tensor)) in (2, 3) and tensor.get("encoding") != "zlib":
            found[name] = ImageFeature(name, _shape(tensor))
    if key is None and len(found) == 1:
        return next(iter(found.values()))
    listed = ", ".join(found) or "none"
    if key is None:
        raise SourceError(f"{place} has {len(found)} features with images ({listed}); choose one with --tfds-key.")
    if key not in found:
        raise SourceError(f"{place} has no images in a feature {key!r}; it has: {listed}. Check --tfds-key.")
    return found[key]


def _choose_label(features: dict[str, dict[str, Any]], folder: Path) -> tuple[str | None, tuple[str, ...] | None]:
    found = [name for name, feature in features.items() if "classLabel" in feature]
    if len(found) != 1:  # none, or several and no way to know which
        return None, None
    count = int(features[found[0]]["classLabel"].get("numClasses", 0))
    names_file = folder / f"{found[0].replace('/', '-')}.labels.txt"
    if names_file.is_file():
        names = tuple(names_file.read_text(encoding="utf-8").splitlines())
        if len(names) == count:
            return found[0], names
    return found[0], tuple(str(index) for index in range(count))


def _reader(file_format: str, folder: Path) -> type[_TfRecords] | type[_ArrayRecords]:
    if file_format == "tfrecord":
        return _TfRecords
    if file_format == "array_record":
        return _ArrayRecords
    raise SourceError(f"{folder} is stored as {file_format}; prepare it with file_format='tfrecord'.")


class _TfRecords(RecordFile):
    def __init__(self, path: Path) -> None:
        super().__init__(path, scan(path)[0])

    def read(self, index: int) -> bytes:
        if index >= len(self):
            raise CorruptRecordError(f"the file ends after {len(self)} records: it was cut")
        return super().read(index)


class _ArrayRecords:
    def __init__(self, path: Path) -> None:
        from array_record.python.array_record_module import ArrayRecordReader

        self._reader = ArrayRecordReader(str(path))

    def read(self, index: int) -> bytes:
        return self._reader.read([index])[0]

    def close(self) -> None:
        self._reader.close()
