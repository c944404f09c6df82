"""What the encoder and the decoder are made of."""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import ops

from gansformer_tf.config.vqgan import GROUPS

# The epsilon of the published group normalisations; Keras's own default is 1e-3.
GROUP_EPSILON = 1e-6


def convolution(in_channels: int, filters: int, kernel_size: int, **options: Any) -> keras.layers.Conv2D:
    """A built `Conv2D`, by default "same", whose weights and biases start uniform within `1 / sqrt(fan_in)`."""
    limit = 1.0 / math.sqrt(kernel_size**2 * in_channels)
    options = {
        "padding": "same",
        "kernel_initializer": keras.initializers.RandomUniform(-limit, limit),
        "bias_initializer": keras.initializers.RandomUniform(-limit, limit),
    } | options
    layer = keras.layers.Conv2D(filters, kernel_size, **options)
    layer.build((None, None, None, in_channels))
    return layer


def group_norm(channels: int, name: str, dtype: Any) -> keras.layers.GroupNormalization:
    """A built group normalisation."""
    layer = keras.layers.GroupNormalization(GROUPS, epsilon=GROUP_EPSILON, name=name, dtype=dtype)
    layer.build((None, None, None, channels))
    return layer


def kernel_of_equal_pixels(kernel: Any) -> Any:
    """Kernel of the transposed convolution that repeats every pixel 2x2 times and convolves with the given kernel.

    It has 4 products per pixel of output in place of 9: the given kernel, turned as transposed convolutions want it, is
    summed over the places of the equal pixels.

    Args:
        kernel: `[3, 3, in, out]`.

    Returns:
        `[4, 4, out, in]`, for a stride of 2.
    """
    turned = ops.transpose(ops.flip(kernel, axis=(0, 1)), (0, 1, 3, 2))
    corners = [(top, left) for top in (0, 1) for left in (0, 1)]
    return sum(ops.pad(turned, ((top, 1 - top), (left, 1 - left), (0, 0), (0, 0))) for top, left in corners)


def dropped(x: Any, rate: float, training: bool, rng: Any) -> Any:
    """Dropout with the draws of a seed stream.

    Raises:
        ValueError: In training with a rate above 0 and no stream.
    """
    if not training or rate == 0.0:
        return x
    if rng is None:
        raise ValueError(f"dropout of {rate} in training needs rng, a seed or SeedStream; none was given.")
    keep = ops.cast(rng.uniform(ops.shape(x)) >= rate, x.dtype)
    return x * keep / ops.cast(1.0 - rate, x.dtype)


@keras.saving.register_keras_serializable("gansformer_tf")
class VQResidualBlock(keras.layers.Layer):
    """Two normalised 3x3 convolutions beside the identity, or a 1x1 convolution where the width changes.

    Args:
        filters: Output channels.
        dropout: Rate between the convolutions, in training only.

    Call arguments:
        x: `[batch, height, width, channels]`.
        training: Switches dropout on.
        rng: Seed stream of the dropout.

    Returns:
        `[batch, height, width, filters]`.
    """

    def __init__(self, filters: int, dropout: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.filters = filters
        self.dropout = dropout

    def build(self, input_shape: Any) -> None:
        channels, dtype = int(input_shape[-1]), self.dtype_policy
        self.norm1 = group_norm(channels, "norm1", dtype)
        self.conv1 = convolution(channels, self.filters, 3, name="conv1", dtype=dtype)
        self.norm2 = group_norm(self.filters, "norm2", dtype)
        self.conv2 = convolution(self.filters, self.filters, 3, name="conv2", dtype=dtype)
        self.shortcut = None
        if channels != self.filters:
            self.shortcut = convolution(channels, self.filters, 1, name="shortcut", dtype=dtype)

    def call(self, x: Any, training: bool = False, rng: Any = None) -> Any:
        h = self.conv1(ops.silu(self.norm1(x)))
        h = self.conv2(dropped(ops.silu(self.norm2(h)), self.dropout, training, rng))
        return h + (x if self.shortcut is None else self.shortcut(x))

    def compute_output_shape(self, input_shape: Any, **_: Any) -> Any:
        return (*input_shape[:-1], self.filters)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"filters": self.filters, "dropout": self.dropout}


@keras.saving.register_keras_serializable("gansformer_tf")
class VQAttention(keras.layers.Layer):
    """Every position listens to all positions of the image, with one head, beside the identity.

    Call arguments:
        x: `[batch, height, width, channels]`.

    Returns:
        The same shape.
    """

    def build(self, input_shape: Any) -> None:
        channels, dtype = int(input_shape[-1]), self.dtype_policy
        self.norm = group_norm(channels, "norm", dtype)
        self.q = convolution(channels, channels, 1, name="q", dtype=dtype)
        self.k = convolution(channels, channels, 1, name="k", dtype=dtype)
        self.v = convolution(channels, channels, 1, name="v", dtype=dtype)
        self.proj_out = convolution(channels, channels, 1, name="proj_out", dtype=dtype)

    def call(self, x: Any) -> Any:
        shape, channels = ops.shape(x), x.shape[-1]
        h = self.norm(x)
        q, k, v = (ops.reshape(layer(h), (shape[0], -1, channels)) for layer in (self.q, self.k, self.v))
        # The sums of products need the digits of float32.
        scores = ops.matmul(ops.cast(q, "float32"), ops.transpose(ops.cast(k, "float32"), (0, 2, 1)))
        weights = ops.cast(ops.softmax(scores / math.sqrt(channels)), v.dtype)
        return x + self.proj_out(ops.reshape(ops.matmul(weights, v), shape))

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape


@keras.saving.register_keras_serializable("gansformer_tf")
class VQDownsample(keras.layers.Layer):
    """Half the size: a 3x3 convolution with stride 2, or the mean of 2x2.

    Args:
        with_conv: Which of the two.

    Call arguments:
        x: `[batch, height, width, channels]`.

    Returns:
        `[batch, height // 2, width // 2, channels]`.
    """

    def __init__(self, with_conv: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.with_conv = with_conv

    def build(self, input_shape: Any) -> None:
        channels = int(input_shape[-1])
        self.conv = None
        if self.with_conv:
            self.conv = convolution(
                channels, channels, 3, strides=2, padding="valid", name="conv", dtype=self.dtype_policy
            )

    def call(self, x: Any) -> Any:
        if self.conv is None:
            return ops.average_pool(x, 2, 2)
        # Zeros at the right and bottom only; "same" would do so for even sizes and not for odd ones.
        return self.conv(ops.pad(x, ((0, 0), (0, 1), (0, 1), (0, 0))))

    def compute_output_shape(self, input_shape: Any) -> Any:
        batch, height, width, channels = input_shape
        return (batch, *(None if side is None else side // 2 for side in (height, width)), channels)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"with_conv": self.with_conv}


@keras.saving.register_keras_serializable("gansformer_tf")
class VQUpsample(keras.layers.Layer):
    """Twice the size by repeating pixels, then a 3x3 convolution if wanted.

    Args:
        with_conv: Whether the convolution follows.

    Call arguments:
        x: `[batch, height, width, channels]`.

    Returns:
        `[batch, 2 * height, 2 * width, channels]`.
    """

    def __init__(self, with_conv: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.with_conv = with_conv

    def build(self, input_shape: Any) -> None:
        channels = int(input_shape[-1])
        self.conv = convolution(channels, channels, 3, name="conv", dtype=self.dtype_policy) if self.with_conv else None

    def call(self, x: Any) -> Any:
        if self.conv is None:
            return ops.repeat(ops.repeat(x, 2, axis=1), 2, axis=2)
        kernel = kernel_of_equal_pixels(self.conv.kernel)
        return ops.conv_transpose(x, kernel, strides=2, padding="same") + self.conv.bias

    def compute_output_shape(self, input_shape: Any) -> Any:
        batch, height, width, channels = input_shape
        return (batch, *(None if side is None else side * 2 for side in (height, width)), channels)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"with_conv": self.with_conv}
