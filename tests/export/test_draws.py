"""Seeds give the draws of the package in the graph: latents nearly, noise and classes to the last bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from gansformer_tf.drawing import labels, noise
from gansformer_tf.export import mersenne, seeded

SEEDS = [0, 1, 77, 123456789, 2**31, 2**32 - 1]


def in_graph(function: Any, *specs: tf.TensorSpec) -> Any:
    return tf.function(function, autograph=False).get_concrete_function(*specs)


@pytest.mark.parametrize("count", [1, 7, 544])  # the last: more words than one state has
def test_latents(count: int) -> None:
    draw = in_graph(lambda seeds: mersenne.standard_normal(seeds, count), tf.TensorSpec([None], tf.int64))
    expected = [np.random.RandomState(seed).standard_normal(count) for seed in SEEDS]
    np.testing.assert_allclose(draw(tf.constant(SEEDS, tf.int64)), expected, rtol=0, atol=1e-14)


@pytest.mark.parametrize("compiled", [False, True])
def test_noise_and_classes(compiled: bool) -> None:
    shapes = [(1, 1, 1), (3, 5, 1), (160, 160, 2)]  # an odd number of draws, several portions

    @tf.function(autograph=False, jit_compile=compiled)
    def draw(seeds: Any) -> Any:
        return seeded.noise_from_seeds(seeds, shapes), [seeded.classes_from_seeds(seeds, n) for n in (1, 3, 1000)]

    drawn, classes = draw(tf.constant(SEEDS, tf.int64))
    for ours, expected in zip(drawn, noise.noise_from_seeds(SEEDS, shapes), strict=True):
        np.testing.assert_array_equal(ours, expected)
    for ours, count in zip(classes, (1, 3, 1000), strict=True):
        np.testing.assert_array_equal(ours, labels.classes_from_seeds(SEEDS, count))
