"""LMDB environments: LSUN's layout (values are image files) and raw arrays."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gansformer_tf.data.sources.base import Item, NameTable, Source, SourceError, digest, stamp

if TYPE_CHECKING:
    import lmdb

_NPY_MAGIC = b"\x93NUMPY"


class LmdbSource(Source):
    """Values that are image files, `.npy` files, or the plain bytes of arrays of one known shape.

    Args:
        place: The folder with `data.mdb` (or a single file).
        array_shape: Shape of plain uint8 arrays, `[H, W, C]` or `[C, H, W]`; None: values say what they are.

    Raises:
        SourceError: No LMDB, an empty one, or one that was copied only in part.
    """

    format = "lmdb"

    def __init__(self, place: str | os.PathLike[str], array_shape: tuple[int, ...] | None = None) -> None:
        import lmdb

        self.place, self.array_shape = os.fspath(place), array_shape
        self.file = Path(place) / "data.mdb" if Path(place).is_dir() else Path(place)
        if not self.file.is_file():
            raise SourceError(f"{self.place} holds no LMDB (no data.mdb); check --images-dir.")
        try:
            with _open(self.file) as environment:
                _check_complete(environment, self.file)
                with environment.begin(buffers=False) as transaction:
                    self.keys = NameTable(transaction.cursor().iternext(keys=True, values=False))
        except lmdb.Error as error:
            raise SourceError(f"{self.file} cannot be opened as LMDB ({error}); copy it again.") from error
        if not len(self.keys):
            raise SourceError(f"{self.place} is an empty LMDB.")

    def __len__(self) -> int:
        return len(self.keys)

    def name(self, index: int) -> str:
        return self.keys.raw(index).decode("utf-8", "backslashreplace")

    def read(self, indices: Sequence[int]) -> Iterator[Item]:
        import lmdb

        # Opened for one task only: the pages it maps would otherwise add up in the memory of the process.
        with _open(self.file) as environment, environment.begin() as transaction:
            for index in indices:
                try:
                    value = transaction.get(self.keys.raw(index))
                except lmdb.Error as error:
                    yield Item(self.name(index), problem=f"cannot be read: {error}")
                    continue
                yield self._item(self.name(index), value)

    def _item(self, name: str, value: bytes | None) -> Item:
        if value is None:
            return Item(name, problem="the key has no value any more")
        if self.array_shape is not None:
            if len(value) != int(np.prod(self.array_shape)):
                return Item(name, problem=f"{len(value)} bytes do not fit --array-shape {self.array_shape}")
            return Item(name, array=np.frombuffer(value, np.uint8).reshape(self.array_shape))
        if value.startswith(_NPY_MAGIC):
            return _npy_item(name, value)
        return Item(name, encoded=value)

    def identity(self) -> str:
        return digest([stamp(self.file), len(self.keys), self.array_shape, *map(self.keys.raw, _some(self.keys))])


def _some(keys: NameTable) -> range:
    """Every key, or a thousand of them spread evenly when there are many."""
    return range(0, len(keys), max(1, len(keys) // 1000))


def _npy_item(name: str, value: bytes) -> Item:
    import io

    try:
        return Item(name, array=np.load(io.BytesIO(value), allow_pickle=False))
    except (ValueError, EOFError, OSError) as error:
        return Item(name, problem=f"not a readable array ({error})")


def _open(file: Path) -> lmdb.Environment:
    import lmdb

    return lmdb.open(
        os.fspath(file), subdir=False, readonly=True, lock=False, readahead=False, meminit=False, create=False
    )


def _check_complete(environment: lmdb.Environment, file: Path) -> None:
    # Reading a page beyond the end of a half-copied file would end the process with SIGBUS.
    needed = (environment.info()["last_pgno"] + 1) * environment.stat()["psize"]
    size = file.stat().st_size
    if size < needed:
        raise SourceError(f"{file} has {size} of {needed} bytes: it was copied only in part; copy it again.")
