"""Kernel Inception Distance (Binkowski et al., 2018, "Demystifying MMD GANs")."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from gansformer_tf.metrics.blocks import check_features, check_same_width, require_finite
from gansformer_tf.metrics.errors import MetricError
from gansformer_tf.metrics.record import Measured, Rows

SUBSETS = 100
SUBSET_SIZE = 1000


@dataclass(frozen=True)
class KernelDistance:
    """Mean and population standard deviation over the subsets, which held `subset_size` images each."""

    mean: float
    std: float
    subset_size: int


def polynomial_mmd(real: np.ndarray, fake: np.ndarray) -> float:
    """Unbiased squared maximum mean discrepancy under the kernel `(x y / D + 1)^3`, in float64.

    Args:
        real, fake: Features `[m, D]`, equally many.
    """
    count, width = real.shape
    real, fake = real.astype(np.float64), fake.astype(np.float64)
    within = 0.0
    for side in (real, fake):
        kernel = (side @ side.T / width + 1.0) ** 3
        within += kernel.sum() - np.trace(kernel)
    between = ((real @ fake.T / width + 1.0) ** 3).sum()
    return float(within / (count * (count - 1)) - 2.0 * between / count**2)


def draw_subsets(
    num_real: int, num_fake: int, subsets: int, size: int, seed: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Row numbers (real, generated) of every subset, without repetition inside one; as StyleGAN3 draws them."""
    random = np.random.RandomState(seed)
    for _ in range(subsets):
        fake = random.choice(num_fake, size, replace=False)
        yield random.choice(num_real, size, replace=False), fake


def kid(
    real: np.ndarray, fake: np.ndarray, subsets: int = SUBSETS, subset_size: int = SUBSET_SIZE, seed: int = 0
) -> KernelDistance:
    """KID of features `[N, D]` and `[M, D]`, which may be memory maps.

    Args:
        real: Features of at least 2 images.
        fake: Of at least 2 images.
        subsets: How many subsets are averaged.
        subset_size: Images in each; fewer where there are not as many.
        seed: Of the subsets.

    Raises:
        MetricError: Too few images, no subset, features that are not finite or do not match.

    Example:

    >>> from gansformer_tf.metrics.kid import kid
    >>> features = np.random.RandomState(0).randn(100, 8)
    >>> kid(features, features[::-1], subsets=10, subset_size=50).mean < 0.2 < kid(features, features + 1.0).mean
    True
    """
    check_features(real, "real", least=2)
    check_features(fake, "generated", least=2)
    check_same_width(real, fake)
    if subsets < 1 or subset_size < 2:
        raise MetricError(f"KID with {subsets} subsets of {subset_size} images; use at least 1 subset of 2 images.")
    size = min(len(real), len(fake), subset_size)
    values = []
    for real_rows, fake_rows in draw_subsets(len(real), len(fake), subsets, size, seed):
        x, y = np.asarray(real[real_rows]), np.asarray(fake[fake_rows])
        require_finite(x, "real")
        require_finite(y, "generated")
        values.append(polynomial_mmd(x, y))
    return KernelDistance(float(np.mean(values)), float(np.std(values)), size)


def measure(rows: Rows) -> Measured:
    """KID of features on disk."""
    config, real, fake = rows.config, rows.reals.array("features"), rows.fake.array("features")
    found = kid(real, fake, config.kid_subsets, config.kid_subset_size, config.seed)
    settings = {"subsets": config.kid_subsets, "subset_size": found.subset_size, "seed": config.seed}
    values = {"kid": found.mean, "kid_std": found.std}
    few = min(len(real), len(fake))
    if few > found.subset_size:
        return Measured(values, settings)
    if len(real) == len(fake):
        values.pop("kid_std")  # all subsets are the same images: their spread is rounding, and would look exact
    note = (
        f"kid of {few} images: every subset of {found.subset_size} holds all of them, so that its spread says nothing "
        f"about its error; use more than {config.kid_subset_size:,} images."
    )
    return Measured(values, settings, notes=[note])
