"""Class labels that a seed stands for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gansformer_tf.drawing import philox
from gansformer_tf.drawing.seeds import check_seeds

STREAM = 2**32 - 1  # of Philox; lower ones are the noise of layers


def labels_from_seeds(seeds: Sequence[int], label_dim: int, classes: Sequence[int] | None = None) -> np.ndarray | None:
    """One-hot labels: the given classes in turn, or a class drawn from each seed.

    Args:
        seeds: One per image.
        label_dim: Classes of the model; 0 for a model without labels.
        classes: Class numbers that the images take in turn; None draws them.

    Returns:
        float32 `[len(seeds), label_dim]`, or None for a model without labels.

    Raises:
        ValueError: Classes for a model without labels, or a class that it does not know.
    """
    if label_dim == 0:
        if classes:
            raise ValueError("labels were given, but the model was trained without labels; leave them out.")
        return None
    for label in classes or ():
        if not 0 <= label < label_dim:
            raise ValueError(f"label {label} is unknown to the model; its classes are 0 to {label_dim - 1}.")
    if classes:
        chosen = [classes[index % len(classes)] for index in range(len(seeds))]
    else:
        chosen = classes_from_seeds(seeds, label_dim).tolist()
    return np.eye(label_dim, dtype=np.float32)[chosen]


def classes_from_seeds(seeds: Sequence[int], label_dim: int) -> np.ndarray:
    """A class number drawn from each seed, int64 `[len(seeds)]`: the share of 2**32 that the first word makes.

    With label_dim classes their chances differ by less than label_dim / 2**32.
    """
    check_seeds(seeds)
    first = philox.words(seeds, STREAM, 1)[:, 0].astype(np.int64)
    return (first * label_dim) >> 32
