"""What all sources have in common."""

from __future__ import annotations

import abc
import collections
import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Label = int | tuple[float, ...]
LeftOut = collections.Counter[str]  # by extension, or `walk.HIDDEN`


class SourceError(ValueError):
    """A source that cannot be used at all: the value, the rule and the remedy."""


@dataclass(frozen=True)
class Item:
    """One image of a source, not yet decoded: an encoded file, an array, or the reason why there is neither.

    `name` is unique within the source and says where the image is; `label` is a class number, a vector, or None.
    """

    name: str
    encoded: bytes | None = None
    array: np.ndarray | None = None
    label: Label | None = None
    problem: str | None = None


class Source(abc.ABC):
    """Images numbered 0 to n-1, each of which can be read on its own.

    A source travels to worker processes (it is pickled), so files are opened while reading and not before.

    Attributes:
        format: The value of `--format`.
        place: The path or name the user gave.
        class_names: Names of the classes, in order; None without class labels.
        label_dim: Number of classes, or length of label vectors; 0 without labels.
        left_out: How many files of each extension are there and were not taken.
    """

    format = ""
    place = ""
    class_names: tuple[str, ...] | None = None
    label_dim = 0
    left_out: LeftOut = LeftOut()

    @abc.abstractmethod
    def __len__(self) -> int: ...

    @abc.abstractmethod
    def name(self, index: int) -> str:
        """Where an image is, within the source."""

    def label(self, index: int) -> Label | None:
        """The label of an image, without reading it; None without labels of this kind."""
        return None

    @abc.abstractmethod
    def read(self, indices: Sequence[int]) -> Iterator[Item]:
        """Yields the images of ascending indices, in order. An image that cannot be read gives its `problem`."""

    @abc.abstractmethod
    def identity(self) -> str:
        """SHA-256 over names, sizes, times of change and labels: another one when the source changes."""

    def describe(self) -> dict[str, Any]:
        """The entry `source` of a manifest."""
        return {"format": self.format, "place": self.place, "num_items": len(self), "identity": self.identity()}


def stamp(path: str | os.PathLike[str]) -> str:
    """Size and time of change of a file: what `identity` knows about its content without reading it."""
    try:
        status = os.stat(path)
    except OSError:
        return "unreadable"
    return f"{status.st_size} {status.st_mtime_ns}"


def digest(parts: Iterable[object]) -> str:
    """SHA-256 over the texts of some values."""
    state = hashlib.sha256()
    for part in parts:
        state.update(part if isinstance(part, bytes) else str(part).encode("utf-8", "surrogateescape"))
        state.update(b"\0")
    return state.hexdigest()


class NameTable:
    """Many texts in two arrays: a list of a few million Python strings would take gigabytes."""

    def __init__(self, names: Iterable[bytes | str]) -> None:
        blob, ends = bytearray(), _Growing()
        for name in names:
            blob += name.encode("utf-8", "surrogateescape") if isinstance(name, str) else name
            ends.append(len(blob))
        self._blob = bytes(blob)
        self._ends = np.concatenate([np.zeros(1, np.int64), ends.array()])

    def __len__(self) -> int:
        return len(self._ends) - 1

    def raw(self, index: int) -> bytes:
        return self._blob[self._ends[index] : self._ends[index + 1]]

    def __getitem__(self, index: int) -> str:
        return self.raw(index).decode("utf-8", "surrogateescape")

    def __iter__(self) -> Iterator[str]:
        return (self[index] for index in range(len(self)))


class _Growing:
    """An int64 array that grows at its end."""

    def __init__(self) -> None:
        self._values, self._size = np.empty(1024, np.int64), 0

    def append(self, value: int) -> None:
        if self._size == len(self._values):
            self._values = np.concatenate([self._values, np.empty_like(self._values)])
        self._values[self._size] = value
        self._size += 1

    def array(self) -> np.ndarray:
        return self._values[: self._size]


def runs(indices: Sequence[int], limit: int) -> Iterator[tuple[int, int]]:
    """Ascending indices as (start, stop) of neighbours, at most `limit` together."""
    start = stop = 0
    for index in indices:
        if index == stop and 0 < stop - start < limit:
            stop += 1
            continue
        if stop > start:
            yield start, stop
        start, stop = int(index), int(index) + 1
    if stop > start:
        yield start, stop
