"""NumPy arrays, types and scalars inside a pickle: numbers only, every length checked."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np

from gansformer_tf.convert.closed_pickle import Builder, Symbol, Unfinished
from gansformer_tf.convert.errors import ForeignFileError, quoted

_NUMBERS = re.compile(r"[<>=|]?(f[248]|[iu][1248]|b1)")
_MAX_DIMENSIONS = 8
_MAX_EMPTY = 1 << 20  # product of the sides other than 0 of an array without elements
_NDARRAY = Symbol("numpy", "ndarray")
_ORDERS = ("<", ">", "=", "|")


class PickledType(Unfinished):
    """`numpy.dtype`; the state that follows gives its byte order."""

    def __init__(self, code: Any, align: Any = False, copy: Any = False) -> None:
        if not isinstance(code, str) or not _NUMBERS.fullmatch(code):
            raise ForeignFileError(f"an array of type {quoted(code)}; only numbers can be weights")
        self.dtype = np.dtype(code)

    def build(self, state: Any) -> None:
        plain = isinstance(state, tuple) and len(state) >= 5 and all(part is None for part in state[2:5])
        if not plain or not is_one_of(state[1], _ORDERS):
            raise ForeignFileError("a type of arrays with fields; only numbers can be weights")
        self.dtype = self.dtype.newbyteorder("=" if state[1] == "|" else state[1])


class PickledArray(Unfinished):
    """`numpy.ndarray`, filled by the state that follows."""

    def __init__(self, kind: Any, shape: Any, code: Any) -> None:
        if not isinstance(kind, Symbol) or kind != _NDARRAY:
            raise ForeignFileError(f"an array of class {kind if isinstance(kind, Symbol) else quoted(kind)}")
        self.values: np.ndarray | None = None

    def build(self, state: Any) -> None:
        if not isinstance(state, tuple) or len(state) != 5 or not isinstance(state[3], int):
            raise ForeignFileError("an array without its five parts")
        _, shape, dtype, fortran, data = state
        self.values = _array(data, dtype, shape, "F" if fortran else "C")


def _array(data: Any, dtype: Any, shape: Any, order: str) -> np.ndarray:
    if not isinstance(data, bytes | bytearray) or not isinstance(dtype, PickledType):
        raise ForeignFileError("an array of objects; only numbers can be weights")
    if not isinstance(shape, tuple) or len(shape) > _MAX_DIMENSIONS or not all(type(size) is int for size in shape):
        raise ForeignFileError("an array without a usable shape")
    if min(shape, default=0) < 0 or math.prod(shape) * dtype.dtype.itemsize != len(data):
        raise ForeignFileError(f"an array of shape {shape} and type {dtype.dtype} with {len(data)} bytes")
    if not data:
        if math.prod(size or 1 for size in shape) > _MAX_EMPTY:
            raise ForeignFileError(f"an empty array of shape {shape}")
        return np.zeros(shape, dtype.dtype)
    return np.frombuffer(data, dtype.dtype).reshape(shape, order="F" if order == "F" else "C")


def _from_buffer(data: Any, dtype: Any, shape: Any, order: Any) -> np.ndarray:
    if not is_one_of(order, ("C", "F")):
        raise ForeignFileError(f"an array in the order {quoted(order)}")
    return _array(data, dtype, shape, order)


def _scalar(dtype: Any, data: Any) -> np.ndarray:
    return _array(data, dtype, (), "C")


def is_one_of(value: Any, texts: tuple[str, ...]) -> bool:
    """Whether a value is one of some texts; arrays, whose comparison gives arrays, may come as well."""
    return isinstance(value, str) and value in texts


def as_array(value: Any) -> np.ndarray | None:
    """The numbers behind a value of this table; None for anything else."""
    if isinstance(value, PickledArray):
        return value.values
    return value if isinstance(value, np.ndarray) else None


ARRAYS: dict[Symbol, Builder] = {
    Symbol("numpy", "dtype"): PickledType,
    **{
        Symbol(f"numpy.{core}.multiarray", name): builder
        for core in ("core", "_core")
        for name, builder in (("_reconstruct", PickledArray), ("scalar", _scalar))
    },
    **{Symbol(f"numpy.{core}.numeric", "_frombuffer"): _from_buffer for core in ("core", "_core")},
}
