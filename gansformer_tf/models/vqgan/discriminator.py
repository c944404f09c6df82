"""The discriminator of stage 1 and its normalisations."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras
from keras import ops

from gansformer_tf.config import ConfigError, from_dict, to_dict
from gansformer_tf.config.vqgan import PatchDiscriminatorConfig
from gansformer_tf.models.summary import Layer, Row, summary_rows
from gansformer_tf.models.vqgan.blocks import convolution

BATCH_EPSILON = 1e-5
BATCH_MOMENTUM = 0.9
ACT_EPSILON = 1e-6
SLOPE = 0.2
KERNEL_SIZE = 4
_SPACE = (0, 1, 2)


@keras.saving.register_keras_serializable("gansformer_tf")
class PatchBatchNorm(keras.layers.Layer):
    """Batch normalisation whose running variance is the unbiased one, which Keras's is not.

    Call arguments:
        x: `[batch, height, width, channels]`.
        training: Normalises with the batch's own statistics and moves the running ones by a tenth.

    Returns:
        The same shape.
    """

    def build(self, input_shape: Any) -> None:
        shape = (int(input_shape[-1]),)
        spread = keras.initializers.RandomNormal(mean=1.0, stddev=0.02)
        self.gamma = self.add_weight(shape=shape, initializer=spread, name="gamma", autocast=False)
        self.beta = self.add_weight(shape=shape, initializer="zeros", name="beta", autocast=False)
        # Each replica has its own, as it has its own batch; a checkpoint holds their mean.
        kept: dict[str, Any] = {"shape": shape, "dtype": "float32", "trainable": False, "autocast": False}
        kept |= {"synchronization": "on_read", "aggregation": "mean"}
        self.mean = keras.Variable("zeros", name="mean", **kept)
        self.variance = keras.Variable("ones", name="variance", **kept)

    def call(self, x: Any, training: bool = False) -> Any:
        wide = ops.cast(x, "float32")
        if training:
            mean, variance, unbiased = _moments(wide)
            self.mean.assign(BATCH_MOMENTUM * self.mean + (1.0 - BATCH_MOMENTUM) * mean)
            self.variance.assign(BATCH_MOMENTUM * self.variance + (1.0 - BATCH_MOMENTUM) * unbiased)
        else:
            mean, variance = ops.convert_to_tensor(self.mean), ops.convert_to_tensor(self.variance)
        scale = self.gamma * ops.rsqrt(variance + BATCH_EPSILON)
        return ops.cast((wide - mean) * scale + self.beta, self.compute_dtype)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape


@keras.saving.register_keras_serializable("gansformer_tf")
class PatchActNorm(keras.layers.Layer):
    """`scale * (x + offset)` per channel; the first batch of training sets both so that the result is normalised.

    Call arguments:
        x: `[batch, height, width, channels]`.
        training: Whether the batch counts as the first one.

    Returns:
        The same shape.

    Source: Glow (Kingma and Dhariwal 2018), section 3.1.
    """

    def build(self, input_shape: Any) -> None:
        shape = (int(input_shape[-1]),)
        # Replicas see parts of the first batch and take the mean of what these say.
        kept: dict[str, Any] = {"autocast": False, "aggregation": "mean"}
        self.offset = self.add_weight(shape=shape, initializer="zeros", name="offset", **kept)
        self.scale = self.add_weight(shape=shape, initializer="ones", name="scale", **kept)
        # 1 from the first batch on; a number like the others, so that every file format keeps it
        self.initialized = self.add_weight(shape=(), initializer="zeros", trainable=False, name="initialized", **kept)

    def call(self, x: Any, training: bool = False) -> Any:
        wide = ops.cast(x, "float32")
        if training:
            mean, _, unbiased = _moments(wide)
            old = ops.convert_to_tensor(self.initialized) > 0
            offset, scale = -mean, 1.0 / (ops.sqrt(unbiased) + ACT_EPSILON)
            self.offset.assign(ops.where(old, ops.convert_to_tensor(self.offset), offset))
            self.scale.assign(ops.where(old, ops.convert_to_tensor(self.scale), scale))
            self.initialized.assign(ops.ones(()))
        return ops.cast(self.scale * (wide + self.offset), self.compute_dtype)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape


def _moments(x: Any) -> tuple[Any, Any, Any]:
    """Mean, variance and unbiased variance per channel."""
    mean, variance = ops.moments(x, axes=_SPACE)
    shape = ops.shape(x)
    count = ops.cast(shape[0] * shape[1] * shape[2], "float32")
    return mean, variance, variance * count / ops.maximum(count - 1.0, 1.0)


@keras.saving.register_keras_serializable("gansformer_tf")
class PatchDiscriminator(keras.Model):
    """Scores of overlapping patches (PatchGAN).

    Args:
        config: `PatchDiscriminatorConfig`.

    Call arguments:
        images: `[batch, height, width, image_channels]`; a condition may stand behind the image's channels.
        training: Uses and moves the statistics of the batch.

    Returns:
        `[batch, rows, columns, 1]` float32, unbounded: high for real. With 3 layers 256x256 pixels give 30x30 scores.

    Raises:
        ConfigError: The images are too small for one patch.

    Source: "Image-to-Image Translation with Conditional Adversarial Networks" (Isola et al. 2017), appendix 6.1.2.
    """

    def __init__(self, config: PatchDiscriminatorConfig, **kwargs: Any) -> None:
        kwargs.setdefault("name", "patch_discriminator")
        super().__init__(**kwargs)
        self.config = config
        with keras.name_scope(self.name):
            self._make_layers()
        self.built = True

    def _make_layers(self) -> None:
        config = self.config
        self.convolutions: list[Any] = [self._convolution(0, config.image_channels, config.channels, strides=2)]
        self.norms: list[Any] = []
        for index in range(1, config.num_layers + 1):
            filters = config.channels_of(index)
            strides = 2 if index < config.num_layers else 1
            self.convolutions.append(self._convolution(index, config.channels_of(index - 1), filters, strides))
            norm = (PatchBatchNorm if config.normalization == "batch" else PatchActNorm)(
                name=f"norm{index}", dtype=self.dtype_policy
            )
            norm.build((None, None, None, filters))
            self.norms.append(norm)
        last = config.num_layers + 1
        self.convolutions.append(self._convolution(last, config.channels_of(config.num_layers), 1, strides=1))

    def _convolution(self, index: int, channels: int, filters: int, strides: int) -> Any:
        # behind these a batch normalisation takes any bias off again
        without_bias = self.config.normalization == "batch" and 1 <= index <= self.config.num_layers
        return convolution(
            channels,
            filters,
            KERNEL_SIZE,
            strides=strides,
            padding="valid",
            kernel_initializer=keras.initializers.RandomNormal(stddev=0.02),
            use_bias=not without_bias,
            name=f"conv{index}",
            dtype=self.dtype_policy,
        )

    def call(self, images: Any, training: bool = False) -> Any:
        self._check_size(images.shape[1:3])
        x = self._convolve(0, ops.cast(images, self.compute_dtype))
        x = ops.leaky_relu(x, SLOPE)
        for index, norm in enumerate(self.norms, start=1):
            x = ops.leaky_relu(norm(self._convolve(index, x), training=training), SLOPE)
        return ops.cast(self._convolve(len(self.convolutions) - 1, x), "float32")

    def _convolve(self, index: int, x: Any) -> Any:
        # one pixel on each side; "same" would pad the unstrided ones by 1 and 2
        return self.convolutions[index](ops.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0))))

    def _check_size(self, sides: Any) -> None:
        smallest = self.config.least_side
        small = [side for side in sides if side is not None and side < smallest]
        if small:
            raise ConfigError(
                f"the image has a side of {small[0]} pixels; {self.config.num_layers} layers of the discriminator need "
                f"{smallest}. Use fewer layers, or larger images."
            )

    def summary_rows(self) -> list[Row]:
        """Rows (layer, parameters, output shape, weight shape) for a table."""
        return summary_rows(self._layers_of_summary())

    def _layers_of_summary(self) -> Iterator[Layer]:
        shape: tuple = (None, self.config.height, self.config.width, self.config.image_channels)
        for index, layer in enumerate(self.convolutions):
            shape = layer.compute_output_shape((None, shape[1] + 2, shape[2] + 2, shape[3]))
            yield layer.name, layer.weights, shape
            if 1 <= index <= len(self.norms):
                yield self.norms[index - 1].name, self.norms[index - 1].weights, shape

    def get_config(self) -> dict[str, Any]:
        return {"config": to_dict(self.config), "name": self.name, "dtype": self.dtype_policy.name}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> PatchDiscriminator:
        return cls(**(config | {"config": from_dict(PatchDiscriminatorConfig, config["config"])}))
