"""Noise of the synthesis layers that a seed stands for."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from gansformer_tf.drawing import philox
from gansformer_tf.drawing.normal import PER_WORD, normal_from_words
from gansformer_tf.drawing.seeds import check_seeds

METHOD = "philox-4x32-10, table of normal quantiles"


def noise_from_seeds(seeds: Sequence[int], shapes: Sequence[tuple[int, ...]]) -> list[np.ndarray]:
    """Standard normal noise inputs of the synthesis layers: stream number `layer` of Philox for each seed.

    Args:
        seeds: One per image.
        shapes: (height, width, maps) of each layer's noise, as in `Generator.noise_shapes`.

    Returns:
        Per layer float32 `[len(seeds), height, width, maps]`.
    """
    check_seeds(seeds)
    noise = []
    for layer, shape in enumerate(shapes):
        count = math.prod(shape)
        values = np.empty((len(seeds), count), np.float32)
        for first, words in philox.portions(seeds, layer, -(-count // PER_WORD)):
            place = values[:, first * PER_WORD : (first + words.shape[1]) * PER_WORD]
            place[:] = normal_from_words(words)[:, : place.shape[1]]
        noise.append(values.reshape(len(seeds), *shape))
    return noise


def repeat_noise(noise: list[np.ndarray] | None, count: int) -> list[np.ndarray] | None:
    """The noise of one image for `count` images."""
    return None if noise is None else [np.repeat(values, count, axis=0) for values in noise]
