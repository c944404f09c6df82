"""Where each parameter and buffer of the PyTorch networks lives in ours.

Theirs are channels first (convolutions `[out, in, height, width]`, dense layers `[out, in]`), and the two families
differ in the names of biases and filters. An entry holds a linear layout, which also takes gradients of theirs to
gradients of ours, and an offset.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from gansformer_tf.config import ConfigError
from gansformer_tf.convert.original_names import Layout, as_is, flat_input
from gansformer_tf.layers import BipartiteAttention, CentroidAttention, LatentUpdate
from gansformer_tf.layers.positional import directional_coordinates

# The bias of a style's dense layer starts at 1 there; ours starts at 0 and 1 is added to the style.
STYLE_OFFSET = -1.0


def transposed(array: np.ndarray) -> np.ndarray:
    """Dense weights."""
    return array.T


def kernel(array: np.ndarray) -> np.ndarray:
    """Convolution weights."""
    return np.transpose(array, (2, 3, 1, 0))


def flipped_kernel(array: np.ndarray) -> np.ndarray:
    """Weights of an up-sampling convolution, which turns its kernel by half a turn there."""
    return kernel(array)[::-1, ::-1]


def constant(array: np.ndarray) -> np.ndarray:
    """`[channels, height, width]` of the first features."""
    return np.transpose(array, (1, 2, 0))[None]


def noise_map(array: np.ndarray) -> np.ndarray:
    return array[None, :, :, None]


def linear_vectors(directions: int) -> Layout:
    """The vectors that a linear encoding `[height, width, dim]` was made from, `[directions, dim / directions]`."""

    def layout(array: np.ndarray) -> np.ndarray:
        height, width, dim = array.shape
        lengths = directional_coordinates(height, width, directions).astype(np.float64)
        blocks = array.reshape(height, width, directions, dim // directions)
        vectors = np.einsum("hwd,hwdc->dc", lengths, blocks) / np.sum(np.square(lengths), axis=(0, 1))[:, None]
        if not np.allclose(lengths[..., None] * vectors, blocks, atol=1e-4):
            raise ConfigError("an encoding of image positions (grid_pos) is not linear; its pos_type cannot be right.")
        return vectors.astype(np.float32)

    return layout


@dataclasses.dataclass(frozen=True)
class Entry:
    """Our variables that hold one array of theirs: `layout(array) + offset`."""

    variables: tuple[Any, ...]
    layout: Layout = as_is
    offset: float = 0.0


@dataclasses.dataclass
class TorchNames:
    """Names of one network.

    Attributes:
        bias: What follows the name of a convolution in the name of its bias.
        entries: Their name -> entry.
        fixed: Buffers that we compute: name -> the only value that can be imported.
    """

    bias: str
    entries: dict[str, Entry] = dataclasses.field(default_factory=dict)
    fixed: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)

    def add(self, name: str, *variables: Any, layout: Layout = as_is, offset: float = 0.0) -> None:
        if name in self.entries:
            raise ValueError(f"two of our variables claim {name!r}.")
        self.entries[name] = Entry(variables, layout, offset)

    def dense(self, name: str, layer: Any, offset: float = 0.0) -> None:
        if layer is not None:
            self.add(f"{name}.weight", layer.kernel, layout=transposed)
            self.add(f"{name}.bias", layer.bias, offset=offset)

    def conv(self, name: str, layer: Any) -> None:
        """A plain convolution; only 1x1 ones are ever up-sampling."""
        if layer is not None:
            self.add(f"{name}.weight", layer.kernel, layout=kernel)
            if layer.bias is not None:
                self.add(f"{name}{self.bias}", layer.bias)

    def modulated(self, name: str, layer: Any) -> None:
        up = layer.resample == "up"
        self.add(f"{name}.weight", layer.kernel, layout=flipped_kernel if up else kernel)
        self.dense(f"{name}.affine", layer.affine, offset=STYLE_OFFSET)

    def attention(self, name: str, layer: BipartiteAttention) -> None:
        self.dense(f"{name}.to_queries", layer.query)
        self.dense(f"{name}.from_pos_map", layer.query_position)
        self.dense(f"{name}.to_values", layer.value)
        self.dense(f"{name}.modulation", layer.output_projection)
        for gate, side in ((layer.gate_x, "from"), (layer.gate_y, "to")):
            if gate is not None:
                self.dense(f"{name}.{side}_gate_attention.gate", gate.content)
                self.dense(f"{name}.{side}_gate_attention.gate_pos", gate.position)
        if isinstance(layer, CentroidAttention):
            self.add(f"{name}.centroids", layer.centroids)
            self.add(f"{name}.att_weight", *layer.element_scales)  # one for all iterations there
        else:
            self.dense(f"{name}.to_keys", layer.key)
            self.dense(f"{name}.to_pos_map", layer.key_position)


def names_of(model: Any, family: str, network: str) -> TorchNames:
    """Their names of the variables of one of our networks."""
    names = TorchNames(".bias" if family == "stylegan2" else ".biasAct.bias")
    if network == "discriminator":
        _discriminator(names, model)
        return names
    names.add("mapping.w_avg", model.w_avg)
    if model.component_embedding is not None:
        names.add("pos", model.component_embedding)
    names.dense("mapping.embed", model.mapping.label_embedding)
    mapping = model.mapping
    if family == "stylegan2":
        _dense_stack(names, "mapping.fc", mapping.components.steps)
    else:
        _port_stack(names, "mapping.mlp" if mapping.global_ is not None else "mapping.global_mlp", mapping.components)
        if mapping.global_ is not None:
            _port_stack(names, "mapping.global_mlp", mapping.global_)
    _synthesis(names, model.synthesis)
    return names


def _dense_stack(names: TorchNames, name: str, layers: list[Any]) -> None:
    for index, layer in enumerate(layers):
        names.dense(f"{name}{index}", layer)


def _port_stack(names: TorchNames, name: str, stack: Any) -> None:
    """Attention `sa<i>` and layers `l<i>`, behind them `out_layer`."""
    if stack.input_dense is not None:
        raise ConfigError("residual mapping layers need equal sizes of z (with labels) and w; they differ here.")
    *steps, last = stack.steps
    names.dense(f"{name}.out_layer", last)
    index = 0
    for step in steps:
        if isinstance(step, BipartiteAttention):
            names.attention(f"{name}.sa{index}", step)
            continue
        if isinstance(step, LatentUpdate):
            if step.attention is not None:
                names.attention(f"{name}.sa{index}", step.attention)
            names.dense(f"{name}.l{index}.fc0", step.dense0)
            names.dense(f"{name}.l{index}.fc1", step.dense1)
        else:
            names.dense(f"{name}.l{index}", step)
        index += 1


def _synthesis(names: TorchNames, synthesis: Any) -> None:
    names.add("synthesis.b4.const", synthesis.stem.constant, layout=constant)
    grids = dict(zip(synthesis.grid_levels, synthesis.grids, strict=True))
    theirs = {"conv": "conv1", "conv0_up": "conv0", "conv1": "conv1"}
    for block in synthesis.blocks:
        scope = f"synthesis.b{2**block.level}"
        for layer in block.layers_:
            name = f"{scope}.{theirs[layer.name]}"
            names.modulated(name, layer.conv)
            names.add(f"{name}{names.bias}", layer.bias)
            if layer.noise is not None:
                names.add(f"{name}.noise_strength", layer.noise.strength)
                names.add(f"{name}.noise_const", layer.noise.buffer, layout=noise_map)
            if layer.attention is not None:
                names.attention(f"{name}.transformer", layer.attention.image_to_components)
                _grid(names, f"{name}.grid_pos", grids[layer.grid_key])
        names.conv(f"{scope}.skip", block.skip)
        if block.extra is not None:
            names.modulated(f"{scope}.conv_last", block.extra)
        if block.to_rgb is not None:
            names.modulated(f"{scope}.torgb", block.to_rgb.conv)
            names.add(f"{scope}.torgb{names.bias}", block.to_rgb.bias)


def _grid(names: TorchNames, name: str, grid: Any) -> None:
    if grid.kind == "sinus":
        shape = (grid.height, grid.width, grid.output_dim)
        names.fixed[name] = np.asarray(grid.encoding()).reshape(shape)
    elif grid.kind == "linear":
        names.add(name, grid.vectors, layout=linear_vectors(grid.directions))
    else:
        names.add(name, grid.table)


def _discriminator(names: TorchNames, discriminator: Any) -> None:
    for block in discriminator.blocks:
        scope = f"b{2**block.level}"
        names.conv(f"{scope}.fromrgb", block.from_rgb)
        names.conv(f"{scope}.conv0", block.conv0)
        names.conv(f"{scope}.conv1", block.conv1)
        names.conv(f"{scope}.skip", block.skip)
    names.conv("b4.fromrgb", discriminator.from_rgb)
    names.conv("b4.conv", discriminator.conv)
    config = discriminator.config
    flat = flat_input((*config.size_at(2), config.channels_at(2)))
    names.add("b4.fc.weight", discriminator.dense.kernel, layout=lambda array: flat(array.T))
    names.add("b4.fc.bias", discriminator.dense.bias)
    names.dense("b4.out", discriminator.output_layer)
    names.dense("mapping.embed", discriminator.label_embedding)
    _dense_stack(names, "mapping.fc", discriminator.label_mapping)
