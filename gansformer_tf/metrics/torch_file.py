"""Tensors of a PyTorch file of weights, without PyTorch and without running anything inside the file.

Both forms are read: the zip archive of PyTorch 1.6 and later, and the older stream of pickles. The unpickler knows five
names, all of which stand for harmless functions of this module; any other name ends the reading.
"""

from __future__ import annotations

import collections
import io
import pickle
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from gansformer_tf.metrics.errors import MetricError

_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001
MAX_BYTES = 2 << 30  # the published files have 96 MB
_TYPES: dict[str, np.dtype] = {
    "FloatStorage": np.dtype("<f4"),
    "DoubleStorage": np.dtype("<f8"),
    "HalfStorage": np.dtype("<f2"),
    "LongStorage": np.dtype("<i8"),
    "IntStorage": np.dtype("<i4"),
}


@dataclass
class _Storage:
    key: str
    dtype: np.dtype
    count: int
    values: np.ndarray | None = None


@dataclass
class _Tensor:
    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def _rebuild_tensor(storage: Any, offset: int, shape: Any, strides: Any, *_: Any) -> _Tensor:
    return _Tensor(storage, int(offset), tuple(shape), tuple(strides))


def _rebuild_parameter(tensor: Any, *_: Any) -> Any:
    return tensor


_KNOWN: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): collections.OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
    ("torch._utils", "_rebuild_parameter"): _rebuild_parameter,
    **{("torch", name): name for name in _TYPES},
}


class _Unpickler(pickle.Unpickler):
    """Builds containers, numbers and `_Tensor`; every name outside `_KNOWN` is refused."""

    def __init__(self, file: BinaryIO, storages: dict[str, _Storage] | None = None) -> None:
        super().__init__(file, encoding="utf-8")
        self.storages = storages

    def find_class(self, module: str, name: str) -> Any:
        try:
            return _KNOWN[module, name]
        except KeyError:
            raise MetricError(f"it holds {module}.{name}, which no file of weights needs; it was not opened") from None

    def persistent_load(self, reference: Any) -> _Storage:
        if self.storages is None or not isinstance(reference, tuple) or len(reference) < 5:
            raise MetricError("a reference to data that a file of weights does not have")
        kind, key, count = reference[1], str(reference[2]), int(reference[4])
        if kind not in _TYPES:
            raise MetricError(f"storage of type {kind}")
        return self.storages.setdefault(key, _Storage(key, _TYPES[kind], count))


def read_torch_file(path: str | Path) -> dict[str, np.ndarray]:
    """Arrays by name of a state dictionary that PyTorch saved.

    Raises:
        MetricError: The file is something else, damaged, or holds more than tensors.
        OSError: It cannot be read.
    """
    path = Path(path)
    if path.stat().st_size > MAX_BYTES:
        raise MetricError(f"{path} has more than {MAX_BYTES >> 30} GB; the Inception weights have 96 MB.")
    try:
        found = _read_zip(path) if zipfile.is_zipfile(path) else _read_stream(path)
        if not isinstance(found, dict) or not all(isinstance(value, _Tensor) for value in found.values()):
            raise MetricError("it is no dictionary of tensors")
        return {str(name): _array(tensor) for name, tensor in found.items()}
    except OSError:
        raise
    except MetricError as error:
        raise MetricError(f"{path} is no usable PyTorch file of weights: {error}.") from error
    # a damaged pickle may raise nearly anything
    except Exception as error:
        raise MetricError(f"{path} is no PyTorch file of weights, or damaged ({error}); get it again.") from error


def _read_zip(path: Path) -> Any:
    with zipfile.ZipFile(path) as archive:
        (index,) = (name for name in archive.namelist() if name.endswith("/data.pkl"))
        folder = index.removesuffix("data.pkl")
        storages: dict[str, _Storage] = {}
        result = _Unpickler(io.BytesIO(_member(archive, index)), storages).load()
        for storage in storages.values():
            storage.values = np.frombuffer(_member(archive, f"{folder}data/{storage.key}"), storage.dtype)
    return result


def _member(archive: zipfile.ZipFile, name: str) -> bytes:
    if archive.getinfo(name).file_size > MAX_BYTES:
        raise MetricError(f"{name} inside is larger than {MAX_BYTES >> 30} GB")
    return archive.read(name)


def _read_stream(path: Path) -> Any:
    with path.open("rb") as file:
        load: Callable[[], Any] = lambda: _Unpickler(file).load()  # noqa: E731
        if load() != _MAGIC or load() != _PROTOCOL:
            raise MetricError("it does not begin as such a file does")
        if not load().get("little_endian", True):
            raise MetricError("its numbers are stored high byte first")
        storages: dict[str, _Storage] = {}
        result = _Unpickler(file, storages).load()
        for key in load():
            storage = storages[str(key)]
            count = int.from_bytes(file.read(8), "little")
            if count != storage.count:
                raise MetricError(f"storage {key} has {count} numbers instead of {storage.count}")
            storage.values = np.frombuffer(file.read(count * storage.dtype.itemsize), storage.dtype)
    return result


def _array(tensor: _Tensor) -> np.ndarray:
    values = tensor.storage.values
    if values is None or len(values) != tensor.storage.count:
        raise MetricError("its data are cut off")
    last = tensor.offset + sum((size - 1) * stride for size, stride in zip(tensor.shape, tensor.strides, strict=True))
    if min(tensor.shape, default=1) < 1 or min(tensor.strides, default=0) < 0 or not 0 <= last < len(values):
        raise MetricError(f"a tensor of shape {tensor.shape} does not fit into its data")
    strides = [stride * values.itemsize for stride in tensor.strides]
    return np.lib.stride_tricks.as_strided(values[tensor.offset :], tensor.shape, strides, writeable=False).copy()
