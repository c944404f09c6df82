"""Whether two ways of cutting an image agree on which pixels belong together."""

from __future__ import annotations

import numpy as np

from gansformer_tf.metrics.composition.overlap import overlap_table


def adjusted_rand_index(table: np.ndarray) -> float:
    """Adjusted Rand index of a table of shared counts (Hubert and Arabie 1985): 1 agrees wholly, 0 is chance.

    Args:
        table: Pixels of class i in segment j, `[classes, segments]`.

    Returns:
        At most 1. Where both put everything together, or both everything apart, they agree: 1.
    """
    table = np.asarray(table, np.float64)
    together, in_rows, in_columns = (_pairs(part).sum() for part in (table, table.sum(axis=1), table.sum(axis=0)))
    all_pairs = _pairs(table.sum())
    expected = in_rows * in_columns / all_pairs if all_pairs else 0.0
    most = (in_rows + in_columns) / 2
    return float((together - expected) / (most - expected)) if most != expected else 1.0


def foreground_ari(objects: np.ndarray, segments: np.ndarray, num_segments: int) -> float:
    """Adjusted Rand index over the pixels of objects alone (Greff et al. 2019, "Multi-Object Representation Learning
    with Iterative Variational Inference").

    Args:
        objects: Whole numbers `[...]`: 0 is background, 1, 2, ... are the objects.
        segments: Of the same shape, 0 to `num_segments - 1`.

    Returns:
        At most 1; NaN for an image with fewer than two objects, which nothing can be said of.
    """
    table = overlap_table(objects, segments, num_segments)[1:]
    if (table.sum(axis=1) > 0).sum() < 2:
        return float("nan")
    return adjusted_rand_index(table)


def _pairs(count: np.ndarray) -> np.ndarray:
    return count * (count - 1) / 2
