"""Reads the golden arrays of single layers (`tests/golden/layers`)."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import numpy as np

FOLDER = Path(__file__).parents[1] / "golden" / "layers"
CASES: dict[str, dict[str, Any]] = json.loads((FOLDER / "index.json").read_text())


@functools.cache
def arrays(name: str) -> dict[str, np.ndarray]:
    """All arrays of a file by name."""
    with np.load(FOLDER / f"{name}.npz") as archive:
        values, shapes = archive["values"], json.loads(archive["shapes"].tobytes())
    ends = np.cumsum([int(np.prod(shape)) for shape in shapes.values()])
    parts = np.split(values, ends[:-1])
    return {key: part.reshape(shape) for (key, shape), part in zip(shapes.items(), parts, strict=True)}


def case(name: str, key: str) -> dict[str, np.ndarray]:
    """Arrays of one case, named without its key."""
    return {path[len(key) + 1 :]: value for path, value in arrays(name).items() if path.startswith(f"{key}/")}


def nhwc(x: np.ndarray) -> np.ndarray:
    """Channels from the second to the last axis."""
    return np.moveaxis(x, 1, -1)
