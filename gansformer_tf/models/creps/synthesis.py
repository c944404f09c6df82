"""Synthesis network of CREPS: two lines of features whose products are the image."""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import ops

from gansformer_tf.config import CREPSConfig
from gansformer_tf.layers import BipartiteAttention, EqualizedDense
from gansformer_tf.layers.configured import ConfiguredLayer
from gansformer_tf.layers.modulated_dense import ModulatedDense
from gansformer_tf.layers.precision import policy_at

FIRST_LEVEL = 2
AXES = 2  # rows, columns

# One product per block: features of the row lines [batch, rows, rank, line_channels], and of the column lines.
Lines = list[tuple[Any, Any]]


@keras.saving.register_keras_serializable("gansformer_tf")
class LineInput(ConfiguredLayer):
    """Fourier features of the row and column coordinates, modulated by w.

    Call arguments:
        style: `[batch, style_dim]`.
        rows: Coordinates `[height]`.
        columns: Coordinates `[width]`.

    Returns:
        `[batch, (height + width) * rank, channels]`: the lines of all rows, then those of all columns.
    """

    config_class = CREPSConfig

    def __init__(self, config: CREPSConfig, **kwargs: Any) -> None:
        super().__init__(config, autocast=False, **kwargs)  # coordinates and frequencies need all their digits

    def build(self, style_shape: Any = None, *shapes: Any, **other_shapes: Any) -> None:
        config = self.config
        self.channels = config.channels_at(FIRST_LEVEL)
        normal = keras.initializers.RandomNormal(stddev=1.0)
        self.frequencies = self.add_weight(
            shape=(config.rank, self.channels // 2),
            initializer=keras.initializers.RandomNormal(stddev=config.bandwidth),
            trainable=False,
            name="frequencies",
            autocast=False,
        )
        self.kernel = self.add_weight(
            shape=(AXES, config.rank, self.channels), initializer=normal, name="kernel", autocast=False
        )
        self.affine = EqualizedDense(AXES * config.rank * self.channels, name="affine", dtype=self.dtype_policy)
        self.affine.build((None, config.style_dim))

    def call(self, style: Any, rows: Any, columns: Any) -> Any:
        shape = (-1, AXES, self.config.rank, self.channels)
        scales = ops.reshape(ops.cast(self.affine(style), "float32") + 1.0, shape)
        scales = scales * ops.convert_to_tensor(self.kernel) / math.sqrt(self.channels)
        lines = [self._waves(axis) * scales[:, None, index] for index, axis in enumerate((rows, columns))]
        x = ops.concatenate([ops.reshape(line, (-1, _length(line), self.channels)) for line in lines], axis=1)
        return ops.cast(x, self.compute_dtype)

    def _waves(self, coordinates: Any) -> Any:
        phases = ops.cast(coordinates, "float32")[:, None, None] * ops.convert_to_tensor(self.frequencies)
        phases = 2.0 * math.pi * phases  # [length, rank, channels / 2], up to hundreds of radians
        return ops.concatenate([ops.sin(phases), ops.cos(phases)], axis=-1)[None]

    def compute_output_shape(self, style_shape: Any, rows_shape: Any = None, columns_shape: Any = None) -> Any:
        return (style_shape[0], (rows_shape[0] + columns_shape[0]) * self.config.rank, self.channels)


def _length(line: Any) -> Any:
    """Positions of `[batch, length, rank, channels]` once length and rank are one axis."""
    return ops.shape(line)[1] * ops.shape(line)[2]


@keras.saving.register_keras_serializable("gansformer_tf")
class LineBlock(ConfiguredLayer):
    """Two modulated layers over the lines and, behind them, the lines' part in the image; the first block has one.

    With `transformer` the lines attend to the components before they take part: the gain of every position follows
    from the components it listens to (GANsformer, section 3.1.1), at a cost that grows with the sides of the image.

    Args:
        config: `CREPSConfig`.
        level: Base-2 logarithm of the resolution that the block has the width of.

    Call arguments:
        x: `[batch, positions, channels]`.
        w: `[batch, num_latents, num_layers, style_dim]`, the one that modulates last.

    Returns:
        Features `[batch, positions, channels']`; a list with the lines' part `[batch, positions, line_channels]` in
        float32, empty from the first block; a list with the attention `[batch, heads, positions, components]`, empty
        without `transformer`.
    """

    config_class = CREPSConfig

    def __init__(self, config: CREPSConfig, *, level: int, **kwargs: Any) -> None:
        super().__init__(config, **kwargs)
        self.level = level

    def build(self, x_shape: Any, w_shape: Any = None) -> None:
        config = self.config
        # the layer before has read the same w as the first one here, except in front of the second block
        self.first = max(2 * self.level - 5, 1)
        channels = config.channels_at(self.level)
        options = {"clamp": config.conv_clamp, "dtype": self.dtype_policy}
        names = ["dense1"] if self.level == FIRST_LEVEL else ["dense0", "dense1"]
        self.layers_ = [ModulatedDense(channels, name=name, **options) for name in names]
        self.attention = None
        if config.transformer:
            # normalised position by position, so that a window is a part of the whole image
            self.attention = BipartiteAttention(
                channels,
                num_heads=config.num_heads,
                integration="mul",
                normalization="layer",
                name="attention",
                dtype=self.dtype_policy,
            )
            self.attention.build((*x_shape[:-1], channels), (None, config.num_components, config.style_dim))
        self.to_lines = None
        if self.level > FIRST_LEVEL:
            self.to_lines = ModulatedDense(
                config.line_channels, demodulate=False, activation="linear", name="to_lines", **options
            )
        shape = x_shape
        for layer in (*self.layers_, *([self.to_lines] if self.to_lines is not None else [])):
            layer.build(shape, (None, config.style_dim))
            shape = (*x_shape[:-1], channels)

    def call(self, x: Any, w: Any) -> tuple[Any, list[Any], list[Any]]:
        for index, layer in enumerate(self.layers_):
            x = layer(x, w[:, -1, self.first + index])
        parts, maps = [], []
        if self.attention is not None:
            x, found = self.attention(x, w[:, :-1, self.first + len(self.layers_) - 1])
            # Back from unit variance to the variance that the input has, and that the layers keep: pixels are products
            # of lines, and would be a hundred times too strong.
            x = x / math.sqrt(self.config.channels_at(FIRST_LEVEL))
            maps.append(found)
        if self.to_lines is not None:
            parts.append(ops.cast(self.to_lines(x, w[:, -1, self.first + 2]), "float32"))
        return x, parts, maps

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"level": self.level}


@keras.saving.register_keras_serializable("gansformer_tf")
class Decoder(ConfiguredLayer):
    """Four dense layers at every pixel, of 2, 4, 2 and 1 times `line_channels` units.

    Call arguments:
        x: `[pixels, line_channels]`.

    Returns:
        The same shape.
    """

    config_class = CREPSConfig

    def build(self, x_shape: Any) -> None:
        width = self.config.line_channels
        self.layers_ = []
        for index, factor in enumerate((2, 4, 2, 1)):
            layer = EqualizedDense(factor * width, activation="lrelu", name=f"dense{index}", dtype=self.dtype_policy)
            layer.build(x_shape)
            self.layers_.append(layer)
            x_shape = (*x_shape[:-1], factor * width)

    def call(self, x: Any) -> Any:
        for layer in self.layers_:
            x = layer(x)
        return x

    def compute_output_shape(self, x_shape: Any) -> Any:
        return x_shape


@keras.saving.register_keras_serializable("gansformer_tf")
class TailBlock(ConfiguredLayer):
    """Two modulated layers at every pixel, and their part in the image; all read the last w.

    Args:
        config: `CREPSConfig`.
        units: Features of the two layers.

    Call arguments:
        x: `[batch, pixels, features]`.
        style: `[batch, style_dim]`.

    Returns:
        Features `[batch, pixels, units]` and image `[batch, pixels, image_channels]` in float32.
    """

    config_class = CREPSConfig

    def __init__(self, config: CREPSConfig, *, units: int, **kwargs: Any) -> None:
        super().__init__(config, **kwargs)
        self.units = units

    def build(self, x_shape: Any, style_shape: Any = None) -> None:
        config = self.config
        options = {"clamp": config.conv_clamp, "dtype": self.dtype_policy}
        style_shape = (None, config.style_dim)
        self.dense0 = ModulatedDense(self.units, name="dense0", **options)
        self.dense1 = ModulatedDense(self.units, name="dense1", **options)
        self.to_rgb = ModulatedDense(
            config.image_channels, demodulate=False, activation="linear", name="to_rgb", **options
        )
        self.dense0.build(x_shape, style_shape)
        for layer in (self.dense1, self.to_rgb):
            layer.build((*x_shape[:-1], self.units), style_shape)

    def call(self, x: Any, style: Any) -> tuple[Any, Any]:
        x = self.dense1(self.dense0(x, style), style)
        return x, ops.cast(self.to_rgb(x, style), "float32")

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"units": self.units}


@keras.saving.register_keras_serializable("gansformer_tf")
class CREPSSynthesis(ConfiguredLayer):
    """w and coordinates to an image, without any operation between neighbouring pixels.

    What the published network holds but never uses (the first block's part in the image, the decoder of the
    second) is not built.

    Call arguments:
        w: `[batch, num_latents, num_layers, style_dim]`.
        rows: Coordinates `[height]`.
        columns: Coordinates `[width]`.

    Returns:
        `[batch, height, width, image_channels]`, float32, and the attention of every block
        `[batch, heads, height, width, components]` (an empty list without `transformer`).

    Source: CREPS (Nguyen et al. 2022), sections 3.2 and 3.3.
    """

    config_class = CREPSConfig

    def __init__(self, config: CREPSConfig, **kwargs: Any) -> None:
        super().__init__(config, autocast=False, **kwargs)  # of the coordinates

    def build(self, *shapes: Any, **other_shapes: Any) -> None:
        config = self.config
        top, width = config.resolution_log2, config.line_channels
        self.input_ = LineInput(config, name="input", dtype=policy_at(self.dtype_policy, FIRST_LEVEL, top))
        self.input_.build((None, config.style_dim))
        self.blocks = []
        shape: tuple = (None, None, config.channels_at(FIRST_LEVEL))
        for level in range(FIRST_LEVEL, top + 1):
            policy = policy_at(self.dtype_policy, level, top)
            block = LineBlock(config, level=level, name=f"block{level}", dtype=policy)
            block.build(shape)
            self.blocks.append(block)
            shape = (None, None, config.channels_at(level))
        pixels = policy_at(self.dtype_policy, top, top)
        names = [f"decoder{level}" for level in range(FIRST_LEVEL + 2, top + 1)] + ["decoder_last"]
        self.decoders = [Decoder(config, name=name, dtype=pixels) for name in names]
        for decoder in self.decoders:
            decoder.build((None, width))
        self.to_rgb = EqualizedDense(config.image_channels, name="to_rgb", dtype=pixels)
        self.to_rgb.build((None, width))
        self.tail = [TailBlock(config, units=factor * width, name=f"tail{factor}", dtype=pixels) for factor in (4, 2)]
        for block, features in zip(self.tail, (width, 4 * width), strict=True):
            block.build((None, None, features))

    def call(self, w: Any, rows: Any, columns: Any) -> tuple[Any, list[Any]]:
        lines, found = self.lines(w, rows, columns)
        return self.pixels(w, lines), [self._map(attention, ops.shape(rows)[0]) for attention in found]

    def lines(self, w: Any, rows: Any, columns: Any) -> tuple[Lines, list[Any]]:
        """What the pixels are made of, and the lines' attention; grows with the sides of the image, not its area."""
        config = self.config
        x, total, lines, maps = self.input_(w[:, -1, 0], rows, columns), None, [], []
        height = ops.shape(rows)[0]
        for block in self.blocks:
            x, parts, found = block(x, w)
            maps += found
            for part in parts:
                total = part if total is None else total + part
                split = ops.reshape(total, (-1, ops.shape(total)[1] // config.rank, config.rank, config.line_channels))
                lines.append((split[:, :height], split[:, height:]))
        return lines, maps

    def _map(self, attention: Any, height: Any) -> Any:
        """How much a pixel's row and column both listen to a component, over the ranks; the components sum to 1."""
        config = self.config
        shape = ops.shape(attention)
        lines = ops.reshape(attention, (-1, shape[1], shape[2] // config.rank, config.rank, config.num_components))
        lines = ops.mean(ops.cast(lines, "float32"), axis=3)
        both = lines[:, :, :height, None] * lines[:, :, None, height:]
        return both / ops.sum(both, axis=-1, keepdims=True)

    def pixels(self, w: Any, lines: Lines) -> Any:
        """The image where the given row lines and column lines cross."""
        config = self.config
        height, width = ops.shape(lines[0][0])[1], ops.shape(lines[0][1])[1]
        features = None
        for index, (rows, columns) in enumerate(lines):
            product = 0.5 * ops.einsum("nikc,njkc->nijc", rows, columns)
            product = ops.reshape(product, (-1, config.line_channels))
            if features is not None:
                product = product + ops.cast(self.decoders[index - 1](features), "float32")
            features = product
        features = self.decoders[-1](features)
        image = ops.cast(self.to_rgb(features), "float32")
        pixels = height * width
        image = ops.reshape(image, (-1, pixels, config.image_channels))
        x = ops.reshape(features, (-1, pixels, config.line_channels))
        for block in self.tail:
            x, part = block(x, w[:, -1, -1])
            image = image + part
        return ops.reshape(image, (-1, height, width, config.image_channels))
