"""Discriminator: StyleGAN2's, with aggregators that attend to the image if asked for."""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import ops

from gansformer_tf.config import DiscriminatorConfig, from_dict, to_dict
from gansformer_tf.layers import (
    BipartiteAttention,
    EqualizedConv2D,
    EqualizedDense,
    GridPositions,
    LatentUpdate,
    MinibatchStddev,
)
from gansformer_tf.layers.checks import check_input
from gansformer_tf.layers.configured import ConfiguredLayer
from gansformer_tf.layers.positional import embedding_initializer
from gansformer_tf.layers.precision import policy_at
from gansformer_tf.layers.second_moment import normalize_second_moment
from gansformer_tf.models.blocks import BlockRunner, call_block
from gansformer_tf.models.summary import discriminator_layers, summary_rows
from gansformer_tf.ops import downsample2d, setup_filter
from gansformer_tf.ops.random import seed_generator, stream

FIR_TAPS = (1, 3, 3, 1)
BASE_LEVEL = 2


@keras.saving.register_keras_serializable("gansformer_tf")
class DiscriminatorBlock(ConfiguredLayer):
    """One resolution: attention, two convolutions and down-sampling by 2.

    Attention comes before the convolutions: aggregators collect from the image (`Y + a(Y, X)`; in the paper's form
    `u^a(Y, X) = LayerNorm(Y + a(Y, X))`), then may talk to each other, and image positions may attend to the
    aggregators (`latent_to_image`) and to each other.
    """

    config_class = DiscriminatorConfig

    def __init__(self, config: DiscriminatorConfig, *, level: int, position_dim: int | None, **kwargs: Any) -> None:
        super().__init__(config, **kwargs)
        self.level = level
        self.position_dim = position_dim

    def build(self, input_shape: Any) -> None:
        config, level, dtype = self.config, self.level, self.dtype_policy
        channels, narrow = config.channels_at(level), config.channels_at(level - 1)
        height, width = config.size_at(level)
        features = (None, height, width, channels)
        options = {"activation": "lrelu", "clamp": config.conv_clamp, "dtype": dtype}
        self.from_rgb = None
        if level == config.resolution_log2 or config.architecture == "skip":
            self.from_rgb = EqualizedConv2D(channels, 1, name="from_rgb", **options)
            self.from_rgb.build((None, height, width, config.image_channels))
        self._build_attention(channels, height * width)
        self.conv0 = EqualizedConv2D(channels, 3, name="conv0", **options)
        self.conv0.build(features)
        self.conv1 = EqualizedConv2D(narrow, 3, resample="down", name="conv1_down", **options)
        self.conv1.build(features)
        self.skip = None
        if config.architecture == "resnet":
            self.skip = EqualizedConv2D(narrow, 1, resample="down", use_bias=False, name="skip", dtype=dtype)
            self.skip.build(features)

    def _build_attention(self, channels: int, tokens: int) -> None:
        config = self.config
        dim, k = config.latent_dim, config.num_components
        image, latents = (None, tokens, channels), (None, k, dim)
        grid = None if self.position_dim is None else (tokens, self.position_dim)
        positions = (k, dim) if config.use_pos else None
        shared = {"num_heads": config.num_heads, "dropout": config.attention_dropout, "dtype": self.dtype_policy}
        gates = {"query_gate": config.latent_gate, "key_gate": config.image_gate}
        self.collect = self.collect_norm = self.latent_update = self.image_update = self.image_attention = None
        if config.attends_at(self.level):
            self.collect = BipartiteAttention(dim, name="collect", **gates, **shared)
            self.collect.build(latents, image, positions, grid)
            if config.attention_form == "paper":
                self.collect_norm = keras.layers.LayerNormalization(name="collect_norm", dtype=self.dtype_policy)
                self.collect_norm.build(latents)
            if config.latent_self_attention:
                gates = {"query_gate": config.latent_gate, "key_gate": config.latent_gate}
                self.latent_update = LatentUpdate(name="latent_update", **gates, **shared)
                self.latent_update.build(latents, latents, positions, positions)
            if config.latent_to_image:
                gates = {"query_gate": config.image_gate, "key_gate": config.latent_gate}
                self.image_update = BipartiteAttention(channels, name="image_update", **gates, **shared)
                self.image_update.build(image, latents, grid, positions)
        if config.self_attends_at(self.level):
            gates = {"query_gate": config.image_gate, "key_gate": config.image_gate}
            self.image_attention = BipartiteAttention(dim, name="image_attention", **gates, **shared)
            self.image_attention.build(image, image, grid, grid)

    def call(
        self,
        x: Any,
        image: Any = None,
        aggregators: Any = None,
        grid: Any = None,
        positions: Any = None,
        training: bool = False,
        rng: Any = None,
    ) -> tuple[Any, Any, Any]:
        if self.from_rgb is not None:
            features = self.from_rgb(image)
            x = features if x is None else x + features
        shortcut = None if self.skip is None else self.skip(x)
        x, aggregators = self._attend(x, aggregators, grid, positions, training, rng)
        x = self.conv1(self.conv0(x))
        if shortcut is not None:
            x = (x + shortcut) * (1.0 / math.sqrt(2.0))
        if self.config.architecture == "skip":
            image = downsample2d(image, setup_filter(FIR_TAPS))
        return x, image, aggregators

    def _attend(self, x: Any, aggregators: Any, grid: Any, positions: Any, training: bool, rng: Any) -> tuple[Any, Any]:
        if self.collect is None and self.image_attention is None:
            return x, aggregators
        _, height, width, channels = x.shape
        tokens = ops.reshape(x, (-1, height * width, channels))
        options = {"training": training, "rng": rng}
        if self.collect is not None:
            aggregators, _ = self.collect(aggregators, tokens, x_pos=positions, y_pos=grid, **options)
        if self.collect_norm is not None:
            aggregators = self.collect_norm(aggregators)
        if self.latent_update is not None:
            aggregators = self.latent_update(aggregators, x_pos=positions, y_pos=positions, **options)
        if self.image_update is not None:
            tokens, _ = self.image_update(tokens, aggregators, x_pos=grid, y_pos=positions, **options)
        if self.image_attention is not None:
            tokens, _ = self.image_attention(tokens, tokens, x_pos=grid, y_pos=grid, **options)
        return ops.reshape(tokens, (-1, height, width, channels)), aggregators

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"level": self.level, "position_dim": self.position_dim}


@keras.saving.register_keras_serializable("gansformer_tf")
class ComponentScores(ConfiguredLayer):
    """Scores of the aggregators, one per component: minibatch stddev, dense, leaky ReLU, dense to one score."""

    config_class = DiscriminatorConfig

    def build(self, input_shape: Any = None) -> None:
        config, dtype = self.config, self.dtype_policy
        width = config.latent_dim
        self.stddev = None
        if config.has_mbstd:
            self.stddev = MinibatchStddev(config.mbstd_group_size, config.mbstd_num_features, dtype=dtype)
            self.stddev.build((None, config.num_components, width))
            width += config.mbstd_num_features
        self.dense = EqualizedDense(config.latent_dim, activation="lrelu", name="dense", dtype=dtype)
        self.dense.build((None, width))
        self.output_layer = EqualizedDense(1, name="output", dtype=dtype)
        self.output_layer.build((None, config.latent_dim))

    def call(self, aggregators: Any) -> Any:
        x = aggregators if self.stddev is None else self.stddev(aggregators)
        return ops.squeeze(self.output_layer(self.dense(x)), -1)  # [batch, components]

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape[:-1]


@keras.saving.register_keras_serializable("gansformer_tf")
class Discriminator(keras.Model):
    """Discriminator with the architectures of StyleGAN2 and optional attention (`--d-transformer`).

    With attention, k aggregators start from a learned table, collect from the image at every attended resolution
    and are scored together with the image features.

    Args:
        config: `DiscriminatorConfig`.

    Call arguments:
        images: `[batch, height, width, image_channels]` in about [-1, 1].
        labels: One-hot `[batch, label_dim]`, or None for a model without labels.
        training: Switches attention dropout on.
        rng: Seed of the dropout, an int or `SeedStream`; None takes the next one of the model's own generator.

    Returns:
        Scores `[batch, 1]`, float32, unbounded: high for real.

    Labels choose one of the scores, one per class; with `cmap_dim` the score is the product of the features with a
    mapping of the label, over the root of their size (projection discriminator, as in StyleGAN2-ADA).

    Source: StyleGAN2, section 4; GANsformer, section 3.3; "cGANs with Projection Discriminator" (Miyato and Koyama
    2018).

    Example:

    >>> config = gf.config.DiscriminatorConfig(resolution=16, channel_max=8, transformer=True, latent_size=16)
    >>> gf.models.Discriminator(config)(ops.zeros((4, 16, 16, 3))).shape
    TensorShape([4, 1])
    """

    def __init__(self, config: DiscriminatorConfig, **kwargs: Any) -> None:
        kwargs.setdefault("name", "discriminator")
        super().__init__(**kwargs)
        self.config = config
        self.seed_generator = seed_generator()
        self.run_block: BlockRunner = call_block
        self.build(None)

    def build(self, input_shape: Any = None) -> None:
        config, dtype = self.config, self.dtype_policy
        levels = range(config.resolution_log2, BASE_LEVEL, -1)
        self._build_tables(levels)
        self.blocks: list[DiscriminatorBlock] = []
        for level in levels:
            block = DiscriminatorBlock(
                config,
                level=level,
                position_dim=self.grids[0].output_dim if self.grids else None,
                name=f"block{level}",
                dtype=policy_at(dtype, level, config.resolution_log2),
            )
            block.build((None, *config.size_at(level), config.channels_at(level)))
            self.blocks.append(block)
        self._build_head()
        self.built = True

    def _build_tables(self, levels: range) -> None:
        config = self.config
        self.component_embedding = self.aggregators = None
        if config.transformer:
            shape = (config.num_components, config.latent_dim)
            self.component_embedding = self.add_weight(
                shape=shape, initializer=embedding_initializer(config.pos_init), name="component_embedding"
            )
            if config.separate_aggregators:
                initializer = keras.initializers.RandomNormal(stddev=1.0)
                self.aggregators = self.add_weight(shape=shape, initializer=initializer, name="aggregators")
        attended = [level for level in levels if config.attends_at(level) or config.self_attends_at(level)]
        self.grid_levels = attended if config.use_pos else []
        self.grids: list[GridPositions] = []
        for level in self.grid_levels:
            height, width = config.size_at(level)
            grid = GridPositions(
                height,
                width,
                config.position_dim,
                kind=config.pos_type,
                init=config.pos_init,
                directions=config.pos_directions,
                name=f"grid{level}",
                dtype=self.dtype_policy,
            )
            grid.build(None)
            self.grids.append(grid)

    def _build_head(self) -> None:
        config, dtype = self.config, self.dtype_policy
        channels = config.channels_at(BASE_LEVEL)
        height, width = config.size_at(BASE_LEVEL)
        self.from_rgb = self.stddev = self.component_scores = None
        if config.architecture == "skip":
            self.from_rgb = EqualizedConv2D(channels, 1, activation="lrelu", name="from_rgb", dtype=dtype)
            self.from_rgb.build((None, height, width, config.image_channels))
        features = channels
        if config.has_mbstd:
            self.stddev = MinibatchStddev(
                config.mbstd_group_size, config.mbstd_num_features, name="stddev", dtype=dtype
            )
            self.stddev.build((None, height, width, channels))
            features += config.mbstd_num_features
        self.conv = EqualizedConv2D(channels, 3, activation="lrelu", clamp=config.conv_clamp, name="conv", dtype=dtype)
        self.conv.build((None, height, width, features))
        dense = config.channels_at(BASE_LEVEL - 1)
        self.dense = EqualizedDense(dense, activation="lrelu", name="dense", dtype=dtype)
        self.dense.build((None, height * width * channels))
        scored = dense
        if config.transformer:
            self.component_scores = ComponentScores(config, name="component_scores", dtype=dtype)
            self.component_scores.build(None)
            scored += config.num_components
        self.output_layer = EqualizedDense(config.label_scores, name="output", dtype=dtype)
        self.output_layer.build((None, scored))
        self._build_label_mapping()

    def _build_label_mapping(self) -> None:
        """Labels to the vector that the features are multiplied with: an embedding, then a plain mapping network."""
        config, dtype = self.config, self.dtype_policy
        self.label_embedding = None
        self.label_mapping: list[EqualizedDense] = []
        if config.cmap_dim is None:
            return
        width = config.cmap_embedding_dim or config.cmap_dim
        self.label_embedding = EqualizedDense(width, name="label_embedding", dtype=dtype)
        self.label_embedding.build((None, config.label_dim))
        hidden = [config.cmap_hidden_dim or config.cmap_dim] * (config.cmap_layers - 1)
        options = {"lr_multiplier": config.cmap_lr_multiplier, "activation": "lrelu", "dtype": dtype}
        for index, units in enumerate([*hidden, config.cmap_dim]):
            layer = EqualizedDense(units, name=f"label_mapping{index}", **options)
            layer.build((None, width))
            self.label_mapping.append(layer)
            width = units

    def call(self, images: Any, labels: Any = None, training: bool = False, rng: Any = None) -> Any:
        config = self.config
        expected = ("batch", config.height, config.width, config.image_channels)
        check_input(images, expected, "this discriminator", "images have")
        rng = stream(rng, self.seed_generator)
        image = ops.cast(images, self.compute_dtype)
        grids = {level: grid.encoding() for level, grid in zip(self.grid_levels, self.grids, strict=True)}
        aggregators, positions = self._initial_aggregators(ops.shape(images)[0])
        x = None
        for block in self.blocks:
            x, image, aggregators = self.run_block(
                block,
                x,
                image=image,
                aggregators=aggregators,
                grid=grids.get(block.level),
                positions=positions,
                training=training,
                rng=rng,
            )
        if self.from_rgb is not None:
            x = x + self.from_rgb(image)
        if self.stddev is not None:
            x = self.stddev(x)
        x = self.conv(x)
        x = self.dense(ops.reshape(x, (-1, math.prod(x.shape[1:]))))
        if self.component_scores is not None:
            x = ops.concatenate([x, self.component_scores(aggregators)], axis=-1)
        return self._label_scores(ops.cast(self.output_layer(x), "float32"), labels)

    def prepare(self) -> None:
        """Loads what training needs beside the weights: nothing."""

    def run_blocks_with(self, run: BlockRunner) -> None:
        """Lets `run(block, x, **arguments)` call the blocks; see `Generator.run_blocks_with`."""
        self.run_block = run

    def _initial_aggregators(self, batch: Any) -> tuple[Any, Any]:
        if self.component_embedding is None:
            return None, None
        positions = ops.cast(ops.convert_to_tensor(self.component_embedding), self.compute_dtype)
        start = positions
        if self.aggregators is not None:
            start = ops.cast(ops.convert_to_tensor(self.aggregators), self.compute_dtype)
        return ops.tile(start[None], [batch, 1, 1]), positions if self.config.use_pos else None

    def _label_scores(self, scores: Any, labels: Any) -> Any:
        if not self.config.label_dim:
            return scores
        if labels is None:
            raise ValueError(
                f"this model was trained with {self.config.label_dim} classes; "
                f"pass labels [batch, {self.config.label_dim}]."
            )
        if self.label_embedding is None:
            return ops.sum(scores * ops.cast(labels, "float32"), axis=-1, keepdims=True)
        mapped = normalize_second_moment(self.label_embedding(ops.cast(labels, self.compute_dtype)))
        for layer in self.label_mapping:
            mapped = layer(mapped)
        product = ops.sum(scores * ops.cast(mapped, "float32"), axis=-1, keepdims=True)
        return product * (1.0 / math.sqrt(self.label_mapping[-1].units))

    def summary_rows(self) -> list[tuple[str, int, str, str]]:
        """Rows (layer, parameters, output shape, weight shape) for a table."""
        return summary_rows(discriminator_layers(self))

    def compute_output_shape(self, input_shape: Any, *args: Any, **kwargs: Any) -> Any:
        return (input_shape[0], 1)

    def get_config(self) -> dict[str, Any]:
        return {"config": to_dict(self.config), "name": self.name, "dtype": self.dtype_policy.name}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Discriminator:
        return cls(from_dict(DiscriminatorConfig, config["config"]), name=config["name"], dtype=config["dtype"])
