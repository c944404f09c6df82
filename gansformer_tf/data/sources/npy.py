"""NumPy files: one array of images, or a folder of arrays."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from gansformer_tf.data.images.decode import MODES
from gansformer_tf.data.sources.arrays import ArrayError, check_value_range, load_array, names_in
from gansformer_tf.data.sources.base import Item, LeftOut, NameTable, Source, SourceError, digest, stamp
from gansformer_tf.data.sources.walk import extension_of, listed, walk

ARRAY_EXTENSIONS = (".npy", ".npz")


class NpySource(Source):
    """`.npy` and `.npz` files, each with one image or many.

    | shape | what it is |
    |---|---|
    | `[N, H, W, C]`, `[N, C, H, W]` | N images |
    | `[H, W, C]`, `[H, W]` | one image |
    | `[N, H, W]` | N grey images; `[C, H, W]`, one image, where a folder holds several files |

    Arrays are mapped, not loaded, so their size does not matter (compressed `.npz` files are loaded). Objects are
    never unpickled.

    Args:
        place: A file or a folder that holds some.
        value_range: Black and white of float arrays.
        key: Which array of an `.npz` file; None takes the only one that can hold images.

    Raises:
        SourceError: Nothing there, or a single file that is no array of images.
    """

    format = "npy"

    def __init__(
        self,
        place: str | os.PathLike[str],
        value_range: tuple[float, float] | None = None,
        key: str | None = None,
    ) -> None:
        self.place = os.fspath(place)
        self.left_out = LeftOut()
        path = Path(place)
        if path.is_dir():
            self.folder, names = path, NameTable(self._arrays_below(path))
        elif path.is_file():
            self.folder, names = path.parent, NameTable([path.name])
        else:
            raise SourceError(f"{self.place} does not exist; give a .npy file or a folder of them as --images-dir.")
        if not len(names):
            held = f" (it holds {listed(self.left_out)})" if self.left_out else ""
            raise SourceError(f"the folder {self.place} holds no .npy or .npz file{held}; check --images-dir.")
        self.names = names
        self.members = [_member(self.folder / name, key) for name in names]
        self.alone = len(names) == 1
        counts = [self._count(file) for file in range(len(names))]
        problems = [found for found in counts if isinstance(found, str)]
        if len(problems) == len(counts):
            raise SourceError(f"{self.place} holds no readable array ({problems[0]}).")
        if key is not None and not any(name.lower().endswith(".npz") for name in names):
            raise SourceError(f"{self.place} holds .npy files, one array each; leave --array-key out.")
        self._check_range(value_range)
        # a file that cannot be read counts as one image, so that it is reported
        self._starts = np.cumsum([0, *(1 if isinstance(found, str) else found for found in counts)])

    def _arrays_below(self, folder: Path) -> Iterator[str]:
        for name in walk(folder, self.left_out):
            if name.lower().endswith(ARRAY_EXTENSIONS):
                yield name
            else:
                self.left_out[extension_of(name)] += 1

    def _load(self, file: int) -> np.ndarray:
        return load_array(self.folder / self.names[file], self.members[file])

    def _holds_many(self, array: np.ndarray) -> bool:
        if array.ndim == 3 and array.shape[2] not in MODES:
            return self.alone or array.shape[0] not in MODES
        return array.ndim == 4

    def _count(self, file: int) -> int | str:
        name = self.names[file]
        try:
            array = self._load(file)
        except ArrayError as error:
            return f"{name}: {error}"
        if array.ndim not in (2, 3, 4):
            return f"{name}: {array.ndim} axes instead of 2, 3 or 4"
        return len(array) if self._holds_many(array) else 1

    def _check_range(self, value_range: tuple[float, float] | None) -> None:
        for file, name in enumerate(self.names):
            try:
                array = self._load(file)
            except ArrayError:
                continue
            check_value_range(name, array.dtype, value_range)
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
                    opened = (file, self._load(file))
                array = opened[1]
                yield Item(self.name(index), array=np.array(array[row] if self._holds_many(array) else array))
            except (ArrayError, OSError, ValueError, IndexError) as error:
                yield Item(self.name(index), problem=f"not a readable array ({' '.join(str(error).split())})")

    def identity(self) -> str:
        return digest(f"{name} {stamp(self.folder / name)}" for name in self.names)


def _member(path: Path, key: str | None) -> str | None:
    """Name of the array of images in an `.npz` file (empty where that is no archive); None for a `.npy` file."""
    if path.suffix.lower() != ".npz":
        return None
    try:
        names = names_in(path)
    except ArrayError:
        return ""
    if key in names:
        return key
    try:
        found = [name for name in names if _may_be_images(load_array(path, name))]
    except ArrayError:
        return names[0]  # reading it says what is wrong
    if key is None and len(found) == 1:
        return found[0]
    wanted = "" if key is None else f", none of them named {key!r}"
    raise SourceError(
        f"{path} has {len(found)} arrays of images ({', '.join(found) or 'none'}){wanted}; choose one with --array-key."
    )


def _may_be_images(array: np.ndarray) -> bool:
    return array.ndim in (3, 4) and array.dtype.kind in "uf"
