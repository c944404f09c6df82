"""Features on disk: they grow row by row, survive a crash, and are read as a memory map."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from gansformer_tf.files import replacing, take_lock, write_atomically
from gansformer_tf.metrics.errors import MetricError
from gansformer_tf.metrics.moments import Moments, moments

_ARRAYS = ("features", "logits")


def key_of(description: Mapping[str, Any]) -> str:
    """A name for a folder, from everything that decides its content."""
    text = json.dumps(description, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:24]


class FeatureStore:
    """Features and logits of a set of images in a folder.

    The folder holds float32 rows, and `progress.json` with the number of rows that are complete; what a crash left
    behind them is overwritten. One process at a time writes: take `lock`.

    Args:
        folder: Made if it is missing.
        description: What decides the content; kept in the folder.
        count: Rows in all.
        widths: Features and logits per row.
    """

    def __init__(self, folder: Path, description: Mapping[str, Any], count: int, widths: tuple[int, int]) -> None:
        self.folder, self.description, self.count = folder, dict(description), count
        self.widths = dict(zip(_ARRAYS, widths, strict=True))
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise MetricError(
                f"features cannot be kept in {folder} ({error.strerror}); choose another folder."
            ) from error

    @property
    def done(self) -> int:
        """Complete rows."""
        try:
            rows = int(json.loads((self.folder / "progress.json").read_text(encoding="utf-8"))["rows"])
            enough = all(self._path(name).stat().st_size >= rows * 4 * width for name, width in self.widths.items())
        except (OSError, ValueError, KeyError, TypeError):
            return 0
        return rows if enough and 0 <= rows <= self.count else 0

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Waits until no other process works on this folder."""
        with open(self.folder / "lock", "a", encoding="utf-8") as file:
            take_lock(file, wait=True)
            yield

    def append(self, features: np.ndarray, logits: np.ndarray) -> None:
        """Adds rows behind the complete ones."""
        rows = self.done
        for name, values in zip(_ARRAYS, (features, logits), strict=True):
            if values.shape != (len(features), self.widths[name]):
                raise ValueError(f"{name} of shape {values.shape}; expected {(len(features), self.widths[name])}.")
            descriptor = os.open(self._path(name), os.O_WRONLY | os.O_CREAT, 0o666)
            with os.fdopen(descriptor, "wb") as file:
                file.seek(rows * 4 * self.widths[name])
                file.write(np.ascontiguousarray(values, "<f4").tobytes())
                file.truncate()
        progress = {"rows": rows + len(features), "description": self.description}
        write_atomically(self.folder / "progress.json", json.dumps(progress, indent=1, sort_keys=True).encode())

    def array(self, name: str) -> np.ndarray:
        """Memory map `[rows, width]` of "features" or "logits"."""
        shape = (self.done, self.widths[name])
        if 0 in shape:
            return np.zeros(shape, np.float32)
        return np.memmap(self._path(name), "<f4", "r", shape=shape)

    def moments(self, ddof: int, what: str) -> Moments:
        """Mean and covariance, computed once and kept."""
        path = self.folder / f"moments-ddof{ddof}.npz"
        try:
            with np.load(path, allow_pickle=False) as file:
                if int(file["count"]) == self.done:
                    return Moments(self.done, file["mean"], file["covariance"], ddof)
        except (OSError, ValueError, KeyError, EOFError):
            pass
        found = moments(self.array("features"), ddof, what)
        with replacing(path) as temporary:
            np.savez(temporary, count=found.count, mean=found.mean, covariance=found.covariance)
        return found

    def remove(self) -> None:
        """Deletes the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.f32"
