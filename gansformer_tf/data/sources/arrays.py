"""Arrays of images in `.npy` and `.npz` files: mapped where the file allows it, never unpickled."""

from __future__ import annotations

import functools
import os
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
from numpy.lib import format as npy

from gansformer_tf.data.sources.base import SourceError

MAX_LOADED_BYTES = 2 << 30  # a compressed array can only be read as a whole
_LOCAL_HEADER = struct.Struct("<4s22xHH")  # of a member: signature, then lengths of its name and extra field


def check_value_range(origin: str, dtype: np.dtype, value_range: tuple[float, float] | None) -> None:
    """Black and white have to be said of float values, and of no others.

    Raises:
        SourceError: They are missing, or given for integers.
    """
    if dtype.kind == "f" and value_range is None:
        raise SourceError(f"{origin} holds {dtype} values: say what black and white are, e.g. --value-range 0,1.")
    if dtype.kind != "f" and value_range is not None:
        raise SourceError(
            f"{origin} holds {dtype} values, whose black and white are known; leave --value-range out, or save floats."
        )


class ArrayError(ValueError):
    """An array that cannot be read; the message is the reason."""


def load_array(path: Path, member: str | None = None) -> np.ndarray:
    """The array of a `.npy` file, or a member of an `.npz` file.

    Args:
        path: The file.
        member: Name of the array within an `.npz` file; None for a `.npy` file.

    Raises:
        ArrayError: It is damaged, holds objects, or is compressed and too large.
    """
    try:
        if member is None:
            return np.load(path, mmap_mode="r", allow_pickle=False)
        with zipfile.ZipFile(path) as archive:
            info = archive.getinfo(f"{member}.npy")
        if info.compress_type == zipfile.ZIP_STORED:
            return _mapped(path, info)
        if info.file_size > MAX_LOADED_BYTES:
            raise ArrayError(
                f"{path.name}:{member} is compressed and has {info.file_size} bytes, over the limit of "
                f"{MAX_LOADED_BYTES}; save it with np.savez or np.save"
            )
        return _loaded(path, member, path.stat().st_mtime_ns)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error, NotImplementedError) as error:
        if isinstance(error, ArrayError):
            raise
        raise ArrayError(" ".join(str(error).split()) or type(error).__name__) from error


def names_in(path: Path) -> list[str]:
    """Names of the arrays in an `.npz` file.

    Raises:
        ArrayError: It is none.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return [name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")]
    except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError) as error:
        raise ArrayError(" ".join(str(error).split()) or type(error).__name__) from error


def _mapped(path: Path, info: zipfile.ZipInfo) -> np.ndarray:
    with path.open("rb") as file:
        file.seek(info.header_offset)
        signature, name, extra = _LOCAL_HEADER.unpack(file.read(_LOCAL_HEADER.size))
        if signature != b"PK\3\4":
            raise ArrayError("the archive is damaged")
        file.seek(name + extra, os.SEEK_CUR)
        version = npy.read_magic(file)
        read_header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, fortran, dtype = read_header(file)
        if dtype.hasobject:
            raise ArrayError("it holds Python objects")
        return np.memmap(path, dtype, "r", file.tell(), shape, "F" if fortran else "C")


@functools.lru_cache(maxsize=1)
def _loaded(path: Path, member: str, changed: int) -> np.ndarray:
    with np.load(path, allow_pickle=False) as arrays:
        return arrays[member]
