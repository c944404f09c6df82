"""Reference numbers of the metrics; see tests/golden/README.md."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

FOLDER = Path(__file__).parents[1] / "golden" / "metrics"


def arrays(name: str) -> dict[str, np.ndarray]:
    """All arrays of a file."""
    with np.load(FOLDER / f"{name}.npz") as file:
        return dict(file)


def values(name: str) -> dict[str, Any]:
    """The numbers that belong to them."""
    return json.loads((FOLDER / f"{name}.json").read_text())


def relative(found: float, expected: float) -> float:
    """Relative error."""
    return abs(found - expected) / max(abs(expected), 1e-12)
