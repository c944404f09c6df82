"""Counting the multiplications of a traced function, and the rate this machine multiplies at."""

from __future__ import annotations

import math
from typing import Any

import tensorflow as tf

from benchmarks.timing import median_seconds

_CONVOLUTIONS = ("Conv2D", "Conv2DBackpropInput", "Conv2DBackpropFilter")
_DEPTHWISE = ("DepthwiseConv2dNative", "DepthwiseConv2dNativeBackpropInput", "DepthwiseConv2dNativeBackpropFilter")


def graph_flops(graph: Any) -> int:
    """Floating-point operations (two per multiplication and addition) of the convolutions and products in a graph.

    Bodies of loops and conditionals are not entered; element-wise operations do not count.
    """
    return sum(_operation_flops(operation) for operation in graph.get_operations())


def _operation_flops(operation: Any) -> int:
    kind = operation.type
    if kind in _CONVOLUTIONS:
        # all three are the same sum over (batch, position, tap, channel in, channel out)
        if kind == "Conv2D":
            kernel, positions = operation.inputs[1].shape, operation.outputs[0].shape
        elif kind == "Conv2DBackpropInput":
            kernel, positions = operation.inputs[1].shape, operation.inputs[2].shape
        else:
            kernel, positions = operation.outputs[0].shape, operation.inputs[2].shape
        batch, height, width, _ = positions
        return 2 * batch * height * width * math.prod(kernel)
    if kind in _DEPTHWISE:
        image = operation.outputs[0].shape if kind == "DepthwiseConv2dNative" else operation.inputs[2].shape
        kernel = operation.outputs[0].shape if kind.endswith("Filter") else operation.inputs[1].shape
        return 2 * math.prod(image) * kernel[0] * kernel[1]
    if kind in ("GansformerConv2d", "GansformerConv2dFilter"):
        # As many as any 3x3 convolution, though this one needs 2.25 times fewer multiplications.
        (*positions, channels), (*_, other) = operation.inputs[0].shape, operation.outputs[0].shape
        return 2 * math.prod(positions) * 9 * channels * other
    if kind in ("MatMul", "BatchMatMulV2", "BatchMatMul"):
        transposed = operation.get_attr("transpose_a" if kind == "MatMul" else "adj_x")
        depth = operation.inputs[0].shape[-2 if transposed else -1]
        return 2 * math.prod(operation.outputs[0].shape) * depth
    if kind == "Einsum":
        return 2 * _einsum_products(operation)
    return 0


def _einsum_products(operation: Any) -> int:
    sides = operation.get_attr("equation").decode().split("->")[0].split(",")
    sizes: dict[str, int] = {}
    for letters, tensor in zip(sides, operation.inputs, strict=True):
        if "." in letters:
            return 0
        sizes |= dict(zip(letters, tensor.shape, strict=True))
    return math.prod(sizes.values())


def convolution_rate(repeats: int = 5) -> float:
    """Operations per second of a 3x3 convolution of 256 channels at 32x32 pixels, 8 images."""
    x, kernel = tf.random.normal((8, 32, 32, 256)), tf.random.normal((3, 3, 256, 256))

    @tf.function(autograph=False)
    def convolve() -> tf.Tensor:
        return tf.nn.conv2d(x, kernel, 1, "SAME")[0, 0, 0, 0]  # one number, which is quick to bring from a device

    convolve()
    flops = 2 * 8 * 32 * 32 * 9 * 256 * 256
    return flops / median_seconds(lambda: convolve().numpy(), repeats)
