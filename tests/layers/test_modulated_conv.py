"""The two ways of a modulated convolution with one tap."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from gansformer_tf.layers.modulated_conv import ModulatedConv2D


def draw(*shape: int) -> tf.Tensor:
    return tf.random.stateless_normal(shape, [3, len(shape)])


def values(function, layer, inputs):
    """Of the layer, and gradients with respect to inputs and weights."""
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        outputs = function(*inputs)
        loss = tf.reduce_sum(tf.sin(outputs))
    return [outputs, *tape.gradient(loss, [*inputs, *(weight.value for weight in layer.trainable_variables)])]


def test_scaled_kernels_and_scaled_features_are_the_same():
    layer = ModulatedConv2D(3, 1, demodulate=False)
    inputs = [draw(2, 4, 6, 5), draw(2, 7)]
    layer(*inputs)

    @tf.function(autograph=False)  # in a graph that does not know the size of the images features are scaled
    def any_size(x, style):
        return layer(x, style)

    unknown = any_size.get_concrete_function(tf.TensorSpec([None, None, None, 5]), tf.TensorSpec([None, 7]))
    assert "Conv2D" in {operation.type for operation in unknown.graph.get_operations()}
    for known, found in zip(values(layer, layer, inputs), values(unknown, layer, inputs), strict=True):
        np.testing.assert_allclose(known, found, rtol=1e-5, atol=1e-5)
