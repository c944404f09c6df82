"""Encoder and decoder of stage 1."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from gansformer_tf.config import from_dict, to_dict
from gansformer_tf.config.vqgan import AutoencoderConfig
from gansformer_tf.models.vqgan.blocks import (
    VQAttention,
    VQDownsample,
    VQResidualBlock,
    VQUpsample,
    convolution,
    group_norm,
)


class _Coder(keras.Model):
    """What encoder and decoder share: blocks, the middle, and what is kept of the configuration."""

    def __init__(self, config: AutoencoderConfig, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.config = config
        with keras.name_scope(self.name):  # layers of the same names stand in both
            self._build_parts()
        self.built = True

    def _build_parts(self) -> None:
        raise NotImplementedError

    def _block(self, channels: int, filters: int, name: str) -> VQResidualBlock:
        block = VQResidualBlock(filters, self.config.dropout, name=name, dtype=self.dtype_policy)
        block.build((None, None, None, channels))
        return block

    def _attention(self, channels: int, name: str) -> VQAttention:
        attention = VQAttention(name=name, dtype=self.dtype_policy)
        attention.build((None, None, None, channels))
        return attention

    def _build_level(self, level: int, channels: int, count: int) -> int:
        """The blocks of one level, each with attention where the level has it; returns their width."""
        width = self.config.channels_at(level)
        for index in range(count):
            self.blocks[level].append(self._block(channels, width, f"level{level}_block{index}"))
            if self.config.attends_at(level):
                self.attentions[level].append(self._attention(width, f"level{level}_attention{index}"))
            channels = width
        return channels

    def _build_middle(self, channels: int) -> None:
        self.mid_block1 = self._block(channels, channels, "mid_block1")
        self.mid_attention = self._attention(channels, "mid_attention")
        self.mid_block2 = self._block(channels, channels, "mid_block2")

    def _run_level(self, x: Any, level: int, training: bool, rng: Any) -> Any:
        for index, block in enumerate(self.blocks[level]):
            x = block(x, training=training, rng=rng)
            if self.attentions[level]:
                x = self.attentions[level][index](x)
        return x

    def _run_middle(self, x: Any, training: bool, rng: Any) -> Any:
        x = self.mid_attention(self.mid_block1(x, training=training, rng=rng))
        return self.mid_block2(x, training=training, rng=rng)

    def get_config(self) -> dict[str, Any]:
        return {"config": to_dict(self.config), "name": self.name, "dtype": self.dtype_policy.name}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        return cls(**(config | {"config": from_dict(AutoencoderConfig, config["config"])}))


@keras.saving.register_keras_serializable("gansformer_tf")
class VQEncoder(_Coder):
    """Image to features of the grid of codes.

    Args:
        config: `AutoencoderConfig`.

    Call arguments:
        images: `[batch, height, width, image_channels]`; any size that the levels halve is taken.
        training: Switches dropout on.
        rng: `SeedStream` of the dropout.

    Returns:
        `[batch, height // factor, width // factor, latent_channels]`.
    """

    def _build_parts(self) -> None:
        config, dtype = self.config, self.dtype_policy
        levels = range(config.num_levels)
        self.blocks: list[list[VQResidualBlock]] = [[] for _ in levels]
        self.attentions: list[list[VQAttention]] = [[] for _ in levels]
        self.downsamples: list[VQDownsample] = []
        self.conv_in = convolution(config.image_channels, config.channels, 3, name="conv_in", dtype=dtype)
        channels = config.channels
        for level in levels:
            channels = self._build_level(level, channels, config.blocks_per_level)
            if level < config.num_levels - 1:
                down = VQDownsample(config.resample_with_conv, name=f"downsample{level}", dtype=dtype)
                down.build((None, None, None, channels))
                self.downsamples.append(down)
        self._build_middle(channels)
        self.norm_out = group_norm(channels, "norm_out", dtype)
        self.conv_out = convolution(channels, config.latent_channels, 3, name="conv_out", dtype=dtype)

    def call(self, images: Any, training: bool = False, rng: Any = None) -> Any:
        x = self.conv_in(ops.cast(images, self.compute_dtype))
        for level in range(self.config.num_levels):
            x = self._run_level(x, level, training, rng)
            if level < len(self.downsamples):
                x = self.downsamples[level](x)
        x = self._run_middle(x, training, rng)
        return self.conv_out(ops.silu(self.norm_out(x)))


@keras.saving.register_keras_serializable("gansformer_tf")
class VQDecoder(_Coder):
    """Features of the grid of codes to an image.

    Args:
        config: `AutoencoderConfig`.

    Call arguments:
        x: `[batch, rows, columns, latent_channels]`.
        training: Switches dropout on.
        rng: `SeedStream` of the dropout.
        before_last: Also returns what the last convolution is given.

    Returns:
        `[batch, rows * factor, columns * factor, image_channels]`, about [-1, 1] and not clipped; with `before_last`
        the pair of it and `[batch, height, width, channels]`.
    """

    def _build_parts(self) -> None:
        config, dtype = self.config, self.dtype_policy
        self.blocks: list[list[VQResidualBlock]] = [[] for _ in range(config.num_levels)]
        self.attentions: list[list[VQAttention]] = [[] for _ in range(config.num_levels)]
        self.upsamples: list[VQUpsample] = []
        channels = config.channels_at(config.num_levels - 1)
        self.conv_in = convolution(config.latent_channels, channels, 3, name="conv_in", dtype=dtype)
        self._build_middle(channels)
        for level in reversed(range(config.num_levels)):
            channels = self._build_level(level, channels, config.blocks_per_level + 1)
            if level > 0:
                up = VQUpsample(config.resample_with_conv, name=f"upsample{level}", dtype=dtype)
                up.build((None, None, None, channels))
                self.upsamples.append(up)
        self.norm_out = group_norm(channels, "norm_out", dtype)
        self.conv_out = convolution(channels, config.image_channels, 3, name="conv_out", dtype=dtype)

    def call(self, x: Any, training: bool = False, rng: Any = None, before_last: bool = False) -> Any:
        x = self.conv_in(ops.cast(x, self.compute_dtype))
        x = self._run_middle(x, training, rng)
        for step, level in enumerate(reversed(range(self.config.num_levels))):
            x = self._run_level(x, level, training, rng)
            if step < len(self.upsamples):
                x = self.upsamples[step](x)
        features = ops.silu(self.norm_out(x))
        images = ops.cast(self.conv_out(features), "float32")
        return (images, features) if before_last else images
