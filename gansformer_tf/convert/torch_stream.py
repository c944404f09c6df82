"""PyTorch's tensors without PyTorch: the older file format, a stream of pickles with raw numbers behind them.

Snapshots hold each tensor's storage as such a file inside the pickle. Nothing of it is run: see `closed_pickle`.
"""

from __future__ import annotations

import collections
import io
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from gansformer_tf.convert.closed_pickle import BoundedFile, Budget, Builder, ClosedUnpickler, Symbol
from gansformer_tf.convert.errors import ForeignFileError, quoted

MAGIC = 0x1950A86A20F9469CFC6C
PROTOCOL = 1001
_MAX_DIMENSIONS = 8
_MAX_EMPTY = 1 << 20  # product of the sides other than 0 of a tensor without elements

STORAGE_TYPES: dict[str, np.dtype] = {
    "FloatStorage": np.dtype("<f4"),
    "DoubleStorage": np.dtype("<f8"),
    "HalfStorage": np.dtype("<f2"),
    "LongStorage": np.dtype("<i8"),
    "IntStorage": np.dtype("<i4"),
    "ShortStorage": np.dtype("<i2"),
    "CharStorage": np.dtype("i1"),
    "ByteStorage": np.dtype("u1"),
    "BoolStorage": np.dtype("?"),
}


@dataclass(eq=False, repr=False)
class Storage:
    """A row of numbers; `values` are read after the pickle that refers to them."""

    key: str
    dtype: np.dtype
    count: int
    values: np.ndarray | None = None

    def fill(self, data: bytes) -> None:
        """Takes the numbers.

        Raises:
            ForeignFileError: There are more or fewer than the pickle says.
        """
        if len(data) != self.count * self.dtype.itemsize:
            raise ForeignFileError(f"a storage has {len(data)} bytes in place of {self.count} {self.dtype} numbers")
        self.values = np.frombuffer(data, self.dtype)


@dataclass(eq=False, repr=False)
class Tensor:
    """A view of a storage."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def array(self) -> np.ndarray:
        """Its numbers, as a copy.

        Raises:
            ForeignFileError: It reaches beyond its storage, or shows numbers more than once.
        """
        values = self.storage.values
        if values is None:
            raise ForeignFileError("a tensor whose numbers are missing")
        if math.prod(self.shape) > len(values):
            raise ForeignFileError(f"a tensor of shape {self.shape} with {len(values)} numbers")
        if 0 in self.shape:
            if math.prod(size or 1 for size in self.shape) > _MAX_EMPTY:
                raise ForeignFileError(f"an empty tensor of shape {self.shape}")
            return np.zeros(self.shape, values.dtype)
        last = self.offset + sum((size - 1) * step for size, step in zip(self.shape, self.strides, strict=True))
        if last >= len(values):
            raise ForeignFileError(f"a tensor of shape {self.shape} does not fit into its {len(values)} numbers")
        strides = [step * values.itemsize for step in self.strides]
        return np.lib.stride_tricks.as_strided(values[self.offset :], self.shape, strides, writeable=False).copy()


def rebuild_tensor(storage: Any, offset: Any, shape: Any, strides: Any, *_: Any) -> Tensor:
    """`torch._utils._rebuild_tensor_v2`."""
    sizes = (*shape, *strides, offset) if isinstance(shape, tuple) and isinstance(strides, tuple) else (None,)
    if not isinstance(storage, Storage) or not all(type(size) is int and 0 <= size < 1 << 48 for size in sizes):
        raise ForeignFileError("a tensor without a usable storage, shape or strides")
    if len(shape) != len(strides) or len(shape) > _MAX_DIMENSIONS:
        raise ForeignFileError(f"a tensor with {len(shape)} sides and {len(strides)} strides")
    return Tensor(storage, offset, shape, strides)


def rebuild_parameter(tensor: Any, *_: Any) -> Any:
    """`torch._utils._rebuild_parameter`: a parameter is its tensor."""
    return tensor


def ordered_dict(*arguments: Any) -> dict[Any, Any]:
    """`collections.OrderedDict`, empty as a pickle makes it; its items follow."""
    if len(arguments) > 1 or any(not isinstance(items, list) or items for items in arguments):
        raise ForeignFileError("an ordered dictionary made from arguments")
    return {}


TENSORS: dict[Symbol, Builder] = {
    Symbol("collections", "OrderedDict"): ordered_dict,
    Symbol("torch._utils", "_rebuild_tensor_v2"): rebuild_tensor,
    Symbol("torch._utils", "_rebuild_parameter"): rebuild_parameter,
}


class Storages:
    """The storages that a pickle refers to, by key."""

    def __init__(self) -> None:
        self.found: dict[str, Storage] = collections.OrderedDict()

    def __call__(self, reference: Any) -> Storage:
        """What a persistent reference `("storage", type, key, place, count, view)` stands for."""
        if not isinstance(reference, tuple) or not 5 <= len(reference) <= 6:
            raise ForeignFileError("a reference to data that is no storage of a tensor")
        word, kind, key, _, count, *view = reference
        if not isinstance(word, str) or word != "storage":
            raise ForeignFileError("a reference to data that is no storage of a tensor")
        name = kind.name if isinstance(kind, Symbol) and kind.module in ("torch", "torch.storage") else ""
        if name not in STORAGE_TYPES or not isinstance(key, str) or type(count) is not int or count < 0:
            shown = str(kind) if isinstance(kind, Symbol) else quoted(kind)
            raise ForeignFileError(f"a storage of type {shown}; only numbers can be weights")
        if any(part is not None for part in view):
            raise ForeignFileError("a storage that is a view of another one")
        return self.found.setdefault(key, Storage(key, STORAGE_TYPES[name], count))


def read_stream(file: BoundedFile, budget: Budget) -> Any:
    """The object of a file in the older format; tensors in it have their numbers.

    Raises:
        ForeignFileError: The file is something else, or damaged.
    """
    if ClosedUnpickler(file, {}, budget).load() != MAGIC or ClosedUnpickler(file, {}, budget).load() != PROTOCOL:
        raise ForeignFileError("a stream of tensors that does not begin as one")
    system = ClosedUnpickler(file, {}, budget).load()
    if not isinstance(system, dict):
        raise ForeignFileError("a stream of tensors without the system that wrote it")
    if not system.get("little_endian", True):
        raise ForeignFileError("a stream of tensors with numbers stored high byte first")
    storages = Storages()
    result = ClosedUnpickler(file, TENSORS, budget, storages).load()
    keys = ClosedUnpickler(file, {}, budget).load()
    if not isinstance(keys, list):
        raise ForeignFileError("a stream of tensors without its list of storages")
    for key in keys:
        storage = storages.found.get(key) if isinstance(key, str) else None
        if storage is None or storage.values is not None:
            raise ForeignFileError(f"a stream of tensors lists the storage {quoted(key)} without using it once")
        count = int.from_bytes(file.read(8), "little")
        if count != storage.count:
            raise ForeignFileError(f"a storage has {count} numbers instead of {storage.count}")
        storage.fill(file.read(count * storage.dtype.itemsize))
    return result


def storage_from_bytes(budget: Budget) -> Builder:
    """`torch.storage._load_from_bytes` for the pickles that share a budget."""

    def load(data: Any) -> Storage:
        if not isinstance(data, bytes | bytearray):
            raise ForeignFileError("a storage that is no row of bytes")
        storage = read_stream(BoundedFile(io.BytesIO(data), len(data)), budget)
        if not isinstance(storage, Storage):
            raise ForeignFileError("a storage that is something else")
        return storage

    return load
