"""The faster forms of the blocks do what the plain ones do."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from gansformer_tf.models.vqgan.blocks import VQUpsample, group_norm
from tests.layers.gansformer_cases import array


def values_and_gradients(run, layer, x, order=1):
    """Output, and gradients of a probe of it by the input and the weights; of the second order too if asked for."""
    x = tf.constant(x)
    with tf.GradientTape(persistent=True) as outer:
        outer.watch(x)
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = run(x)
            probe = tf.reduce_sum(y * np.cos(3.0 * array(*y.shape)))
        found = tape.gradient(probe, x)
        of_gradient = tf.reduce_sum(tf.square(found))
    weights = [variable.value for variable in layer.trainable_variables]
    gradients = [found, *outer.gradient(probe, weights)]
    if order == 2:
        gradients += [outer.gradient(of_gradient, source) for source in (x, weights[0])]
    return [np.asarray(y), *map(np.asarray, gradients)]


def check(found, expected):
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=2e-5 * np.abs(other).max())


@pytest.mark.parametrize("channels", [32, 96])
def test_a_group_norm_is_that_of_keras(channels):
    layer = group_norm(channels, "norm", "float32")
    plain = keras.layers.GroupNormalization(layer.groups, epsilon=layer.epsilon)
    plain.build((None, None, None, channels))
    plain.set_weights([1.0 + 0.1 * array(channels), array(channels)])
    layer.set_weights(plain.get_weights())
    x = 5.0 + array(2, 3, 5, channels)
    found, expected = (values_and_gradients(one, one, x, order=2) for one in (layer, plain))
    check(found, expected)
    # where the mean is large beside the deviation, the variance keeps its digits
    np.testing.assert_allclose(layer(x + 1000.0), plain(x + 1000.0), atol=2e-3)


def test_a_group_norm_sums_in_float32():
    layer = group_norm(64, "norm", "mixed_bfloat16")
    x = tf.cast(array(2, 4, 4, 64), tf.bfloat16)
    found = layer(x)
    assert found.dtype == tf.bfloat16
    exact = group_norm(64, "norm", "float32")(tf.cast(x, tf.float32))
    np.testing.assert_allclose(tf.cast(found, tf.float32), exact, atol=2**-8 * np.abs(exact).max())


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
