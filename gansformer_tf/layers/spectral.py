"""Spectral normalization: weights divided by their largest singular value."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from gansformer_tf.layers.checks import check_input

# The Gram matrix is squared so often: as 64 power iterations, on a matrix that is small beside the features.
_SQUARINGS = 6
_TINY = 1e-12


@keras.saving.register_keras_serializable("gansformer_tf")
class SpectralConv2D(keras.layers.Layer):
    """Convolution whose kernel, as a matrix to the output channels, has a largest singular value of 1.

    The published form keeps a vector for one power iteration per call. Here each call finds the singular value from
    the weights alone, so that there is no state that depends on how often and where the layer was called. Since the
    length of the kernel does not count, that of its initial value sets how fast it turns: that is PyTorch's here.

    Source: "Spectral Normalization for Generative Adversarial Networks" (Miyato et al. 2018).

    Args:
        filters: Output channels.
        kernel_size: Side of the kernel; an input may be smaller than it only with "same".
        strides: Of the convolution.
        padding: "same" or "valid".
        use_bias: Whether a bias is added.

    Call arguments:
        inputs: `[batch, height, width, channels]`.

    Returns:
        `[batch, height', width', filters]`.

    Example:

    >>> tuple(SpectralConv2D(8, 4, strides=2)(ops.ones((2, 8, 6, 3))).shape)
    (2, 4, 3, 8)
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int | tuple[int, int],
        *,
        strides: int = 1,
        padding: str = "same",
        use_bias: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.filters, self.strides, self.padding, self.use_bias = filters, strides, padding, use_bias
        self.kernel_size = (kernel_size, kernel_size) if isinstance(kernel_size, int) else tuple(kernel_size)

    def build(self, input_shape: Any) -> None:
        shape = (*self.kernel_size, int(input_shape[-1]), self.filters)
        # uniform up to 1 / sqrt(fan-in)
        initializer = keras.initializers.VarianceScaling(1.0 / 3.0, "fan_in", "uniform")
        self.kernel = self.add_weight(shape=shape, initializer=initializer, name="kernel", autocast=False)
        self.bias = self.add_weight(shape=(self.filters,), initializer="zeros", name="bias") if self.use_bias else None

    def normalized_kernel(self) -> Any:
        """The kernel as it is used, float32 `[height, width, channels, filters]`."""
        kernel = ops.convert_to_tensor(self.kernel)
        matrix = ops.reshape(kernel, (-1, self.filters))
        fixed = ops.stop_gradient(matrix)
        gram = ops.matmul(ops.transpose(fixed), fixed)
        for _ in range(_SQUARINGS):
            gram = gram / (ops.max(ops.abs(gram)) + _TINY)
            gram = ops.matmul(gram, gram)
        vector = ops.sum(gram, axis=1, keepdims=True)
        vector = vector / (ops.sqrt(ops.sum(ops.square(vector))) + _TINY)
        # With the vector held fixed, the length of the product has the gradient of the singular value.
        return kernel / (ops.sqrt(ops.sum(ops.square(ops.matmul(matrix, vector)))) + _TINY)

    def call(self, inputs: Any) -> Any:
        check_input(inputs, ("batch", "height", "width", self.kernel.shape[2]), f"the convolution {self.name}")
        kernel = ops.cast(self.normalized_kernel(), inputs.dtype)
        x = ops.conv(inputs, kernel, self.strides, self.padding, data_format="channels_last")
        return x if self.bias is None else x + ops.cast(ops.convert_to_tensor(self.bias), x.dtype)

    def compute_output_shape(self, input_shape: Any) -> Any:
        batch, *sides, _ = input_shape
        reach = (0, 0) if self.padding == "same" else tuple(side - 1 for side in self.kernel_size)
        sides = [-(-(side - r) // self.strides) for side, r in zip(sides, reach, strict=True)]
        return (batch, *sides, self.filters)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "padding": self.padding,
            "use_bias": self.use_bias,
        }
