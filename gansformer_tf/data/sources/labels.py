"""Labels from sub-folder names, a CSV file or a JSON file, joined to the pictures of a source by name."""

from __future__ import annotations

import csv
import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gansformer_tf.data.sources.base import Item, Label, Source, SourceError, digest

FOLDERS = "folders"
MAX_CLASSES = 100_000  # a column of file sizes or ids taken for labels would ask for far more


def with_folder_labels(source: Source) -> Source:
    """The class of a picture is the name of the folder it is in: the first one below the source.

    Raises:
        SourceError: Pictures without a folder, or only one folder.
    """
    found = set()
    for index in range(len(source)):
        name = source.name(index)
        if "/" not in name:
            raise SourceError(
                f"{name} lies in no sub-folder of {source.place}, so --labels folders gives it no class; move it, or "
                "give the labels in a file."
            )
        found.add(name.split("/", 1)[0])
    names = sorted(found)
    if len(names) < 2:
        raise SourceError(f"all pictures of {source.place} lie in one sub-folder ({names[0]}); leave --labels out.")
    numbers = {name: number for number, name in enumerate(names)}
    classes = (numbers[source.name(index).split("/", 1)[0]] for index in range(len(source)))
    return _Labelled(source, np.fromiter(classes, np.int64, len(source)), tuple(names))


def with_file_labels(source: Source, path: str | os.PathLike[str]) -> Source:
    """Labels from a `.csv` file (picture, label or several numbers) or a `.json` file.

    JSON is either `{"picture": label, ...}` or `{"labels": [["picture", label], ...]}` as StyleGAN writes it. A label
    is a class number, a class name, or a list of numbers (a vector).

    Raises:
        SourceError: The file cannot be read, names a picture twice, or leaves pictures without a label.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"the labels {path} cannot be read ({error}); check --labels.") from error
    if path.suffix.lower() == ".json":
        return with_json_labels(source, text, str(path))
    return _join(source, _csv_rows(text), str(path))


def with_json_labels(source: Source, text: str, origin: str) -> Source:
    """Like `with_file_labels`, for the content of a JSON file."""
    try:
        values = json.loads(text)
    except json.JSONDecodeError as error:
        raise SourceError(f"{origin} is not valid JSON ({error}).") from error
    if isinstance(values, dict) and "labels" in values:
        values = values["labels"]
    rows = values.items() if isinstance(values, dict) else values
    try:
        return _join(source, ((str(name), label) for name, label in rows), origin)
    except (TypeError, ValueError) as error:
        if isinstance(error, SourceError):
            raise
        raise SourceError(
            f'{origin} must hold {{"picture": label, ...}} or {{"labels": [["picture", label], ...]}} ({error}).'
        ) from error


def _csv_rows(text: str) -> Iterator[tuple[str, Any]]:
    rows = [row for row in csv.reader(text.splitlines()) if row]
    if rows and rows[0][0].strip().lower() in ("file", "filename", "name", "image", "path", "picture"):
        rows = rows[1:]
    for row in rows:
        if len(row) < 2:
            raise SourceError(f"the line {row[0]!r} of the labels has no label after the picture's name.")
        yield row[0].strip(), row[1].strip() if len(row) == 2 else [float(value) for value in row[1:]]


def _key(name: str) -> int:
    # 64 bits of a hash instead of the name: a few million names take 8 bytes each
    cleaned = os.path.normpath(name.replace("\\", "/"))
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
    wanted = np.fromiter((_key(source.name(index)) for index in range(len(source))), np.uint64, len(source))
    found = np.minimum(np.searchsorted(ordered, wanted), len(ordered) - 1)
    missing = np.flatnonzero(ordered[found] != wanted)
    if missing.size:
        raise SourceError(
            f"{origin} has no label for {missing.size} of {len(source)} pictures, the first is "
            f"{source.name(int(missing[0]))}; add them, or remove the pictures."
        )
    values, class_names = _encode(labels, origin)
    return _Labelled(source, values[order[found]], class_names)


def _encode(labels: list[Any], origin: str) -> tuple[np.ndarray, tuple[str, ...] | None]:
    """Class numbers `[N]` with names, or vectors `[N, D]` without."""
    if all(isinstance(label, list | tuple) for label in labels):
        sizes = {len(label) for label in labels}
        if len(sizes) != 1:
            raise SourceError(f"{origin} holds label vectors of different lengths: {sorted(sizes)[:4]}.")
        return np.array(labels, np.float32), None
    if any(isinstance(label, list | tuple | float | dict) or label is None for label in labels):
        raise SourceError(f"{origin} mixes kinds of labels; use class numbers, class names, or vectors throughout.")
    texts = [str(label) for label in labels]
    if all(text.isdecimal() for text in texts):
        numbers = np.array([int(text) for text in texts], np.int64)
        if numbers.max() >= MAX_CLASSES:
            raise SourceError(f"{origin} holds the class number {numbers.max()}; at most {MAX_CLASSES - 1} is allowed.")
        return numbers, tuple(str(number) for number in range(int(numbers.max()) + 1))
    names = sorted(set(texts))
    if len(names) > MAX_CLASSES:
        raise SourceError(f"{origin} holds {len(names)} class names; at most {MAX_CLASSES} are allowed.")
    positions = {name: number for number, name in enumerate(names)}
    return np.array([positions[text] for text in texts], np.int64), tuple(names)


class _Labelled(Source):
    """A source with labels of its own instead of those it came with."""

    def __init__(self, source: Source, values: np.ndarray, class_names: tuple[str, ...] | None) -> None:
        self.source, self.values, self.class_names = source, values, class_names
        self.format, self.place = source.format, source.place
        self.label_dim = len(class_names) if class_names is not None else values.shape[1]

    def __len__(self) -> int:
        return len(self.source)

    def name(self, index: int) -> str:
        return self.source.name(index)

    def read(self, indices: Sequence[int]) -> Iterator[Item]:
        for index, item in zip(indices, self.source.read(indices), strict=True):
            yield Item(item.name, item.encoded, item.array, self.label(index), item.problem)

    def label(self, index: int) -> Label:
        value = self.values[index]
        return int(value) if self.class_names is not None else tuple(float(one) for one in value)

    def identity(self) -> str:
        return digest([self.source.identity(), self.values.tobytes(), *(self.class_names or ())])
