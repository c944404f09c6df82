"""From the bytes of a pickle to the networks in it; runs in the process of `sandbox`."""

from __future__ import annotations

from typing import Any, BinaryIO

import numpy as np

from gansformer_tf.convert.closed_pickle import BoundedFile, Budget, ClosedUnpickler, Record, Symbol
from gansformer_tf.convert.errors import ForeignFileError, quoted
from gansformer_tf.convert.found import Found
from gansformer_tf.convert.pickled_arrays import ARRAYS
from gansformer_tf.convert.tf1_pickle import DICTIONARIES, is_tf1, read_tf1
from gansformer_tf.convert.torch_pickle import is_torch, read_torch
from gansformer_tf.convert.torch_stream import TENSORS, storage_from_bytes

# Half precision becomes single precision; more than that cannot come out of an honest file.
_GROWTH = 2
_SLACK_BYTES = 1 << 20


def read_pickle(file: BinaryIO, size: int) -> Found:
    """The networks of a snapshot.

    Args:
        file: Positioned at its start.
        size: Of the file, in bytes.

    Raises:
        ForeignFileError: It is damaged, hostile, or something else than a snapshot of networks.
    """
    budget = Budget()
    table = {
        **ARRAYS,
        **TENSORS,
        **DICTIONARIES,
        Symbol("torch.storage", "_load_from_bytes"): storage_from_bytes(budget),
    }
    root = ClosedUnpickler(BoundedFile(file, size), table, budget).load()
    if is_tf1(root):
        found = read_tf1(root)
    elif is_torch(root):
        found = read_torch(root)
    else:
        raise ForeignFileError(f"it is a pickle of {_described(root)}, not of networks")
    _check_amount(found, size)
    return found


def _described(root: Any) -> str:
    if isinstance(root, Record):
        return str(root.symbol)
    if isinstance(root, Symbol):
        return f"the name {root}"
    if isinstance(root, dict):
        keys = ", ".join(quoted(key) for key in list(root)[:4])
        return f"a dictionary of {keys}" if keys else "an empty dictionary"
    return f"a {type(root).__name__}"


def _check_amount(found: Found, size: int) -> None:
    amount = sum(array.nbytes for network in found.networks.values() for array in network.arrays.values())
    if amount > _GROWTH * size + _SLACK_BYTES:
        raise ForeignFileError(f"its {size} bytes stand for {amount} bytes of weights")


def as_tensors(found: Found) -> dict[str, np.ndarray]:
    """All arrays in one dictionary, little-endian and in C order."""
    tensors = {}
    for prefix, network in found.networks.items():
        for name, array in network.arrays.items():
            kind = "<f4" if array.dtype.kind == "f" else array.dtype.newbyteorder("<")
            with np.errstate(over="ignore"):  # a warning would look up its line of source
                array = array.astype(kind, copy=False)
            tensors[f"{prefix}/{name}"] = np.ascontiguousarray(array).reshape(array.shape)
    return tensors
