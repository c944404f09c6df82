"""Checkpoints of PyTorch Lightning for the tests: the stored ones, and small ones that are made to order."""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tests.convert.makers import Call, Name, Reference, dumps

GOLDEN = Path(__file__).parents[1] / "golden" / "vqgan"


def unpacked(name: str, folder: Path) -> Path:
    """A stored checkpoint in a folder, with its YAML file beside it."""
    path = folder / f"{name}.ckpt"
    path.write_bytes(gzip.decompress((GOLDEN / f"{name}.ckpt.gz").read_bytes()))
    path.with_suffix(".yaml").write_bytes((GOLDEN / f"{name}.yaml").read_bytes())
    return path


def tensor(key: str, count: int, shape: tuple[int, ...] | None = None, kind: Any = None) -> Call:
    """A tensor of a storage of the archive."""
    shape = (count,) if shape is None else shape
    strides = tuple(int(np.prod(shape[index + 1 :], dtype=np.int64)) for index in range(len(shape)))
    reference = Reference(("storage", kind or Name("torch", "FloatStorage"), key, "cuda:0", count))
    arguments = (reference, 0, shape, strides, False, Call(Name("collections", "OrderedDict")))
    return Call(Name("torch._utils", "_rebuild_tensor_v2"), arguments)


def archive(root: Any, members: Mapping[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    """A zip archive as `torch.save` writes it; `root` is an object, or the bytes of a pickle."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as file:
        file.writestr("archive/data.pkl", root if isinstance(root, bytes) else dumps(root, 2))
        for key, data in members.items():
            file.writestr(f"archive/data/{key}", data)
        file.writestr("archive/version", "3\n")
    return buffer.getvalue()
