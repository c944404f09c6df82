"""Tables of a network's layers."""

from __future__ import annotations

import math
from typing import Any


def summary_rows(model: Any) -> list[tuple[str, int, str, str]]:
    """One row per layer that owns trainable weights: (layer, parameters, output shape, weight shape)."""
    rows = []
    for name, variables, shape in model.summary_layers():
        trainable = [variable for variable in variables if variable.trainable]
        count = sum(math.prod(variable.shape) for variable in trainable)
        if not count:
            continue
        weights = sorted((v for v in trainable if v.path.endswith("/kernel")), key=lambda v: len(v.path))
        if not weights and len(trainable) == 1:
            weights = trainable
        weight_shape = str(tuple(weights[0].shape)) if weights else "-"
        rows.append((name, count, format_shape(shape), weight_shape))
    return rows


def format_shape(shape: tuple) -> str:
    """A shape with "?" for the batch, for example (?, 64, 64, 512)."""
    return "(" + ", ".join("?" if size is None else str(size) for size in shape) + ("," if len(shape) == 1 else "") + ")"
