"""What all sources have in common."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np


class SourceError(ValueError):
    """A source that cannot be used at all: the value, the rule and the remedy."""


@dataclass(frozen=True)
class Item:
    """One picture of a source, not yet decoded: an encoded file, an array, or the reason why there is neither.

    `name` is unique within the source and says where the picture is; `label` is a class number, a vector, or None.
    """

    name: str
    encoded: bytes | None = None
    array: np.ndarray | None = None
    label: int | tuple[float, ...] | None = None
    problem: str | None = None


class Source:
    """Pictures numbered 0 to n-1.

    A source travels to worker processes (it is pickled), so files are opened on first use and `__getstate__` of a
    subclass drops what cannot travel.

    Attributes:
        format: The value of `--format`.
        place: The path or name the user gave.
        class_names: Names of the classes, in order, or None without class labels.
        label_dim: Number of classes, or length of label vectors; 0 without labels.
        max_items_per_task: Upper limit to the pictures one task holds; sources with large pictures lower it.
    """

    format = ""
    place = ""
    class_names: tuple[str, ...] | None = None
    label_dim = 0

    def __len__(self) -> int:
        raise NotImplementedError

    def read(self, indices: Sequence[int]) -> Iterator[Item]:
        """Yields the pictures of ascending indices, in order. A picture that cannot be read gives its `problem`."""
        raise NotImplementedError

    def identity(self) -> str:
        """SHA-256 over names, sizes and labels: changes when the source changes."""
        raise NotImplementedError


def digest(parts: Iterable[object]) -> str:
    """SHA-256 over the texts of some values."""
    state = hashlib.sha256()
    for part in parts:
        state.update(str(part).encode("utf-8", "surrogateescape"))
        state.update(b"\0")
    return state.hexdigest()


class NameTable:
    """Many texts in two arrays: a list of a few million Python strings would take gigabytes."""

    def __init__(self, names: Iterable[bytes | str]) -> None:
        blob, ends, end = [], [], 0
        for name in names:
            raw = name.encode("utf-8", "surrogateescape") if isinstance(name, str) else name
            blob.append(raw)
            end += len(raw)
            ends.append(end)
        self._blob = b"".join(blob)
        self._ends = np.array([0, *ends], np.int64)

    def __len__(self) -> int:
        return len(self._ends) - 1

    def raw(self, index: int) -> bytes:
        return self._blob[self._ends[index] : self._ends[index + 1]]

    def __getitem__(self, index: int) -> str:
        return self.raw(index).decode("utf-8", "surrogateescape")

    def __iter__(self) -> Iterator[str]:
        return (self[index] for index in range(len(self)))
