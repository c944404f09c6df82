"""Layers of the synthesis network: the learned start, convolution with attention, projection to an image."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import keras
from keras import ops

from gansformer_tf.config import GANsformerConfig
from gansformer_tf.layers import ModulatedConv2D, NoiseInjection
from gansformer_tf.layers.attention_stage import AttentionStage
from gansformer_tf.layers.configured import ConfiguredLayer
from gansformer_tf.models.gansformer.flow import Flow, FlowInputs
from gansformer_tf.ops import bias_act

BASE_LEVEL = 2  # the first stage is 4x4, or smaller for rectangular images


@keras.saving.register_keras_serializable("gansformer_tf")
class SynthesisLayer(ConfiguredLayer):
    """Modulated convolution, attention, noise, bias and leaky ReLU (the paper's form attends first).

    Args:
        config: Generator configuration.
        index: Entry on the layer axis of w.
        level: Base-2 logarithm of the output's longer side.
        resample: None or "up".
        images: Images generated side by side per sample: k before k-GAN merges them, else 1.
        maps: Noise maps: k in the stages below that of the merge, else 1 (shared by the images).
        position_dim: Size of the encoding of image positions, or None.
        first: First attended layer of the network.
    """

    def __init__(
        self,
        config: GANsformerConfig,
        *,
        index: int,
        level: int,
        resample: str | None = None,
        images: int = 1,
        maps: int = 1,
        position_dim: int | None = None,
        first: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(config, **kwargs)
        self.index = index
        self.level = level
        self.resample = resample
        self.images = images
        self.maps = maps
        self.position_dim = position_dim
        self.first = first

    @property
    def attention_level(self) -> int:
        """Level of the features that attend: those behind the convolution, before it in the paper's form."""
        before = self.config.attention_form == "paper" and self.resample == "up"
        return self.level - 1 if before else self.level

    @property
    def grid_key(self) -> int:
        """Where `FlowInputs.grids` has the encoding of the positions that attend."""
        return self.index if self.config.positions_per_layer else self.attention_level

    def build(self, input_shape: Any) -> None:
        config = self.config
        channels = config.channels_at(self.level)
        height, width = config.size_at(self.level)
        options = {"modulate": config.style, "resample": self.resample, "dtype": self.dtype_policy}
        self.conv = ModulatedConv2D(channels, 3, name="conv", **options)
        self.conv.build(input_shape, (None, config.style_dim))
        self.attention: Any = None
        components = config.attends_at(self.attention_level)
        image = config.self_attends_at(self.attention_level)
        if components or image:
            attended_channels = input_shape[-1] if config.attention_form == "paper" else channels
            self.attention = AttentionStage(
                config, components=components, image=image, first=self.first, name="attention", dtype=self.dtype_policy
            )
            grid_size = config.size_at(self.attention_level)
            self.attention.build(
                (None, *grid_size, attended_channels),
                (None, config.num_components, config.style_dim),
                None if self.position_dim is None else (math.prod(grid_size), self.position_dim),
                (config.num_components, config.style_dim) if config.embeds_components else None,
            )
        self.noise: Any = None
        if config.local_noise:
            self.noise = NoiseInjection(maps=self.maps, name="noise", dtype=self.dtype_policy)
            self.noise.build((None, height, width, channels))
        self.bias = self.add_weight(shape=(channels,), initializer="zeros", name="bias")

    def call(self, x: Any, inputs: FlowInputs, flow: Flow) -> tuple[Any, Flow]:
        if self.attention is None:  # updates of the latents reach attended neighbours only
            flow = dataclasses.replace(flow, latents=None, layer_w=None)
        if self.attention is not None and self.config.attention_form == "paper":
            x, flow = self._attend(x, inputs, flow)
        x = self.conv(x, flow.styles.of(self.index, self.images > 1))
        if self.attention is not None and self.config.attention_form == "code":
            x, flow = self._attend(x, inputs, flow)
        if self.noise is not None:
            noise = inputs.noise.get(self.index)
            if noise is not None and self.images > self.maps:
                noise = ops.repeat(noise, self.images, axis=0)
            x = self.noise(x, noise_mode=inputs.noise_mode, noise=noise, rng=inputs.rng)
        return bias_act(x, self.bias, activation="lrelu", clamp=self.config.conv_clamp), flow

    def _attend(self, x: Any, inputs: FlowInputs, flow: Flow) -> tuple[Any, Flow]:
        height, width = x.shape[1], x.shape[2]
        own = flow.styles.entries(None, self.config.num_components)[self.index]
        latents = own
        if flow.latents is not None and self.config.attention_form == "code":
            latents = flow.latents
        elif flow.latents is not None:
            # Y is carried on; the difference of the w entries lets style mixing reach later layers
            latents = ops.cast(flow.latents, own.dtype) + (own - flow.layer_w)
        x, updated, probabilities, assignments = self.attention(
            x,
            latents=latents,
            grid=inputs.grids.get(self.grid_key),
            positions=inputs.positions,
            assignments=self._carried_assignments(flow, height, width),
            component_mask=inputs.component_mask,
            training=inputs.training,
            rng=inputs.rng,
        )
        maps = flow.maps
        if inputs.keeps_maps and probabilities is not None:
            heads, components = probabilities.shape[1], probabilities.shape[3]
            maps = (*maps, ops.reshape(probabilities, (-1, heads, height, width, components)))
        return x, dataclasses.replace(
            flow,
            latents=None if updated is latents else updated,
            layer_w=own,
            assignments=assignments,
            grid_size=(height, width),
            maps=maps,
        )

    def _carried_assignments(self, flow: Flow, height: int, width: int) -> Any:
        """Assignments of the last attended layer on this grid (nearest neighbour)."""
        if flow.assignments is None or not self.config.iterative:
            return None
        heads, components = flow.assignments.shape[1:3]
        assert flow.grid_size is not None  # set together with the assignments
        old_height, old_width = flow.grid_size
        factor = height // old_height
        if factor == 1:
            return flow.assignments
        grid = ops.reshape(flow.assignments, (-1, heads * components, old_height, old_width))
        grid = ops.repeat(ops.repeat(grid, factor, axis=2), factor, axis=3)
        carried = ops.reshape(grid, (-1, heads, components, height * width))
        # the original does not normalise again: the weights of a centroid then sum to factor^2
        return carried if self.config.attention_form == "code" else carried / factor**2

    def compute_output_shape(self, input_shape: Any, *args: Any, **kwargs: Any) -> Any:
        return (input_shape[0], *self.config.size_at(self.level), self.config.channels_at(self.level))

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "index": self.index,
            "level": self.level,
            "resample": self.resample,
            "images": self.images,
            "maps": self.maps,
            "position_dim": self.position_dim,
            "first": self.first,
        }


@keras.saving.register_keras_serializable("gansformer_tf")
class ToRGB(ConfiguredLayer):
    """1x1 modulated convolution to the image channels, without demodulation (StyleGAN2, section 4.1)."""

    def __init__(self, config: GANsformerConfig, *, index: int, images: int = 1, **kwargs: Any) -> None:
        super().__init__(config, **kwargs)
        self.index = index
        self.images = images

    def build(self, input_shape: Any) -> None:
        channels = self.config.image_channels
        options = {"modulate": self.config.style, "demodulate": False, "dtype": self.dtype_policy}
        self.conv = ModulatedConv2D(channels, 1, name="conv", **options)
        self.conv.build(input_shape, (None, self.config.style_dim))
        self.bias = self.add_weight(shape=(channels,), initializer="zeros", name="bias")

    def call(self, x: Any, flow: Flow) -> Any:
        x = self.conv(x, flow.styles.of(self.index, self.images > 1))
        x = bias_act(x, self.bias, clamp=self.config.conv_clamp)
        return ops.tanh(x) if self.config.tanh else x

    def compute_output_shape(self, input_shape: Any, *args: Any, **kwargs: Any) -> Any:
        return (*input_shape[:-1], self.config.image_channels)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"index": self.index, "images": self.images}


@keras.saving.register_keras_serializable("gansformer_tf")
class Stem(ConfiguredLayer):
    """First features: a learned constant, or a dense layer on w with `latent_stem`."""

    def __init__(self, config: GANsformerConfig, *, images: int = 1, **kwargs: Any) -> None:
        super().__init__(config, **kwargs)
        self.images = images

    def build(self, input_shape: Any = None) -> None:
        config = self.config
        self.grid = (*config.size_at(BASE_LEVEL), config.channels_at(BASE_LEVEL))
        normal = keras.initializers.RandomNormal(stddev=1.0)
        self.noise = None
        if not config.latent_stem:
            self.constant = self.add_weight(shape=(self.images, *self.grid), initializer=normal, name="constant")
            return
        units = math.prod(self.grid)
        # gain sqrt(2) / 4 as in the original, over the fan-in of w
        self.scale = math.sqrt(2.0) / 4.0 / math.sqrt(config.style_dim)
        self.kernel = self.add_weight(shape=(config.style_dim, units), initializer=normal, name="kernel")
        self.bias = self.add_weight(shape=(self.grid[-1],), initializer="zeros", name="bias")
        if config.local_noise:
            # its map is the one of the first convolution, so the strength alone is learned here
            self.noise = self.add_weight(shape=(), initializer="zeros", name="noise_strength")

    def call(self, flow: Flow, noise: Any = None) -> Any:
        if not self.config.latent_stem:
            constant = ops.convert_to_tensor(self.constant)
            batch = ops.shape(flow.styles.w)[0]
            return ops.cast(ops.tile(constant, [batch, 1, 1, 1]), self.compute_dtype)
        x = ops.matmul(flow.styles.of(0, self.images > 1), self.kernel * self.scale)
        x = ops.reshape(x, (-1, *self.grid))
        if self.noise is not None and noise is not None:
            x = x + ops.cast(noise, self.compute_dtype) * self.noise
        return bias_act(x, self.bias, activation="lrelu")

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"images": self.images}
