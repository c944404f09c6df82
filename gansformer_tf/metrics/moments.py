"""Mean and covariance of features, added up block by block in float64."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gansformer_tf.metrics.blocks import check_features, require_finite, row_blocks
from gansformer_tf.metrics.errors import MetricError


@dataclass(frozen=True)
class Moments:
    """`mean` float64 `[D]` and `covariance` float64 `[D, D]` of `count` images.

    `ddof` is what was taken from the count in the divisor of the covariance.
    """

    count: int
    mean: np.ndarray
    covariance: np.ndarray
    ddof: int = 1

    @property
    def rank(self) -> int:
        """Largest rank the covariance can have: one less than the images, at most the features."""
        return min(self.count - 1, len(self.mean))


def moments(features: np.ndarray, ddof: int = 1, what: str = "given") -> Moments:
    """Moments of features `[N, D]`, which may be a memory map.

    Sums are taken about the mean of the first block: features far from zero keep their digits.

    Args:
        features: Any float type.
        ddof: 1 divides by N - 1 (the original FID code, torch-fidelity, clean-fid), 0 by N (StyleGAN3).
        what: What the images are, for messages.

    Raises:
        MetricError: Fewer than 2 images, or features that are not finite.

    Example:

    >>> from gansformer_tf.metrics.moments import moments
    >>> found = moments(np.array([[0.0, 1.0], [2.0, 1.0]]))
    >>> found.count, found.mean.tolist(), found.covariance.tolist()
    (2, [1.0, 1.0], [[2.0, 0.0], [0.0, 0.0]])
    """
    if ddof not in (0, 1):
        raise MetricError(f"ddof is {ddof}; use 1 (unbiased covariance) or 0 (StyleGAN3's).")
    check_features(features, what, least=2)
    count, width = features.shape
    shift = np.zeros(width)
    total, products = np.zeros(width), np.zeros((width, width))
    for start, rows in row_blocks(features):
        block = rows.astype(np.float64)
        require_finite(block, what, start)
        if start == 0:
            shift = block.mean(axis=0)
        block -= shift
        total += block.sum(axis=0)
        products += block.T @ block
    offset = total / count
    covariance = (products - count * np.outer(offset, offset)) / (count - ddof)
    return Moments(count, shift + offset, covariance, ddof)
