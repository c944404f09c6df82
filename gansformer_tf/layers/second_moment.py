"""Normalisation of feature vectors by their own size."""

from __future__ import annotations

from typing import Any

from keras import ops

NORMALIZATION_EPSILON = 1e-8


def normalize_second_moment(x: Any, axis: int | tuple[int, ...] = -1) -> Any:
    """Divides by the root mean square over `axis`."""
    return x * ops.rsqrt(ops.mean(ops.square(x), axis=axis, keepdims=True) + NORMALIZATION_EPSILON)
