"""Tensors of a PyTorch file of weights, without PyTorch and without running anything inside the file.

Both forms are read: the zip archive of PyTorch 1.6 and later, and the older stream of pickles. Pickles are read
by `closed_pickle`, which cannot run anything.
"""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from gansformer_tf.convert.closed_pickle import BoundedFile, Budget, ClosedUnpickler, Record
from gansformer_tf.convert.errors import ForeignFileError
from gansformer_tf.convert.torch_stream import TENSORS, Storages, Tensor, read_stream

MAX_BYTES = 2 << 30  # the published files have 96 MB


def read_torch_file(path: str | Path) -> dict[str, np.ndarray]:
    """Arrays by name of a state dictionary that PyTorch saved.

    Raises:
        ForeignFileError: The file is something else, damaged, or holds more than tensors.
        OSError: It cannot be read.
    """
    path = Path(path)
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise ForeignFileError(f"{path} has more than {MAX_BYTES >> 30} GB, too much for weights of a feature network.")
    try:
        if zipfile.is_zipfile(path):
            found = _read_zip(path)
        else:
            with path.open("rb") as file:
                found = read_stream(BoundedFile(file, size), Budget())
        if not isinstance(found, dict):
            raise ForeignFileError("it is no dictionary of tensors")
        _check_tensors(found)
        arrays = {str(name): tensor.array() for name, tensor in found.items()}
        if sum(array.nbytes for array in arrays.values()) > size:
            raise ForeignFileError("its tensors have more numbers than the file")
        return arrays
    except (ForeignFileError, zipfile.BadZipFile, KeyError, ValueError, RuntimeError, EOFError) as error:
        raise ForeignFileError(f"{path} is no usable PyTorch file of weights: {error}; get it again.") from error


def _check_tensors(found: dict[Any, Any]) -> None:
    for value in found.values():
        if isinstance(value, Record):
            raise ForeignFileError(f"it holds {value.symbol}, which no file of weights needs")
        if not isinstance(value, Tensor):
            raise ForeignFileError("it is no dictionary of tensors")


def _read_zip(path: Path) -> Any:
    with zipfile.ZipFile(path) as archive:
        indices = [name for name in archive.namelist() if name.endswith("/data.pkl")]
        if len(indices) != 1:
            raise ForeignFileError("a zip archive of something else")
        storages = Storages()
        index = _member(archive, indices[0])
        result = ClosedUnpickler(BoundedFile(io.BytesIO(index), len(index)), TENSORS, Budget(), storages).load()
        folder = indices[0].removesuffix("data.pkl")
        for storage in storages.found.values():
            storage.fill(_member(archive, f"{folder}data/{storage.key}"))
    return result


def _member(archive: zipfile.ZipFile, name: str) -> bytes:
    if archive.getinfo(name).compress_type != zipfile.ZIP_STORED:  # PyTorch compresses nothing, so nothing can swell
        raise ForeignFileError("its members are compressed")
    return archive.read(name)
