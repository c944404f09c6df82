"""HDF5 files: one data set of images, read a slice at a time."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

import numpy as np

from gansformer_tf.data.sources.arrays import check_value_range
from gansformer_tf.data.sources.base import Item, Source, SourceError, digest, runs, stamp

_SLICE_BYTES = 8 << 20


class Hdf5Source(Source):
    """A data set `[N, H, W]`, `[N, H, W, C]` or `[N, C, H, W]`, or `[N]` of encoded files (variable-length uint8).

    Args:
        place: The file.
        key: Path of the data set within it; None takes the only one that can hold images.
        value_range: Black and white of float values.

    Raises:
        SourceError: The file or the key is missing or holds something else.
    """

    format = "hdf5"

    def __init__(
        self, place: str | os.PathLike[str], key: str | None = None, value_range: tuple[float, float] | None = None
    ) -> None:
        import h5py

        self.place = os.fspath(place)
        if not os.path.isfile(place):
            raise SourceError(f"the file {self.place} does not exist; give an HDF5 file as --images-dir.")
        try:
            with h5py.File(place, "r") as file:
                self.key = _find(file, key, self.place)
                values = file[self.key]
                self.shape, self.dtype = values.shape, values.dtype
                self.encoded = h5py.check_vlen_dtype(values.dtype) is not None
        except OSError as error:
            raise SourceError(
                f"{self.place} cannot be opened as HDF5 ({error}); it may be cut off or of another format."
            ) from error
        check_value_range(f"{self.place}:{self.key}", np.dtype(np.uint8) if self.encoded else self.dtype, value_range)

    def __len__(self) -> int:
        return int(self.shape[0])

    def name(self, index: int) -> str:
        return f"{self.key}[{index}]"

    def read(self, indices: Sequence[int]) -> Iterator[Item]:
        import h5py

        row_bytes = max(1, int(np.prod(self.shape[1:], dtype=np.int64)) * self.dtype.itemsize)
        with h5py.File(self.place, "r") as file:
            values = file[self.key]
            for start, stop in runs(indices, max(1, _SLICE_BYTES // row_bytes)):
                yield from self._read_run(values, start, stop)

    def _read_run(self, values: object, start: int, stop: int) -> Iterator[Item]:
        try:
            part = values[start:stop]  # type: ignore[index]
        except (OSError, ValueError, RuntimeError) as error:
            if stop - start > 1:  # find the damaged ones
                for index in range(start, stop):
                    yield from self._read_run(values, index, index + 1)
            else:
                yield Item(self.name(start), problem=f"cannot be read: {' '.join(str(error).split())}")
            return
        for offset, row in enumerate(part):
            name = self.name(start + offset)
            yield Item(name, encoded=row.tobytes()) if self.encoded else Item(name, array=row)

    def identity(self) -> str:
        return digest([self.key, self.shape, self.dtype, stamp(self.place)])


def _find(file: object, key: str | None, place: str) -> str:
    import h5py

    found: list[str] = []

    def visit(name: str, entry: object) -> None:
        if isinstance(entry, h5py.Dataset) and _holds_images(entry):
            found.append(name)

    file.visititems(visit)  # type: ignore[attr-defined]
    listed = ", ".join(found) or "none"
    if key is None:
        if len(found) == 1:
            return found[0]
        raise SourceError(f"{place} has {len(found)} data sets of images ({listed}); choose one with --array-key.")
    if key.strip("/") not in found:
        raise SourceError(f"{place} has no data set of images named {key!r}; it has: {listed}. Check --array-key.")
    return key.strip("/")


def _holds_images(values: object) -> bool:
    import h5py

    vlen = h5py.check_vlen_dtype(values.dtype)  # type: ignore[attr-defined]
    if vlen is not None:
        return values.ndim == 1 and vlen == np.uint8  # type: ignore[attr-defined]
    return values.ndim in (3, 4) and values.dtype.kind in "uf"  # type: ignore[attr-defined]
