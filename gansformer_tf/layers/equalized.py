"""Layers with the equalized learning rate: weights are stored as N(0, 1) and scaled when they are used."""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import ops

from gansformer_tf.layers.checks import check_input
from gansformer_tf.ops import bias_act, conv2d, conv2d_down, conv2d_up, setup_filter


def runtime_scale(shape: tuple[int, ...], lr_multiplier: float = 1.0, gain: float = 1.0) -> float:
    """Factor between a stored weight and the one used: `lr_multiplier * gain / sqrt(fan_in)`.

    fan_in is the product of all dimensions but the last ("Progressive Growing of GANs", section 4.1).
    """
    return lr_multiplier * gain / math.sqrt(math.prod(shape[:-1]))


@keras.saving.register_keras_serializable("gansformer_tf")
class EqualizedDense(keras.layers.Layer):
    """Dense layer with equalized learning rate: `act(x (s W) + m b)`.

    Source: "Progressive Growing of GANs" (Karras et al. 2018), section 4.1; the multiplier m is StyleGAN's.

    Args:
        units: Output features.
        lr_multiplier: m above; the stored weight starts as N(0, 1/m) and s contains m, so that m scales the
            effective learning rate only.
        gain: Extra factor on the weight.
        activation: Name known to `gansformer_tf.ops.bias_act`; its default gain applies ("lrelu": sqrt(2)).
        use_bias: Whether a bias is added.

    Call arguments:
        inputs: `[..., features]`.

    Returns:
        `[..., units]`.

    Example:

    >>> tuple(EqualizedDense(8, activation="lrelu")(ops.ones((2, 4))).shape)
    (2, 8)
    """

    def __init__(
        self,
        units: int,
        *,
        lr_multiplier: float = 1.0,
        gain: float = 1.0,
        activation: str = "linear",
        use_bias: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.lr_multiplier = lr_multiplier
        self.gain = gain
        self.activation = activation
        self.use_bias = use_bias

    def build(self, input_shape: Any) -> None:
        shape = (int(input_shape[-1]), self.units)
        self.scale = runtime_scale(shape, self.lr_multiplier, self.gain)
        initializer = keras.initializers.RandomNormal(stddev=1.0 / self.lr_multiplier)
        self.kernel = self.add_weight(shape=shape, initializer=initializer, name="kernel")
        if self.use_bias:
            self.bias = self.add_weight(shape=(self.units,), initializer="zeros", name="bias")
        else:
            self.bias = None

    def effective_kernel(self) -> Any:
        """The weight as it multiplies the input, `[features, units]`."""
        return self.kernel * self.scale

    def effective_bias(self) -> Any:
        """The bias as it is added, `[units]`, or None."""
        if self.bias is None or self.lr_multiplier == 1.0:
            return None if self.bias is None else ops.convert_to_tensor(self.bias)
        return self.bias * self.lr_multiplier

    def call(self, inputs: Any) -> Any:
        # the scale goes on the smaller of the two operands, which is the weight at all sizes but tiny batches
        x = ops.matmul(inputs, self.effective_kernel())
        return bias_act(x, self.effective_bias(), activation=self.activation)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (*input_shape[:-1], self.units)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "units": self.units,
            "lr_multiplier": self.lr_multiplier,
            "gain": self.gain,
            "activation": self.activation,
            "use_bias": self.use_bias,
        }


@keras.saving.register_keras_serializable("gansformer_tf")
class EqualizedConv2D(keras.layers.Layer):
    """Convolution with equalized learning rate and optional FIR resampling by 2.

    Source: "Analyzing and Improving the Image Quality of StyleGAN" (Karras et al. 2020), section 4.

    Args:
        filters: Output channels.
        kernel_size: Side of the square kernel.
        resample: None, "up" (transposed convolution, then the FIR filter) or "down" (the filter, then a strided
            convolution).
        activation: As in `EqualizedDense`.
        use_bias: Whether a bias is added.
        fir_taps: Taps of the separable low-pass filter.
        clamp: Largest absolute value of the output, or None.

    Call arguments:
        inputs: `[batch, height, width, channels]`.

    Returns:
        `[batch, height', width', filters]`, the sides doubled, halved or unchanged.

    Raises:
        ValueError: `resample` is unknown.

    Example:

    >>> tuple(EqualizedConv2D(8, 3, resample="up")(ops.ones((2, 4, 6, 3))).shape)
    (2, 8, 12, 8)
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int,
        *,
        resample: str | None = None,
        activation: str = "linear",
        use_bias: bool = True,
        fir_taps: tuple[int, ...] = (1, 3, 3, 1),
        clamp: float | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if resample not in (None, "up", "down"):
            raise ValueError(f"resample is {resample!r}; it must be None, 'up' or 'down'.")
        self.filters = filters
        self.kernel_size = kernel_size
        self.resample = resample
        self.activation = activation
        self.use_bias = use_bias
        self.fir_taps = tuple(fir_taps)
        self.clamp = clamp
        self._fir = setup_filter(self.fir_taps)

    def build(self, input_shape: Any) -> None:
        shape = (self.kernel_size, self.kernel_size, int(input_shape[-1]), self.filters)
        self.scale = runtime_scale(shape)
        self.kernel = self.add_weight(
            shape=shape, initializer=keras.initializers.RandomNormal(stddev=1.0), name="kernel"
        )
        if self.use_bias:
            self.bias = self.add_weight(shape=(self.filters,), initializer="zeros", name="bias")
        else:
            self.bias = None

    def call(self, inputs: Any) -> Any:
        check_input(inputs, ("batch", "height", "width", self.kernel.shape[2]), f"the convolution {self.name}")
        kernel = self.kernel * self.scale
        if self.resample == "up":
            x = conv2d_up(inputs, kernel, self._fir)
        elif self.resample == "down":
            x = conv2d_down(inputs, kernel, self._fir)
        else:
            x = conv2d(inputs, kernel)
        return bias_act(x, self.bias, activation=self.activation, clamp=self.clamp)

    def compute_output_shape(self, input_shape: Any) -> Any:
        batch, height, width, _ = input_shape
        if self.resample == "up":
            height, width = height * 2, width * 2
        elif self.resample == "down":
            height, width = height // 2, width // 2
        return (batch, height, width, self.filters)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "resample": self.resample,
            "activation": self.activation,
            "use_bias": self.use_bias,
            "fir_taps": self.fir_taps,
            "clamp": self.clamp,
        }
