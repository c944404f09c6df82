"""Synthesis network: intermediate latents w to images."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import keras
from keras import ops

from gansformer_tf.config import GANsformerConfig
from gansformer_tf.layers import ComponentMerge, EqualizedConv2D, GridPositions, ModulatedConv2D
from gansformer_tf.layers.configured import ConfiguredLayer
from gansformer_tf.layers.merge import merge_components, merge_latents
from gansformer_tf.layers.precision import policy_at
from gansformer_tf.models.blocks import BlockRunner, call_block
from gansformer_tf.models.gansformer.flow import Flow, FlowInputs, Styles
from gansformer_tf.models.gansformer.layers import BASE_LEVEL, Stem, SynthesisLayer, ToRGB
from gansformer_tf.ops import setup_filter, upsample2d
from gansformer_tf.ops.random import seed_generator, stream

FIR_TAPS = (1, 3, 3, 1)


@keras.saving.register_keras_serializable("gansformer_tf")
class SynthesisBlock(ConfiguredLayer):
    """Features of one resolution: the first block holds one layer, the others an up-sampling and a plain one.

    Args:
        config: Generator configuration.
        level: Base-2 logarithm of the longer side.
        images: Images generated side by side per sample (k until k-GAN merges them).
        position_dim: Size of the encoding of image positions, or None.
        first_attended: Index of the first attended layer of the network.
    """

    def __init__(
        self,
        config: GANsformerConfig,
        *,
        level: int,
        images: int,
        position_dim: int | None,
        first_attended: int,
        **kwargs: Any,
    ) -> None:
        super().__init__(config, **kwargs)
        self.level = level
        self.images = images
        self.position_dim = position_dim
        self.first_attended = first_attended

    def build(self, input_shape: Any) -> None:
        config, level = self.config, self.level
        up = 2 * level - 4
        self.layers_: list[SynthesisLayer] = []
        if level == BASE_LEVEL:
            self._add("conv", 1, input_shape, None)
        else:
            self._add("conv0_up", up, input_shape, "up")
            self._add("conv1", up + 1, (None, *config.size_at(level), config.channels_at(level)), None)
        self.skip = None
        if config.architecture == "resnet" and level > BASE_LEVEL:
            self.skip = EqualizedConv2D(
                config.channels_at(level), 1, resample="up", use_bias=False, name="skip", dtype=self.dtype_policy
            )
            self.skip.build(input_shape)
        self.merge = None
        if config.kgan and level == config.merge_level:
            self.merge = ComponentMerge(
                config.num_components,
                config.merge_type,
                same=config.merge_same,
                batch_maximum=config.original_behaviour,
                name="merge",
                dtype=self.dtype_policy,
            )
            self.merge.build((None, *config.size_at(level), config.channels_at(level)))
        last = level == config.resolution_log2
        images = 1 if self.merge is not None else self.images
        features = (None, *config.size_at(level), config.channels_at(level))
        self.extra = self.to_rgb = None
        own = last and config.final_conv == "own"  # it has an entry of w, between the last layer's and the image's
        self.extra_index = 2 * level - 3 + own
        if own or (last and config.transformer and level <= config.attention_end):
            self.extra = ModulatedConv2D(
                config.channels_at(level), 3, modulate=config.style, name="extra", dtype=self.dtype_policy
            )
            self.extra.build(features, (None, config.style_dim))
        if last or config.architecture == "skip":
            index = 2 * level - 2 + own
            self.to_rgb = ToRGB(config, index=index, images=images, name="to_rgb", dtype=self.dtype_policy)
            self.to_rgb.build(features)

    def _add(self, name: str, index: int, input_shape: Any, resample: str | None) -> None:
        layer = SynthesisLayer(
            self.config,
            index=index,
            level=self.level,
            resample=resample,
            images=self.images,
            maps=self.images if self.level < self.config.merge_level else 1,
            position_dim=self.position_dim,
            first=index == self.first_attended,
            name=name,
            dtype=self.dtype_policy,
        )
        layer.build(input_shape)
        self.layers_.append(layer)

    def reads(self, inputs: FlowInputs) -> FlowInputs:
        """The part of the inputs that this block needs."""
        return inputs.of([layer.index for layer in self.layers_], [layer.grid_key for layer in self.layers_])

    def call(self, x: Any, inputs: FlowInputs, flow: Flow) -> tuple[Any, Flow]:
        shortcut = None if self.skip is None else self.skip(x)
        for layer in self.layers_:
            x, flow = layer(x, inputs=inputs, flow=flow)
        if shortcut is not None:
            x = (x + shortcut) * (1.0 / math.sqrt(2.0))
        image = flow.image
        if image is not None:  # in mixed precision the block before may have computed in another type
            image = upsample2d(ops.cast(image, self.compute_dtype), setup_filter(FIR_TAPS))
        if self.merge is not None:
            weights = self.merge(x)
            x = merge_components(x, weights)
            flow = dataclasses.replace(flow, styles=Styles(merge_latents(flow.styles.w, weights)))
            image = None if image is None else merge_components(image, weights)
        if self.to_rgb is not None:
            features = x if self.extra is None else self.extra(x, flow.styles.of(self.extra_index, False))
            rgb = self.to_rgb(features, flow=flow)
            image = rgb if image is None else image + rgb
        return x, dataclasses.replace(flow, image=image)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "level": self.level,
            "images": self.images,
            "position_dim": self.position_dim,
            "first_attended": self.first_attended,
        }


@keras.saving.register_keras_serializable("gansformer_tf")
class SynthesisNetwork(ConfiguredLayer):
    """Stack of blocks from the base grid to the full resolution.

    Call arguments:
        w: `[batch, num_latents, num_layers, style_dim]`.
        positions: Embedding of the components `[k, style_dim]`, or None.
        noise_mode, noise, component_mask, training, rng, return_attention: See `GANsformerGenerator`.

    Returns:
        Images `[batch, height, width, image_channels]`, and the attention maps, a list that is empty without
        `return_attention`.

    Source: StyleGAN2, section 4 and figure 7 (architectures); GANsformer, section 3.2 and figure 3.
    """

    def __init__(self, config: GANsformerConfig, **kwargs: Any) -> None:
        super().__init__(config, **kwargs)
        self.seed_generator = seed_generator()
        self.run_block: BlockRunner = call_block

    def build(self, input_shape: Any = None) -> None:
        config = self.config
        levels = range(BASE_LEVEL, config.resolution_log2 + 1)
        self.grid_levels = self._grid_levels(levels) if config.use_pos else {}
        self.grids = [self._grid(key, level) for key, level in self.grid_levels.items()]
        images = config.num_components if config.kgan else 1
        self.stem = Stem(config, images=images, name="stem", dtype=self.dtype_policy)
        self.stem.build(None)
        shape = (None, *config.size_at(BASE_LEVEL), config.channels_at(BASE_LEVEL))
        first_attended = self._first_attended(levels)
        self.blocks: list[SynthesisBlock] = []
        for level in levels:
            block = SynthesisBlock(
                config,
                level=level,
                images=images if level <= config.merge_level else 1,
                position_dim=self.grids[0].output_dim if self.grids else None,
                first_attended=first_attended,
                name=f"block{level}",
                dtype=policy_at(self.dtype_policy, level, config.resolution_log2),
            )
            block.build(shape)
            self.blocks.append(block)
            shape = (None, *config.size_at(level), config.channels_at(level))

    def _grid_levels(self, levels: range) -> dict[int, int]:
        """Key in `FlowInputs.grids` -> level, for all layers that attend."""
        config = self.config
        attended = {level for level in levels if config.attends_at(level) or config.self_attends_at(level)}
        if not config.positions_per_layer:
            return {level: level for level in levels if level in attended}
        layers = {}
        for level in levels:
            up = 2 * level - 4
            if level > BASE_LEVEL:
                layers[up] = level - 1 if config.attention_form == "paper" else level
            layers[up + 1] = level
        return {index: level for index, level in layers.items() if level in attended}

    def _grid(self, key: int, level: int) -> GridPositions:
        config = self.config
        height, width = config.size_at(level)
        grid = GridPositions(
            height,
            width,
            config.position_dim,
            kind=config.pos_type,
            init=config.pos_init,
            directions=config.pos_directions,
            name=f"grid{key}",
            dtype=self.dtype_policy,
        )
        grid.build(None)
        return grid

    def _first_attended(self, levels: range) -> int:
        """Index in w of the first layer with component attention (-1: none)."""
        for level in levels:
            if self.config.attends_at(level):
                if level == BASE_LEVEL:
                    return 1
                # in the paper's form the layer before already attends at its own output's level
                return 2 * level - 4 if self.config.attention_form == "code" else 2 * level - 3
        return -1

    @property
    def noise_shapes(self) -> list[tuple[int, int, int]]:
        """(height, width, maps) of the noise of each layer, empty without local noise."""
        if not self.config.local_noise:
            return []
        layers = [layer for block in self.blocks for layer in block.layers_]
        return [(*self.config.size_at(layer.level), layer.maps) for layer in layers]

    def call(
        self,
        w: Any,
        noise_mode: str = "random",
        noise: list[Any] | None = None,
        positions: Any = None,
        component_mask: Any = None,
        training: bool = False,
        rng: Any = None,
        return_attention: bool = False,
    ) -> tuple[Any, list[Any]]:
        rng = stream(rng, self.seed_generator)
        if noise_mode == "random" and noise is None:
            noise = [rng.normal((ops.shape(w)[0], *shape)) for shape in self.noise_shapes]
        if noise_mode != "random" or not noise:
            noise = []
        layers = [layer for block in self.blocks for layer in block.layers_]
        inputs = FlowInputs(
            noise_mode=noise_mode,
            noise={layer.index: self._per_image(values) for layer, values in zip(layers, noise, strict=False)},
            grids={key: grid.encoding() for key, grid in zip(self.grid_levels, self.grids, strict=True)},
            positions=positions,
            component_mask=component_mask,
            training=training,
            rng=rng,
            keeps_maps=return_attention,
        )
        flow = Flow(Styles(w))
        x = self.stem(flow=flow, noise=self._stem_noise(inputs, flow))
        for block in self.blocks:
            x, flow = self.run_block(block, x, inputs=block.reads(inputs), flow=flow)
        return flow.image, list(flow.maps)

    def _per_image(self, noise: Any) -> Any:
        """`[batch, height, width, maps]` as `[batch * maps, height, width, 1]`."""
        if noise.shape[-1] == 1:
            return noise
        noise = ops.transpose(noise, (0, 3, 1, 2))
        return ops.reshape(noise, (-1, *noise.shape[2:], 1))

    def _stem_noise(self, inputs: FlowInputs, flow: Flow) -> Any:
        """The latent stem uses the noise of the first convolution a second time, as the original does."""
        if not (self.config.latent_stem and self.config.local_noise) or inputs.noise_mode == "none":
            return None
        first: Any = self.blocks[0].layers_[0]
        if inputs.noise_mode == "random":
            noise = inputs.noise[first.index]
            return ops.repeat(noise, first.images, axis=0) if first.images > first.maps else noise
        buffer = ops.convert_to_tensor(first.noise.buffer)  # [maps, height, width, 1]
        if first.images > first.maps:
            buffer = ops.repeat(buffer, first.images, axis=0)
        return ops.tile(buffer, [ops.shape(flow.styles.w)[0], 1, 1, 1])

    def compute_output_shape(self, input_shape: Any = None, *args: Any, **kwargs: Any) -> Any:
        return (None, self.config.height, self.config.width, self.config.image_channels), []
