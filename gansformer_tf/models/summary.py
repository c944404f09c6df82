"""Tables of a network's layers."""

from __future__ import annotations

import math
from typing import Any


def summary_rows(model: Any) -> list[tuple[str, int, str, str]]:
    """One row per layer that owns trainable weights: (layer, parameters, output shape, weight shape)."""
    return []
