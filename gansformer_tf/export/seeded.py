"""Noise and classes of seeds as TensorFlow draws them in a graph: the bits of `drawing.noise` and `drawing.labels`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from gansformer_tf.drawing.labels import STREAM
from gansformer_tf.drawing.normal import PER_WORD, quantiles
from gansformer_tf.ops import _philox


def noise_from_seeds(seeds: Any, shapes: Sequence[tuple[int, ...]]) -> list[Any]:
    """Noise of every layer.

    Args:
        seeds: int64 `[batch]`, each in 0..2**32-1.
        shapes: (height, width, maps) of each layer's noise.

    Returns:
        Per layer float32 `[batch, height, width, maps]`.
    """
    table = tf.constant(quantiles())

    def of_one(seed: Any) -> list[Any]:
        noise = []
        for layer, shape in enumerate(shapes):
            count = math.prod(shape)
            words = _philox.words([-(-count // PER_WORD)], tf.stack([seed, layer]))
            halves = tf.cast(tf.bitcast(words, tf.uint16), tf.int32)
            noise.append(tf.reshape(tf.reshape(tf.gather(table, halves), [-1])[:count], shape))
        return noise

    specs = [tf.TensorSpec(shape, tf.float32) for shape in shapes]
    return tf.map_fn(of_one, seeds, fn_output_signature=specs)


def classes_from_seeds(seeds: Any, label_dim: int) -> Any:
    """A class number of each seed, int64 `[batch]`; `seeds` as for `noise_from_seeds`."""

    def of_one(seed: Any) -> Any:
        word = _philox.words([1], tf.stack([seed, STREAM]))[0]
        return tf.bitwise.right_shift(tf.cast(word, tf.int64) * label_dim, tf.constant(32, tf.int64))

    return tf.map_fn(of_one, seeds)
