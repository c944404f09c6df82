"""Projected discriminator: small networks that score the features of a frozen one."""

from __future__ import annotations

import importlib
import math
from collections.abc import Iterator
from typing import Any

import keras
from keras import ops

from gansformer_tf.config import ProjectedConfig, from_dict, to_dict
from gansformer_tf.config.feature_networks import FEATURE_NETWORKS
from gansformer_tf.layers.checks import check_input
from gansformer_tf.layers.local_norm import LocalBatchNorm
from gansformer_tf.layers.spectral import SpectralConv2D
from gansformer_tf.models.blocks import BlockRunner, call_block
from gansformer_tf.models.summary import Layer, Row, summary_rows

SLOPE = 0.2
LAST_SIDE = 8  # features are halved down to it, and scored there
KERNEL = 4
PUBLISHED_SIZE = 256  # of the images that the published network is shown


@keras.saving.register_keras_serializable("gansformer_tf")
class ProjectedDiscriminator(keras.Model):
    """Scores images by what a frozen network sees in them at four scales (`--d-features`).

    Images are brought to the size that the network is shown. Its features at each scale go through a fixed random 1x1
    convolution (cross-channel mixing); then, from the coarsest to the finest, they are doubled in size, with a fixed
    random 3x3 convolution behind it, and added to the next (cross-scale mixing). Each scale has a small network of its
    own: spectrally normalised 4x4 convolutions of stride 2 down to 8x8, at least one, each with batch normalization and
    a leaky ReLU, and one that scores every place. Channels are those of the published network at the same scale, also
    where the frozen network is shown images that are smaller than its 256 pixels.

    The mixing convolutions are weights that are not trained, so every file of the model holds them. The frozen network
    is no part of the model: it is loaded by `prepare`, or in the first call. Batches are normalised in groups of
    neighbours, as in StyleGAN-T: the published code takes what a device holds, and an update would depend on the cut.

    Args:
        config: `ProjectedConfig`.

    Call arguments:
        images: `[batch, height, width, image_channels]` in about [-1, 1].
        labels: One-hot `[batch, label_dim]`, which chooses one of the scores; or None for a model without labels.
        training, rng: Accepted as every discriminator does; nothing here depends on them.

    Returns:
        Scores `[batch, n]`, float32, unbounded: high for real. n counts the positions at all scales.

    Raises:
        ValueError: The images or labels have another shape, or the frozen network is not installed.

    Source: "Projected GANs Converge Faster" (Sauer et al. 2021).

    Example:

    >>> model = ProjectedDiscriminator(gf.config.ProjectedConfig(resolution=32, feature_size=32, channel_base=256))
    >>> model(keras.random.normal((8, 32, 32, 3))).shape  # doctest: +SKIP
    TensorShape([8, 28])
    """

    def __init__(self, config: ProjectedConfig, **kwargs: Any) -> None:
        kwargs.setdefault("name", "discriminator")
        # The frozen network sees the images in float32.
        super().__init__(autocast=False, **kwargs)
        self.config = config
        self.features: Any = None
        self.run_block: BlockRunner = call_block
        self.build(None)

    def build(self, input_shape: Any = None) -> None:
        config = self.config
        network = FEATURE_NETWORKS[config.features]
        height, width = config.seen_size
        taps = [(-(-height // stride), -(-width // stride)) for stride in network.strides]
        # each is scored at the size of the next finer one
        self.sizes = [(2 * taps[0][0], 2 * taps[0][1]), *taps[:-1]]
        shown = max(config.seen_size)
        widths = [config.channels_at(_published_level(size, shown)) for size in taps]
        mixed = [widths[max(scale - 1, 0)] for scale in range(len(widths))]
        self.mix_channels = [
            self._fixed((1, 1, channels, width), f"mix_channels{scale}")
            for scale, (channels, width) in enumerate(zip(network.channels, widths, strict=True))
        ]
        self.mix_scales = [
            self._fixed((3, 3, width, channels), f"mix_scales{scale}")
            for scale, (width, channels) in enumerate(zip(widths, mixed, strict=True))
        ]
        self.heads = [
            self._head(scale, size, channels)
            for scale, (size, channels) in enumerate(zip(self.sizes, mixed, strict=True))
        ]
        self.built = True

    def _fixed(self, shape: tuple[int, ...], name: str) -> Any:
        """Kernel of a random convolution that stays as it is (He et al. 2015)."""
        initializer = keras.initializers.RandomNormal(stddev=math.sqrt(2.0 / math.prod(shape[:-1])))
        return self.add_weight(shape=shape, initializer=initializer, trainable=False, name=name, autocast=False)

    def _head(self, scale: int, size: tuple[int, int], channels: int) -> list[Any]:
        layers: list[Any] = []

        def add(cls: type, *arguments: Any, **options: Any) -> None:
            layer = cls(*arguments, name=f"head{scale}_{len(layers)}", dtype=self.dtype_policy, **options)
            layer.build((None, *size, channels))
            layers.append(layer)

        shown = max(self.config.seen_size)
        # The published heads begin at 16x16 or more, so each has a block. Behind smaller images one is made
        # nevertheless: a head without would score what is not normalised, by one linear map.
        while not layers or max(size) >= 2 * LAST_SIDE:
            smaller = (-(-size[0] // 2), -(-size[1] // 2))
            wider = self.config.channels_at(_published_level(smaller, shown))
            add(SpectralConv2D, wider, KERNEL, strides=2, use_bias=False)
            size, channels = smaller, wider
            add(LocalBatchNorm, self.config.norm_group_size)
            add(keras.layers.LeakyReLU, SLOPE)
        kernel = (min(size[0], KERNEL), min(size[1], KERNEL))
        add(SpectralConv2D, max(self.config.label_dim, 1), kernel, padding="valid")
        return layers

    def prepare(self) -> None:
        """Loads the frozen network; within the scope of the strategy that trains.

        Raises:
            ValueError: It is not installed.
        """
        if self.features is None:
            module, name = FEATURE_NETWORKS[self.config.features].network.split(":")
            self.features = getattr(importlib.import_module(module), name)(self.config.features)

    def call(self, images: Any, labels: Any = None, training: bool = False, rng: Any = None) -> Any:
        config = self.config
        expected = ("batch", config.height, config.width, config.image_channels)
        check_input(images, expected, "this discriminator", "images have")
        if config.label_dim and labels is None:
            raise ValueError(
                f"this model was trained with {config.label_dim} classes; pass labels [batch, {config.label_dim}]."
            )
        self.prepare()
        scores = []
        for layers, x in zip(self.heads, self.run_block(self._project, images), strict=True):
            x = ops.cast(x, self.compute_dtype)
            for layer in layers:
                x = layer(x)
            scores.append(ops.reshape(ops.cast(x, "float32"), (-1, math.prod(x.shape[1:3]), x.shape[3])))
        together = ops.concatenate(scores, axis=1)
        if not config.label_dim:
            return together[..., 0]
        return ops.sum(together * ops.cast(labels, "float32")[:, None], axis=-1)

    def _project(self, x: Any) -> list[Any]:
        """Mixed features of images at every scale, from fine to coarse, float32 `[batch, height, width, channels]`."""
        images = ops.cast(x, "float32")
        if tuple(images.shape[1:3]) != self.config.seen_size:
            images = _resized(images, self.config.seen_size)
        taps = self.features(images)
        coarser, found = None, []
        for scale in reversed(range(len(taps))):
            y = _conv(taps[scale], self.mix_channels[scale])
            y = y if coarser is None else y + coarser
            coarser = _conv(_resized(y, self.sizes[scale]), self.mix_scales[scale])
            found.append(coarser)
        return found[::-1]

    def run_blocks_with(self, run: BlockRunner) -> None:
        """Lets `run(block, x, **arguments)` compute the features; see `Generator.run_blocks_with`."""
        self.run_block = run

    def summary_rows(self) -> list[Row]:
        """Rows (layer, parameters, output shape, weight shape) for a table."""
        return summary_rows(self._layers_of_summary())

    def _layers_of_summary(self) -> Iterator[Layer]:
        for layers, size in zip(self.heads, self.sizes, strict=True):
            shape: tuple = (None, *size, 0)
            for layer in layers:
                shape = layer.compute_output_shape(shape)
                yield layer.name, layer.weights, shape

    def compute_output_shape(self, input_shape: Any, *args: Any, **kwargs: Any) -> Any:
        return (input_shape[0], sum(math.prod(shape[1:3]) for shape in map(self._scored, range(len(self.heads)))))

    def _scored(self, scale: int) -> tuple:
        """Shape of the scores of a scale."""
        shape: tuple = (None, *self.sizes[scale], 0)
        for layer in self.heads[scale]:
            shape = layer.compute_output_shape(shape)
        return shape

    def get_config(self) -> dict[str, Any]:
        return {"config": to_dict(self.config), "name": self.name, "dtype": self.dtype_policy.name}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> ProjectedDiscriminator:
        return cls(from_dict(ProjectedConfig, config["config"]), name=config["name"], dtype=config["dtype"])


def _published_level(size: tuple[int, int], shown: int) -> int:
    """Base-2 logarithm of the longer side that features have where images of 256 pixels are shown, rounded."""
    return max(1, round(math.log2(max(size) * PUBLISHED_SIZE / shown)))


def _conv(x: Any, kernel: Any) -> Any:
    return ops.conv(x, ops.convert_to_tensor(kernel), padding="same", data_format="channels_last")


def _resized(x: Any, size: tuple[int, int]) -> Any:
    return ops.image.resize(x, size, interpolation="bilinear", data_format="channels_last")
