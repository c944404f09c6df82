"""Modulated dense layer: StyleGAN2's modulated convolution with a 1x1 kernel, over any positions."""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import ops

from gansformer_tf.layers.equalized import EqualizedDense
from gansformer_tf.layers.modulated_conv import DEMODULATION_EPSILON
from gansformer_tf.ops import bias_act


@keras.saving.register_keras_serializable("gansformer_tf")
class ModulatedDense(keras.layers.Layer):
    """Dense layer whose weights are scaled by a style, with bias and activation.

    With the styles `s = A(w) + 1` and weights W: `y = act(x (s W d) + b)`. With demodulation
    `d_o = 1 / sqrt(sum_i (s_i W_io)^2 + 1e-8)` (StyleGAN2, equation 3); without it `d = 1 / sqrt(inputs)`.

    Args:
        units: Output features.
        demodulate: Whether outputs are brought back to unit expected variance.
        activation: As in `EqualizedDense`.
        clamp: Largest absolute value of the output, or None.

    Call arguments:
        inputs: `[batch, positions, features]`.
        style: `[batch, style_dim]`.

    Returns:
        `[batch, positions, units]`.

    Example:

    >>> tuple(ModulatedDense(8)(ops.ones((2, 6, 3)), ops.ones((2, 16))).shape)
    (2, 6, 8)
    """

    def __init__(
        self,
        units: int,
        *,
        demodulate: bool = True,
        activation: str = "lrelu",
        clamp: float | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.demodulate = demodulate
        self.activation = activation
        self.clamp = clamp

    def build(self, inputs_shape: Any, style_shape: Any = None) -> None:
        features = int(inputs_shape[-1])
        initializer = keras.initializers.RandomNormal(stddev=1.0)
        self.kernel = self.add_weight(shape=(features, self.units), initializer=initializer, name="kernel")
        self.bias = self.add_weight(shape=(self.units,), initializer="zeros", name="bias")
        self.affine = EqualizedDense(features, name="affine", dtype=self.dtype_policy)
        self.affine.build(style_shape)

    def call(self, inputs: Any, style: Any) -> Any:
        # Weights of every sample: with many positions that is less work than scaling inputs and outputs.
        weights = ops.cast(self.affine(style) + 1.0, "float32")[:, :, None] * ops.cast(self.kernel, "float32")
        if self.demodulate:
            total = ops.sum(ops.square(weights), axis=1, keepdims=True)  # [batch, 1, units]
            weights = weights * ops.rsqrt(total + DEMODULATION_EPSILON)
        else:
            weights = weights * (1.0 / math.sqrt(self.kernel.shape[0]))
        x = ops.matmul(inputs, ops.cast(weights, self.compute_dtype))
        return bias_act(x, self.bias, activation=self.activation, clamp=self.clamp)

    def compute_output_shape(self, inputs_shape: Any, style_shape: Any = None) -> Any:
        return (*inputs_shape[:-1], self.units)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "units": self.units,
            "demodulate": self.demodulate,
            "activation": self.activation,
            "clamp": self.clamp,
        }
