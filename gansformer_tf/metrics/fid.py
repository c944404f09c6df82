"""Fréchet Inception Distance (Heusel et al., 2017, "GANs Trained by a Two Time-Scale Update Rule")."""

from __future__ import annotations

import numpy as np

from gansformer_tf.metrics.errors import MetricError
from gansformer_tf.metrics.moments import Moments, moments
from gansformer_tf.metrics.record import Measured, Rows


def frechet_distance(real: Moments, fake: Moments) -> float:
    """`|m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2))` between two Gaussians (Heusel et al. 2017, equation 6).

    The trace of the root is the sum of the roots of the eigenvalues of `F^T C2 F` with `C1 = F F^T`, which is
    symmetric, so that no general matrix square root is needed. Only as many eigenvalues are counted as the number of
    images allows: with fewer images than features the others are zero, and rounding cannot add up in their roots.

    Raises:
        MetricError: The numbers of features or the divisors of the covariances differ.

    Example:

    >>> real = gf.metrics.Moments(count=100, mean=np.zeros(2), covariance=np.eye(2))
    >>> fake = gf.metrics.Moments(count=100, mean=np.ones(2), covariance=4 * np.eye(2))
    >>> round(gf.metrics.frechet_distance(real, fake), 6)  # |1 - 0|^2 + (1 + 4 - 2 * 2), for each of two features
    4.0
    """
    if real.mean.shape != fake.mean.shape:
        raise MetricError(
            f"the statistics have {len(real.mean)} and {len(fake.mean)} features; use the same feature network."
        )
    if real.ddof != fake.ddof:
        raise MetricError(
            f"the covariances have ddof {real.ddof} and {fake.ddof}; compute both with the same --fid-ddof."
        )
    small, large = sorted((real, fake), key=lambda side: side.rank)
    values, vectors = np.linalg.eigh(small.covariance)
    factor = vectors[:, -small.rank :] * np.sqrt(np.maximum(values[-small.rank :], 0.0))  # [D, rank]
    inner = factor.T @ large.covariance @ factor
    roots = np.sqrt(np.maximum(np.linalg.eigvalsh(inner), 0.0))
    difference = real.mean - fake.mean
    traces = np.trace(real.covariance) + np.trace(fake.covariance)
    return float(difference @ difference + traces - 2.0 * roots.sum())


def fid(real: np.ndarray, fake: np.ndarray, ddof: int = 1) -> float:
    """FID of features `[N, D]` and `[M, D]`.

    Args:
        real: Features of at least 2 images.
        fake: Of at least 2 images; the numbers may differ.
        ddof: See `moments`.

    Raises:
        MetricError: Too few images, features that are not finite or do not match.

    Example:

    >>> import numpy as np
    >>> features = np.random.RandomState(0).randn(100, 8)
    >>> round(fid(features, features + 1.0), 6)
    8.0
    """
    return frechet_distance(moments(real, ddof, "real"), moments(fake, ddof, "generated"))


def measure(rows: Rows) -> Measured:
    """FID of features on disk; of reconstructions it is called rFID."""
    ddof = rows.config.fid_ddof
    value = frechet_distance(rows.reals.moments(ddof, "real"), rows.fake.moments(ddof, "generated"))
    return Measured({rows.name: value}, {"ddof": ddof})
