"""The weights in a checkpoint of PyTorch Lightning, a zip archive of PyTorch 1.6 or later; runs in the process of
`sandbox`.

Beside the weights a checkpoint has the state of the optimizers and callbacks keyed by their class: nothing of it is
looked up or read.
"""

from __future__ import annotations

import io
import zipfile
from typing import Any, BinaryIO

from gansformer_tf.convert.closed_pickle import BoundedFile, Budget, ClosedUnpickler, Record
from gansformer_tf.convert.errors import ForeignFileError, quoted
from gansformer_tf.convert.found import LIGHTNING, Found, FoundNetwork
from gansformer_tf.convert.torch_stream import TENSORS, Storage, Storages, Tensor

MAX_MEMBERS = 100_000
_SLACK_BYTES = 1 << 20
INDEX = "/data.pkl"
WEIGHTS = "state_dict"
# Weights that no image depends on: of the distance that the first stage was trained with.
PERCEPTUAL = "loss.perceptual_loss."

_OTHERS = {
    "optimizer_states": "state of the optimizers; training starts afresh",
    "lr_schedulers": "state of the learning rate's schedule",
    "callbacks": "state of the program that trained it",
}


def read_checkpoint(file: BinaryIO, size: int) -> Found:
    """The weights of a checkpoint by their dotted names, as the one network of a `Found`.

    Args:
        file: Positioned at its start.
        size: Of the file, in bytes.

    Raises:
        ForeignFileError: It is damaged, hostile or something else.
    """
    data = io.BytesIO(file.read(size))
    try:
        with zipfile.ZipFile(data) as archive:
            return _read(archive, size)
    except (zipfile.BadZipFile, KeyError, ValueError, NotImplementedError, RuntimeError, EOFError, OSError) as error:
        if isinstance(error, ForeignFileError):
            raise
        raise ForeignFileError("it is a damaged zip archive") from error


def _read(archive: zipfile.ZipFile, size: int) -> Found:
    names = archive.namelist()
    indices = [name for name in names if name.endswith(INDEX)]
    if len(indices) != 1 or len(names) > MAX_MEMBERS:
        raise ForeignFileError("it is a zip archive, and no checkpoint of PyTorch")
    storages = Storages()
    index = _member(archive, indices[0], size)
    root = ClosedUnpickler(BoundedFile(io.BytesIO(index), len(index)), TENSORS, Budget(), storages).load()
    weights, unused = _weights(root)
    left, room = size, size + _SLACK_BYTES
    network = FoundNetwork(WEIGHTS, "LightningModule", {})
    for name, tensor in weights.items():
        storage = tensor.storage
        if storage.values is None:
            left -= _fill(archive, f"{indices[0].removesuffix(INDEX)}/data/{storage.key}", storage, left)
        array = tensor.array()
        room -= array.nbytes
        if room < 0:
            raise ForeignFileError(f"its {size} bytes stand for more bytes of weights")
        network.add(name, array)
    return Found(LIGHTNING, network, None, unused)


def _weights(root: Any) -> tuple[dict[Any, Tensor], list[str]]:
    """Tensors of the state dictionary, and what else there is."""
    if not isinstance(root, dict):
        raise ForeignFileError("it is a file of PyTorch without a dictionary")
    state, unused = root, []
    if WEIGHTS in root:
        state = root[WEIGHTS]
        unused = [f"{key}: {reason}" for key, reason in _OTHERS.items() if root.get(key)]
    if not isinstance(state, dict) or not state:
        raise ForeignFileError(f"its {WEIGHTS} is no dictionary of weights")
    weights, skipped = {}, 0
    for name, value in state.items():
        if not isinstance(value, Tensor):
            what = str(value.symbol) if isinstance(value, Record) else f"of type {quoted(value)}"
            raise ForeignFileError(f"{quoted(name)} in its {WEIGHTS} is {what}, not a tensor")
        if isinstance(name, str) and name.startswith(PERCEPTUAL):
            skipped += 1
        else:
            weights[name] = value
    if skipped:
        unused.append(f"{PERCEPTUAL}* ({skipped} arrays): weights of the distance it was trained with")
    return weights, unused


def _fill(archive: zipfile.ZipFile, name: str, storage: Storage, left: int) -> int:
    """Reads the numbers of a storage; returns how many bytes they have."""
    data = _member(archive, name, left)
    storage.fill(data)
    return len(data)


def _member(archive: zipfile.ZipFile, name: str, left: int) -> bytes:
    """A member; the archive compresses nothing, so the members together are no longer than it."""
    info = archive.getinfo(name)
    if info.compress_type != zipfile.ZIP_STORED or info.flag_bits & 1:
        raise ForeignFileError("its members are compressed or encrypted, which PyTorch does not do")
    if info.file_size > left:
        raise ForeignFileError("its members are longer than the file")
    return archive.read(info)
