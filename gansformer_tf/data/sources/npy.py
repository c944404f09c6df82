"""NumPy files: one array of pictures, or a folder of arrays."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from gansformer_tf.data.sources.base import Item, NameTable, Source, SourceError, digest, stamp
from gansformer_tf.data.sources.folder import walk


class NpySource(Source):
    """`.npy` files, each with one picture (2 or 3 axes) or many (4 axes, the first counts them).

    Arrays are mapped, not loaded, so their size does not matter. Objects are never unpickled.

    Args:
        place: A `.npy` file or a folder that holds some.
        value_range: Black and white of float arrays.

    Raises:
        SourceError: Nothing there, or a single file that is no array of pictures.
    """

    format = "npy"

    def __init__(self, place: str | os.PathLike[str], value_range: tuple[float, float] | None = None) -> None:
        self.place = os.fspath(place)
        path = Path(place)
        if path.is_dir():
            self.folder, names = path, NameTable(walk(path, (".npy",)))
        elif path.is_file():
            self.folder, names = path.parent, NameTable([path.name])
        else:
            raise SourceError(f"{self.place} does not exist; give a .npy file or a folder of them as --images-dir.")
        if not len(names):
            raise SourceError(f"the folder {self.place} holds no .npy file; check --images-dir.")
        self.names = names
        counts = [_count(self.folder / name) for name in names]
        problems = [found for found in counts if isinstance(found, str)]
        if len(problems) == len(counts):
            raise SourceError(f"{self.place} holds no readable array ({problems[0]}).")
        self._check_range(value_range)
        # a file that cannot be read counts as one picture, so that it is reported
        self._starts = np.cumsum([0, *(1 if isinstance(found, str) else found for found in counts)])

    def _check_range(self, value_range: tuple[float, float] | None) -> None:
        for name in self.names:
            try:
                array = _load(self.folder / name)
            except (OSError, ValueError):
                continue
            if array.dtype.kind == "f" and value_range is None:
                raise SourceError(
                    f"{name} holds {array.dtype} values: say what black and white are, e.g. --value-range 0,1."
                )
            return

    def __len__(self) -> int:
        return int(self._starts[-1])

    def _locate(self, index: int) -> tuple[int, int]:
        file = int(np.searchsorted(self._starts, index, side="right")) - 1
        return file, int(index - self._starts[file])

    def name(self, index: int) -> str:
        file, row = self._locate(index)
        many = self._starts[file + 1] - self._starts[file] > 1
        return f"{self.names[file]}[{row}]" if many else self.names[file]

    def read(self, indices: Sequence[int]) -> Iterator[Item]:
        opened: tuple[int, np.ndarray] | None = None
        for index in indices:
            file, row = self._locate(index)
            try:
                if opened is None or opened[0] != file:
                    opened = (file, _load(self.folder / self.names[file]))
                array = opened[1]
                yield Item(self.name(index), array=np.array(array[row] if array.ndim == 4 else array))
            except (OSError, ValueError, IndexError) as error:
                yield Item(self.name(index), problem=f"not a readable array ({' '.join(str(error).split())})")

    def identity(self) -> str:
        return digest(f"{name} {stamp(self.folder / name)}" for name in self.names)


def _load(path: Path) -> np.ndarray:
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except EOFError as error:
        raise ValueError(str(error)) from error


def _count(path: Path) -> int | str:
    try:
        array = _load(path)
    except (OSError, ValueError) as error:
        return f"{path.name}: {' '.join(str(error).split())}"
    if array.ndim == 4:
        return len(array)
    return 1 if array.ndim in (2, 3) else f"{path.name}: {array.ndim} axes instead of 2, 3 or 4"
