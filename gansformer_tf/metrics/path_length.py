"""Perceptual path length (Karras et al., 2019, "A Style-Based Generator Architecture", section 4.1)."""

from __future__ import annotations

import numpy as np

from gansformer_tf.metrics.blocks import require_finite
from gansformer_tf.metrics.errors import MetricError

LOWER_PERCENT, HIGHER_PERCENT = 1, 99


def trimmed_mean(distances: np.ndarray) -> float:
    """Mean of the distances between the 1 % and 99 % percentiles, both inclusive.

    The percentiles are distances that occur: the next lower and the next higher one.

    Args:
        distances: `[N]`, already divided by the squared step.

    Raises:
        MetricError: There are none, or some are not finite.
    """
    distances = np.asarray(distances, np.float64)
    if distances.ndim != 1 or not len(distances):
        raise MetricError(f"path lengths of shape {distances.shape}; at least 1 path is needed.")
    require_finite(distances[:, None], "path")
    lower = np.percentile(distances, LOWER_PERCENT, method="lower")
    higher = np.percentile(distances, HIGHER_PERCENT, method="higher")
    return float(distances[(distances >= lower) & (distances <= higher)].mean())


def slerp(a: np.ndarray, b: np.ndarray, t: np.ndarray) -> np.ndarray:
    """Spherical interpolation between directions, of length 1.

    Args:
        a, b: `[..., D]`; only their directions matter.
        t: `[..., 1]`: 0 gives a, 1 gives b.
    """
    a, b = _unit(a), _unit(b)
    cosine = np.sum(a * b, axis=-1, keepdims=True)
    angle = t * np.arccos(np.clip(cosine, -1.0, 1.0))
    across = _unit(b - cosine * a)
    return _unit(a * np.cos(angle) + across * np.sin(angle))


def lerp(a: np.ndarray, b: np.ndarray, t: np.ndarray) -> np.ndarray:
    """Linear interpolation."""
    return a + (b - a) * t


def _unit(x: np.ndarray) -> np.ndarray:
    return x / np.sqrt(np.sum(np.square(x), axis=-1, keepdims=True))
