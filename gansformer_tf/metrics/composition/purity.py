"""How far a component keeps to one object."""

from __future__ import annotations

import numpy as np

from gansformer_tf.metrics.composition.overlap import overlap_table


def component_purity(objects: np.ndarray, segments: np.ndarray, num_segments: int) -> tuple[np.ndarray, np.ndarray]:
    """Of the object pixels of each segment, those of the object that has most of them.

    Purity of a clustering (Manning, Raghavan and Schuetze 2008, "Introduction to Information Retrieval", 16.3), per
    cluster and over the foreground: with the background, one segment that covers everything would be pure already.
    Many small segments are pure too, so read it beside the matched IoU.

    Args:
        objects: Whole numbers `[...]`: 0 is background, 1, 2, ... are the objects.
        segments: Of the same shape, 0 to `num_segments - 1`.

    Returns:
        Pixels of the commonest object, and pixels of all objects, of each segment, `[num_segments]`: their sums over
        images, divided, are the purity.
    """
    table = overlap_table(objects, segments, num_segments)[1:]
    return table.max(axis=0, initial=0), table.sum(axis=0)
