"""Improved precision and recall (Kynkäänniemi et al., 2019), density and coverage (Naeem et al., 2020)."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np

from gansformer_tf.metrics.blocks import check_features, check_same_width, require_finite, row_blocks
from gansformer_tf.metrics.errors import MetricError
from gansformer_tf.metrics.record import Measured, Rows

NEIGHBOURS = 3  # of precision and recall
DENSITY_NEIGHBOURS = 5  # of density and coverage
# Distances between so many images are in memory at once: 2048 x 8192 in float32 take 64 MB.
ROWS, COLUMNS = 2048, 8192


@dataclass(frozen=True)
class Manifolds:
    """All four numbers, each in [0, 1] except density, which may be larger."""

    precision: float
    recall: float
    density: float
    coverage: float


class Centred:
    """Features about `centre`, computed where they are read: far from the origin distances would lose digits.

    Args:
        features: `[N, D]`, may be a memory map.
        centre: `[D]`.
        what: What the images are, for messages.
    """

    def __init__(self, features: np.ndarray, centre: np.ndarray, what: str) -> None:
        self.features, self.centre, self.what = features, centre, what

    def __len__(self) -> int:
        return len(self.features)

    def __getitem__(self, rows: slice) -> np.ndarray:
        block = (self.features[rows] - self.centre).astype(np.float32, copy=False)
        require_finite(block, self.what, rows.start)
        return block


def neighbour_radii(features: np.ndarray | Centred, neighbours: tuple[int, ...]) -> np.ndarray:
    """Squared distance of every image to its k-th nearest neighbour, itself not counted.

    Args:
        features: Float32 `[N, D]`, near the origin.
        neighbours: The ks.

    Returns:
        Float32 `[len(neighbours), N]`.
    """
    most = max(neighbours)
    norms = _squared_norms(features)
    radii = np.empty((len(neighbours), len(features)), np.float32)
    for start, rows in row_blocks(features, ROWS):
        nearest = np.full((len(rows), most), np.inf, np.float32)
        for first, columns in row_blocks(features, COLUMNS):
            distances = _squared_distances(rows, columns, norms[start:], norms[first:])
            own = np.arange(start, start + len(rows)) - first
            inside = (own >= 0) & (own < len(columns))
            distances[np.flatnonzero(inside), own[inside]] = np.inf
            if len(columns) > most:
                distances = np.partition(distances, most - 1, axis=1)[:, :most]
            nearest = np.partition(np.concatenate([nearest, distances], axis=1), most - 1, axis=1)[:, :most]
        nearest.sort(axis=1)
        radii[:, start : start + len(rows)] = nearest[:, [k - 1 for k in neighbours]].T
    return radii


def precision_recall(
    real: np.ndarray,
    fake: np.ndarray,
    neighbours: int = NEIGHBOURS,
    density_neighbours: int = DENSITY_NEIGHBOURS,
) -> Manifolds:
    """Precision, recall, density and coverage of features `[N, D]` and `[M, D]`.

    Precision is the share of generated images within the radius of some real one, recall the reverse; the radius of
    an image reaches to its k-th neighbour of its own kind. Density counts the real images around each generated one,
    divided by k; coverage is the share of real images with a generated one inside their radius. Distances are taken
    block by block, in float32 about the mean of the real images.

    Raises:
        MetricError: Fewer images than neighbours, features that are not finite or do not match.

    Source: "Improved Precision and Recall Metric" (Kynkäänniemi et al. 2019); "Reliable Fidelity and Diversity
    Metrics" (Naeem et al. 2020) for density and coverage.

    Example:

    >>> from gansformer_tf.metrics.precision_recall import precision_recall
    >>> features = np.random.RandomState(0).randn(100, 8).astype(np.float32)
    >>> found = precision_recall(features, features + 100.0)  # nothing in common
    >>> found.precision, found.recall, found.coverage
    (0.0, 0.0, 0.0)
    """
    least = max(neighbours, density_neighbours) + 1
    if min(neighbours, density_neighbours) < 1:
        raise MetricError(f"{neighbours} and {density_neighbours} neighbours; use at least 1.")
    check_features(real, "real", least)
    check_features(fake, "generated", least)
    check_same_width(real, fake)
    centre = _mean(real)
    real_images, fake_images = Centred(real, centre, "real"), Centred(fake, centre, "generated")
    real_radii = neighbour_radii(real_images, (neighbours, density_neighbours))
    (fake_radii,) = neighbour_radii(fake_images, (neighbours,))
    real_norms, fake_norms = _squared_norms(real_images), _squared_norms(fake_images)
    precise, recalled = np.zeros(len(fake), bool), np.zeros(len(real), bool)
    inside, covered = 0, np.zeros(len(real), bool)
    for start, rows in row_blocks(fake_images, ROWS):
        places = slice(start, start + len(rows))
        for first, columns in row_blocks(real_images, COLUMNS):
            others = slice(first, first + len(columns))
            distances = _squared_distances(rows, columns, fake_norms[start:], real_norms[first:])
            precise[places] |= (distances <= real_radii[0, others]).any(axis=1)
            recalled[others] |= (distances <= fake_radii[places, None]).any(axis=0)
            close = distances < real_radii[1, others]
            inside += int(np.count_nonzero(close))
            covered[others] |= close.any(axis=0)
    return Manifolds(
        precision=float(precise.mean()),
        recall=float(recalled.mean()),
        density=inside / (density_neighbours * len(fake)),
        coverage=float(covered.mean()),
    )


def _squared_distances(
    rows: np.ndarray, columns: np.ndarray, row_norms: np.ndarray, column_norms: np.ndarray
) -> np.ndarray:
    """`[rows, columns]` from `|x|^2 + |y|^2 - 2 x y`; the norms begin where the blocks do."""
    distances = rows @ columns.T
    distances *= -2.0
    distances += row_norms[: len(rows), None]
    distances += column_norms[None, : len(columns)]
    return np.maximum(distances, 0.0, out=distances)


def _squared_norms(features: np.ndarray | Centred) -> np.ndarray:
    return np.concatenate([np.einsum("nd,nd->n", rows, rows) for _, rows in row_blocks(features)])


def _mean(features: np.ndarray) -> np.ndarray:
    total = sum(rows.sum(axis=0, dtype=np.float64) for _, rows in row_blocks(features))
    return (total / len(features)).astype(features.dtype)


def measure(rows: Rows) -> Measured:
    """Precision, recall, density and coverage of features on disk."""
    neighbours, density_neighbours = rows.config.pr_neighbours, rows.config.density_neighbours
    real, fake = rows.reals.array("features"), rows.fake.array("features")
    found = precision_recall(real, fake, neighbours, density_neighbours)
    return Measured(dataclasses.asdict(found), {"neighbours": neighbours, "density_neighbours": density_neighbours})
