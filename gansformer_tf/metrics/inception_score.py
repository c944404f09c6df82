"""Inception Score (Salimans et al., 2016, "Improved Techniques for Training GANs")."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gansformer_tf.metrics.blocks import check_features, require_finite
from gansformer_tf.metrics.errors import MetricError
from gansformer_tf.metrics.record import Measured, Rows

SPLITS = 10


@dataclass(frozen=True)
class Score:
    """Mean and population standard deviation over the splits."""

    mean: float
    std: float


def inception_score(logits: np.ndarray, splits: int = SPLITS) -> Score:
    """`exp(E KL(p(y|x) || p(y)))`, in float64, of consecutive splits of the images.

    Args:
        logits: Class scores before the softmax, `[N, classes]`; without the bias of the last layer, as in the
            original. May be a memory map.
        splits: Parts that p(y) is estimated in; split i holds the images from `i N / splits` on.

    Raises:
        MetricError: Fewer images than splits, or logits that are not finite.

    Source: "Improved Techniques for Training GANs" (Salimans et al. 2016), section 4.

    Example:

    >>> from gansformer_tf.metrics.inception_score import inception_score
    >>> round(inception_score(100.0 * np.eye(4), splits=1).mean, 6)  # four images, each surely of a class of its own
    4.0
    """
    if splits < 1:
        raise MetricError(f"the Inception Score with {splits} splits; use at least 1.")
    check_features(logits, "generated", least=splits)
    scores = []
    for index in range(splits):
        start, end = index * len(logits) // splits, (index + 1) * len(logits) // splits
        part = np.asarray(logits[start:end]).astype(np.float64)
        require_finite(part, "generated", start)
        log_p = part - part.max(axis=1, keepdims=True)
        log_p -= np.log(np.exp(log_p).sum(axis=1, keepdims=True))
        p = np.exp(log_p)
        # a class that no image has adds nothing: p log(p(y)) with p = 0
        log_mean = np.log(np.maximum(p.mean(axis=0, keepdims=True), np.finfo(np.float64).tiny))
        scores.append(np.exp((p * (log_p - log_mean)).sum(axis=1).mean()))
    return Score(float(np.mean(scores)), float(np.std(scores)))


def measure(rows: Rows) -> Measured:
    """Inception Score of class scores on disk."""
    splits = rows.config.is_splits
    score = inception_score(rows.fake.array("logits"), splits)
    return Measured({"is": score.mean, "is_std": score.std}, {"splits": splits})
