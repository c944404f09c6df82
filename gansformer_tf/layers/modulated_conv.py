"""Modulated convolution of StyleGAN2."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from gansformer_tf.layers.checks import check_input
from gansformer_tf.layers.equalized import EqualizedDense, runtime_scale
from gansformer_tf.ops import conv2d, conv2d_up, scale_channels, setup_filter, sum_of_squares

DEMODULATION_EPSILON = 1e-8


@keras.saving.register_keras_serializable("gansformer_tf")
class ModulatedConv2D(keras.layers.Layer):
    """Convolution whose input channels are scaled by a style and whose outputs are demodulated.

    With styles s = A(w) + 1 and weights W: `y = d * conv(s * x, W)`, `d_o = 1 / sqrt(sum_ki (s_i W_kio)^2 + 1e-8)`
    (StyleGAN2, equations 1 and 3). Scaling inputs and outputs around one shared convolution gives the same numbers
    as per-sample weights and is 1.2 to 3.5 times faster on a CPU than a grouped convolution.

    Args:
        filters: Output channels.
        kernel_size: Side of the square kernel.
        resample: None or "up" (doubles the sides with the FIR filter).
        modulate: False makes it a plain convolution that ignores the style (`--style False`).
        demodulate: Whether outputs are brought back to unit expected variance; only with `modulate`.
        fir_taps: Taps of the separable low-pass filter.

    Call arguments:
        inputs: `[batch, height, width, channels]`.
        style: `[batch, style_dim]`.

    Returns:
        `[batch, height', width', filters]`.

    Raises:
        ValueError: `resample` is unknown.

    Example:

    >>> tuple(ModulatedConv2D(8, 3)(ops.ones((2, 4, 6, 3)), ops.ones((2, 16))).shape)
    (2, 4, 6, 8)
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int,
        *,
        resample: str | None = None,
        modulate: bool = True,
        demodulate: bool = True,
        fir_taps: tuple[int, ...] = (1, 3, 3, 1),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if resample not in (None, "up"):
            raise ValueError(f"resample is {resample!r}; a modulated convolution takes None or 'up'.")
        self.filters = filters
        self.kernel_size = kernel_size
        self.resample = resample
        self.modulate = modulate
        self.demodulate = demodulate
        self.fir_taps = tuple(fir_taps)
        self._fir = setup_filter(self.fir_taps)
        self.affine: EqualizedDense | None = None

    def build(self, inputs_shape: Any, style_shape: Any = None) -> None:
        channels = int(inputs_shape[-1])
        shape = (self.kernel_size, self.kernel_size, channels, self.filters)
        self.scale = runtime_scale(shape)
        self.kernel = self.add_weight(
            shape=shape, initializer=keras.initializers.RandomNormal(stddev=1.0), name="kernel"
        )
        if self.modulate:
            self.affine = EqualizedDense(channels, name="affine", dtype=self.dtype_policy)
            self.affine.build(style_shape)

    def call(self, inputs: Any, style: Any) -> Any:
        check_input(inputs, ("batch", "height", "width", self.kernel.shape[2]), f"the convolution {self.name}")
        if self.affine is None:
            return self._convolve(inputs, self.kernel * self.scale)
        # The kernel's scale goes into the styles: a scaled copy of every kernel would be kept for the backward pass.
        scales = (self.affine(style) + 1.0) * self.scale
        if self.kernel_size == 1 and self.resample is None and not self.demodulate and None not in inputs.shape[1:]:
            return self._product(inputs, scales)
        x = self._convolve(scale_channels(inputs, scales), self.kernel)
        if self.demodulate:
            x = scale_channels(x, self._demodulation(scales), nonzero=True)
        return x

    def _convolve(self, x: Any, kernel: Any) -> Any:
        if self.resample == "up":
            return conv2d_up(x, kernel, self._fir)
        return conv2d(x, kernel)

    def _product(self, x: Any, scales: Any) -> Any:
        """A kernel of one tap with few outputs (RGB): scaling the kernel spares two passes over the features."""
        _, height, width, channels = x.shape
        kernel = ops.expand_dims(scales, 2) * ops.reshape(self.kernel, (1, channels, self.filters))
        x = ops.matmul(ops.reshape(x, (-1, height * width, channels)), kernel)
        return ops.reshape(x, (-1, height, width, self.filters))

    def _demodulation(self, scales: Any) -> Any:
        # float32: the sum of squares loses too much in half precision
        energy = sum_of_squares(ops.cast(self.kernel, "float32"))  # [channels, filters]
        total = ops.matmul(ops.square(ops.cast(scales, "float32")), energy)  # [batch, filters]
        return ops.cast(ops.rsqrt(total + DEMODULATION_EPSILON), self.compute_dtype)

    def compute_output_shape(self, inputs_shape: Any, style_shape: Any = None) -> Any:
        batch, height, width, _ = inputs_shape
        factor = 2 if self.resample == "up" else 1
        return (batch, height * factor, width * factor, self.filters)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "resample": self.resample,
            "modulate": self.modulate,
            "demodulate": self.demodulate,
            "fir_taps": self.fir_taps,
        }
