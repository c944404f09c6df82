"""Feature arrays in blocks of rows, so that a file of any length is read with constant memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from gansformer_tf.metrics.errors import MetricError

BLOCK_ROWS = 4096  # x 2048 features in float64: 64 MB


def row_blocks(features: Any, rows: int = BLOCK_ROWS) -> Iterator[tuple[int, np.ndarray]]:
    """(first row, rows in memory) of an array, a memory map or anything else that is cut by rows, `[N, D]`."""
    for start in range(0, len(features), rows):
        yield start, np.asarray(features[start : start + rows])


def check_features(features: np.ndarray, what: str, least: int = 1) -> np.ndarray:
    """The array, if it is `[N, D]` with at least `least` rows.

    Raises:
        MetricError: It is not.
    """
    if features.ndim != 2:
        raise MetricError(f"the features of the {what} images have shape {features.shape}; they must be [images, D].")
    if len(features) < least:
        raise MetricError(f"there are {len(features)} {what} images; this metric needs at least {least}.")
    return features


def check_same_width(real: np.ndarray, fake: np.ndarray) -> None:
    """Raises `MetricError` unless both have as many features per image."""
    if real.shape[1] != fake.shape[1]:
        raise MetricError(
            f"the real images have {real.shape[1]} features and the generated ones {fake.shape[1]}; "
            "use the same feature network for both."
        )


def require_finite(block: np.ndarray, what: str, start: int = 0) -> None:
    """Raises `MetricError` if a row of a block holds NaN or infinity; `start` is the number of its first image."""
    finite = np.isfinite(block).all(axis=tuple(range(1, block.ndim)))
    if not finite.all():
        first = start + int(np.argmin(finite))
        raise MetricError(
            f"the features of {what} image {first} are NaN or infinite ({int((~finite).sum())} of {len(block)} images "
            "here); the generator diverged, or the weights of the feature network are damaged."
        )
