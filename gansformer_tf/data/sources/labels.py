"""Labels from folder names, a CSV file or a JSON file, joined to the images of a source by name."""

from __future__ import annotations

import hashlib
import os
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gansformer_tf.data.sources.base import Item, Label, Source, SourceError, digest
from gansformer_tf.data.sources.folder import FolderSource
from gansformer_tf.data.sources.label_tables import csv_rows, has_labels, json_rows
from gansformer_tf.data.sources.label_values import encode_labels
from gansformer_tf.data.sources.walk import LeftOut
from gansformer_tf.data.sources.zip import ZipSource

FOLDERS, NONE = "folders", "none"
LABELS_FILE = "dataset.json"


def with_folder_labels(source: Source) -> Source:
    """The class of an image is the name of the folder it is in, at the first level where folders differ.

    Raises:
        SourceError: Images without a folder, or only one folder.
    """
    common = common_folders(source)
    depth = len(common)
    if all(source.name(index).count("/") == depth for index in range(len(source))):
        raise SourceError(
            f"all images of {source.place} lie in one folder{f' ({common[-1]})' if common else ''}, which makes no "
            "classes; leave --labels out."
        )
    names = {_class_of(source, index, common) for index in range(len(source))}
    ordered = sorted(names)
    numbers = {name: number for number, name in enumerate(ordered)}
    classes = (numbers[_class_of(source, index, common)] for index in range(len(source)))
    return _Labelled(source, np.fromiter(classes, np.int64, len(source)), tuple(ordered))


def _class_of(source: Source, index: int, common: list[str]) -> str:
    parts = source.name(index).split("/")[len(common) :]
    if len(parts) < 2:
        raise SourceError(
            f"{source.name(index)} lies in no sub-folder of {'/'.join((source.place, *common))}, so --labels folders "
            "gives it no class; move it, or give the labels in a file."
        )
    return parts[0]


def common_folders(source: Source) -> list[str]:
    """Folders that all images lie in: `pets` for an archive of `pets/cat/...` and `pets/dog/...`."""
    common = source.name(0).split("/")[:-1]
    for index in range(1, len(source)):
        folders = source.name(index).split("/")[:-1]
        while common != folders[: len(common)]:
            common.pop()
    return common


def with_file_labels(source: Source, path: str | os.PathLike[str]) -> Source:
    """Labels from a `.json` or another file, which is read as CSV; see `label_tables`.

    Raises:
        SourceError: The file cannot be read, names an image twice, or leaves images without a label.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise SourceError(f"the labels {path} are no UTF-8 text ({error.reason}); save them as CSV UTF-8.") from error
    except OSError as error:
        raise SourceError(f"the labels {path} cannot be read ({error}); check --labels.") from error
    if path.suffix.lower() == ".json":
        return _join(source, json_rows(text, str(path)), str(path))
    keys = _keys(source)
    return _join(source, csv_rows(text, str(path), lambda name: bool((keys == _key(name)).any())), str(path))


def with_own_labels(source: FolderSource | ZipSource) -> Source:
    """The labels of a `dataset.json` among the images, as StyleGAN's tool writes it; the source itself without one.

    It lies at the top, or in a folder that all images lie in.

    Raises:
        SourceError: The file is damaged or does not fit.
    """
    folders = common_folders(source)
    for depth in range(len(folders) + 1):
        below = "".join(f"{folder}/" for folder in folders[:depth])
        text = source.text_of(below + LABELS_FILE)
        if text is None or not has_labels(text):
            continue
        source.left_out -= LeftOut({".json": 1})
        origin = f"{below}{LABELS_FILE} in {source.place}"
        return _join(source, [(below + name, label) for name, label in json_rows(text, origin)], origin)
    return source


def _keys(source: Source) -> np.ndarray:
    return np.fromiter((_key(source.name(index)) for index in range(len(source))), np.uint64, len(source))


def _key(name: str) -> int:
    # 64 bits of a hash instead of the name: a few million names take 8 bytes each. macOS writes names in decomposed
    # form, tables are written in composed form.
    cleaned = unicodedata.normalize("NFC", os.path.normpath(name.replace("\\", "/")))
    return int.from_bytes(hashlib.blake2b(cleaned.encode("utf-8", "surrogateescape"), digest_size=8).digest(), "little")


def _join(source: Source, rows: Iterable[tuple[str, Any]], origin: str) -> Source:
    names, labels = [], []
    keys = []
    for name, label in rows:
        names.append(name)
        keys.append(_key(name))
        labels.append(label)
    if not labels:
        raise SourceError(f"{origin} holds no label.")
    order = np.argsort(np.array(keys, np.uint64), kind="stable")
    ordered = np.array(keys, np.uint64)[order]
    twice = np.flatnonzero(ordered[1:] == ordered[:-1])
    if twice.size:
        raise SourceError(
            f"{origin} names {names[order[twice[0]]]} twice, with labels {labels[order[twice[0]]]!r} and "
            f"{labels[order[twice[0] + 1]]!r}; keep one."
        )
    wanted = _keys(source)
    found = np.minimum(np.searchsorted(ordered, wanted), len(ordered) - 1)
    missing = np.flatnonzero(ordered[found] != wanted)
    if missing.size:
        raise SourceError(
            f"{origin} has no label for {missing.size} of {len(source)} images, the first is "
            f"{source.name(int(missing[0]))}; add them, or remove the images."
        )
    values, class_names = encode_labels(labels, origin)
    return _Labelled(source, values[order[found]], class_names)


def without_labels(source: Source) -> Source:
    """The source without the labels it came with."""
    return _Labelled(source, np.zeros((len(source), 0), np.float32), None) if source.label_dim else source


class _Labelled(Source):
    """A source with labels of its own instead of those it came with."""

    def __init__(self, source: Source, values: np.ndarray, class_names: tuple[str, ...] | None) -> None:
        self.source, self.values, self.class_names = source, values, class_names
        self.format, self.place, self.left_out = source.format, source.place, source.left_out
        self.label_dim = len(class_names) if class_names is not None else values.shape[1]

    def __len__(self) -> int:
        return len(self.source)

    def name(self, index: int) -> str:
        return self.source.name(index)

    def read(self, indices: Sequence[int]) -> Iterator[Item]:
        for index, item in zip(indices, self.source.read(indices), strict=True):
            yield Item(item.name, item.encoded, item.array, self.label(index), item.problem)

    def label(self, index: int) -> Label | None:
        if not self.label_dim:
            return None
        value = self.values[index]
        return int(value) if self.class_names is not None else tuple(float(one) for one in value)

    def identity(self) -> str:
        return digest([self.source.identity(), self.values.tobytes(), *(self.class_names or ())])
