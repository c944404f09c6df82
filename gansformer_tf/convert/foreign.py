"""Files of other code bases: what kind they are, and their networks as a process of its own reads them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from gansformer_tf.convert import sandbox
from gansformer_tf.convert.errors import ForeignFileError
from gansformer_tf.convert.found import Found, FoundNetwork

MAX_BYTES = 4 << 30  # the largest published snapshots have less than 1 GB
_WAIT_FACTOR = 4  # a busy machine may take that much longer than the computing alone

SAFETENSORS = "safetensors"
PICKLE = "pickle"
CHECKPOINT = ".ckpt"  # suffix of a checkpoint of PyTorch Lightning, which has a configuration beside it

_ZIP = b"PK\x03\x04"

# First bytes of what people take for a snapshot.
_OTHERS = {
    b"\x1f\x8b": "a gzip file; unpack it first (gunzip)",
    _ZIP: "a zip archive or a PyTorch file of weights without their network; a snapshot is a .pkl file",
    b"\xfd7zXZ": "an xz file; unpack it first (unxz)",
    b"BZh": "a bzip2 file; unpack it first (bunzip2)",
    b"7z\xbc\xaf": "a 7z archive; unpack it first",
    b"\x89HDF": "an HDF5 file of weights without their network; a snapshot is a .pkl or .safetensors file",
    b"\x89PNG": "an image",
    b"\x93NUMPY": "a NumPy array",
    b"<": "a web page, most likely of a download that failed; get the file again",
}


def kind_of(path: Path) -> str:
    """`SAFETENSORS` or `PICKLE`, by the first bytes.

    Raises:
        ForeignFileError: The file is neither.
        OSError: It cannot be read.
    """
    with path.open("rb") as file:
        start = file.read(16)
    if len(start) > 8 and start[8:9] == b"{":
        return SAFETENSORS
    if start[:1] == b"\x80":
        return PICKLE
    for first, name in _OTHERS.items():
        if start.startswith(first):
            raise ForeignFileError(f"{path} is {name}.")
    what = "empty" if not start else "neither a snapshot of this package nor a pickle"
    raise ForeignFileError(f"{path} is {what}; use a .safetensors file or an original .pkl file.")


def read_foreign(path: str | Path) -> Found:
    """The networks of a pickle, read in a process with limits on memory, time and files.

    Raises:
        ForeignFileError: The file is no snapshot of networks, or breaks a limit.
        OSError: It cannot be read.
    """
    path = Path(path)
    size = _size_of(path)
    if kind_of(path) != PICKLE:
        raise ForeignFileError(f"{path} is no pickle; it is a safetensors file already.")
    return _read(path, size, sandbox.PICKLE)


def read_lightning(path: str | Path) -> Found:
    """The weights of a checkpoint of PyTorch Lightning, read in such a process too.

    Raises:
        ForeignFileError: The file is no checkpoint, or breaks a limit.
        OSError: It cannot be read.
    """
    path = Path(path)
    size = _size_of(path)
    with path.open("rb") as file:
        if not file.read(len(_ZIP)).startswith(_ZIP):
            raise ForeignFileError(f"{path} is no checkpoint of PyTorch 1.6 or later, which is a zip archive.")
    return _read(path, size, sandbox.CHECKPOINT)


def _size_of(path: Path) -> int:
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise ForeignFileError(f"{path} has {size >> 20} MB; snapshots have at most {MAX_BYTES >> 20} MB.")
    return size


def _read(path: Path, size: int, kind: str) -> Found:
    try:
        with tempfile.TemporaryDirectory(prefix="gansformer_tf-") as folder:
            output = Path(folder) / "found.safetensors"
            _run(path, size, kind, output)
            return _found(output)
    except ForeignFileError as error:
        raise ForeignFileError(f"{path} cannot be imported: {error}.") from error


def _run(path: Path, size: int, kind: str, output: Path) -> None:
    command = [sys.executable, "-B", "-s", "-m", sandbox.__name__, str(size), kind]
    # started where the package is, so that no file of the working folder can take the place of a module
    root = Path(__file__).parents[2]
    environment = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "PYTHONUTF8": "1"}
    if "SYSTEMROOT" in os.environ:
        environment["SYSTEMROOT"] = os.environ["SYSTEMROOT"]
    seconds = _WAIT_FACTOR * sandbox.cpu_limit(size)
    with path.open("rb") as source, output.open("wb") as target:
        try:
            done = subprocess.run(
                command,
                stdin=source,
                stdout=target,
                stderr=subprocess.DEVNULL,
                cwd=root,
                env=environment,
                timeout=seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise ForeignFileError(f"reading it took longer than {seconds} seconds") from None
    if done.returncode == sandbox.STATUS_FORBIDDEN:
        raise ForeignFileError("reading it tried to open or run something; the file is hostile")
    if done.returncode:
        how = f"signal {-done.returncode}" if done.returncode < 0 else f"status {done.returncode}"
        raise ForeignFileError(f"the process that read it ended with {how}; the file is damaged, or breaks a limit")


def _found(output: Path) -> Found:
    try:
        with safe_open(output, framework="np") as handle:
            metadata = handle.metadata() or {}
            if sandbox.ERROR_KEY in metadata:
                raise ForeignFileError(metadata[sandbox.ERROR_KEY])
            description: dict[str, Any] = json.loads(metadata[sandbox.KEY])
            networks = {name: FoundNetwork(**fields) for name, fields in description["networks"].items()}
            for tensor in handle.keys():  # noqa: SIM118
                name, _, weight = tensor.partition("/")
                networks[name].arrays[weight] = handle.get_tensor(tensor)
    except (SafetensorError, KeyError, TypeError) as error:
        raise ForeignFileError("the process that read it gave no usable answer") from error
    return Found(description["kind"], networks["generator"], networks.get("discriminator"), description["unused"])
