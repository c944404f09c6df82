"""Gradients of native ops make scaled and normalised features again, and give the same numbers."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from gansformer_tf import ops
from gansformer_tf.training.memory import peak_bytes

pytestmark = pytest.mark.usefixtures("native", "small_convolutions")


def draw(*shape: int) -> tf.Tensor:
    return tf.random.stateless_normal(shape, [7, len(shape)], dtype=tf.float64)


def modulated(x, scales, kernel, demodulation):
    """As in a modulated convolution."""
    x = ops.conv2d(ops.scale_channels(x, scales), kernel)
    return ops.scale_channels(x, tf.exp(demodulation), nonzero=True)


def attended(x, weight, bias, value, output_bias):
    """As in an attention stage."""
    target = ops.normalize_channels(x, epsilon=1e-2)
    return ops.bipartite_attention(x, weight, bias, value, output_bias, integration="mul", target=target).output


CASES = {
    "modulation": (modulated, [draw(2, 4, 3, 5), draw(2, 5), draw(3, 3, 5, 4), draw(2, 4)]),
    "attention": (attended, [draw(2, 5, 4), draw(2, 1, 4, 3), draw(2, 1, 5, 3), draw(2, 1, 3, 4), draw(4)]),
}


def gradients_of_both_orders(function, inputs):
    @tf.function(autograph=False)  # outside a graph nothing is made again
    def found(*inputs):
        with tf.GradientTape() as outer:
            outer.watch(inputs)
            with tf.GradientTape() as inner:
                inner.watch(inputs)
                loss = tf.reduce_sum(tf.sin(function(*inputs)))
            first = inner.gradient(loss, inputs)
            total = tf.add_n([tf.reduce_sum(tf.cos(g) * (i + 1)) for i, g in enumerate(first)])
        return [*first, *outer.gradient(total, inputs)]

    return found(*inputs)


@pytest.mark.parametrize("name", CASES)
def test_gradients_equal_the_composites(name):
    with ops.implementation("native"):
        found = gradients_of_both_orders(*CASES[name])
    with ops.implementation("composite"):
        expected = gradients_of_both_orders(*CASES[name])
    for mine, wanted in zip(found, expected, strict=True):
        np.testing.assert_allclose(mine, wanted, rtol=1e-6, atol=1e-6)


def gradient_graph(function, inputs):
    @tf.function(autograph=False)
    def found(*inputs):
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            loss = tf.reduce_sum(function(*inputs))
        return tape.gradient(loss, inputs)

    with ops.implementation("native"):
        return found.get_concrete_function(*inputs).graph


@pytest.mark.parametrize(
    ("name", "reader", "source", "maker"),
    [
        ("modulation", "GansformerConv2dFilter", "x", "GansformerScaleChannels"),
        ("attention", "GansformerBipartiteAttentionGradient", "target", "GansformerTokenNorm"),
    ],
)
def test_what_is_made_again_waits_for_the_gradient(name, reader, source, maker):
    (operation,) = (op for op in gradient_graph(*CASES[name]).get_operations() if op.type == reader)
    index = [tensor.name for tensor in operation.op_def.input_arg].index(source)
    made = operation.inputs[index].op
    assert made.type == maker
    assert made.control_inputs  # else TensorFlow would take it for the one of the forward pass


def test_of_a_modulated_convolution_its_result_alone_is_kept():
    size, channels = 16, 32
    x, kernel = draw(2, size, size, channels), draw(3, 3, channels, channels)
    scales = [draw(2, channels), draw(2, channels)]

    def four_layers(x, *parameters):
        for _ in range(4):
            x = modulated(x, *parameters)
        return tf.sin(x)

    graph = gradient_graph(four_layers, [x, scales[0], kernel, scales[1]])
    features = 2 * size * size * channels * 8
    # Of each layer its result, which is the input of the next (not what was scaled or filtered on the way: four
    # tensors more each); then what the gradient has in work.
    assert peak_bytes(graph, graph.outputs) < 8 * features
