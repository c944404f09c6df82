"""Noise of the synthesis layers that a seed stands for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gansformer_tf.drawing.seeds import check_seeds


def noise_from_seeds(seeds: Sequence[int], shapes: Sequence[tuple[int, ...]]) -> list[np.ndarray]:
    """Standard normal noise inputs of the synthesis layers, independent between seeds and layers.

    Args:
        seeds: One per picture.
        shapes: (height, width, maps) of each layer's noise, as in `Generator.noise_shapes`.

    Returns:
        Per layer float32 `[len(seeds), height, width, maps]`.
    """
    check_seeds(seeds)
    noise = [np.empty((len(seeds), *shape), np.float32) for shape in shapes]
    for row, seed in enumerate(seeds):
        for layer, values in enumerate(noise):
            values[row] = np.random.default_rng((seed, layer)).standard_normal(values.shape[1:], np.float32)
    return noise


def repeat_noise(noise: list[np.ndarray] | None, count: int) -> list[np.ndarray] | None:
    """The noise of one picture for `count` pictures."""
    return None if noise is None else [np.repeat(values, count, axis=0) for values in noise]
