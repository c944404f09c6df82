"""The faster form of a block does what the plain one does."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from gansformer_tf.models.vqgan.blocks import VQUpsample
from tests.layers.gansformer_cases import array


def values_and_gradients(run, layer, x):
    """Output, and gradients of a probe of it by the input and the weights."""
    x = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = run(x)
        probe = tf.reduce_sum(y * np.cos(3.0 * array(*y.shape)))
    sources = [x, *(variable.value for variable in layer.trainable_variables)]
    return [np.asarray(value) for value in (y, *tape.gradient(probe, sources))]


def check(found, expected):
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=2e-5 * np.abs(other).max())


@pytest.mark.parametrize("sides", [(4, 6), (3, 5), (1, 1)])
def test_an_upsampling_convolution_is_that_of_repeated_pixels(sides):
    layer = VQUpsample()
    layer.build((None, None, None, 8))
    layer.conv.bias.assign(array(8))

    def plain(x):
        return layer.conv(ops.repeat(ops.repeat(x, 2, axis=1), 2, axis=2))

    x = array(2, *sides, 8)
    found, expected = (values_and_gradients(one, layer, x) for one in (layer, plain))
    assert found[0].shape == (2, 2 * sides[0], 2 * sides[1], 8)
    check(found, expected)
