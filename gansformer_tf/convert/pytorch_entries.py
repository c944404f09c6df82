"""How one parameter or buffer of a PyTorch network becomes one of ours.

Theirs are channels first (convolutions `[out, in, height, width]`, dense layers `[out, in]`). An entry holds a linear
layout, which also takes gradients of theirs to gradients of ours, and an offset.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from gansformer_tf.config import ConfigError
from gansformer_tf.convert.original_names import Layout, as_is
from gansformer_tf.layers import BipartiteAttention, CentroidAttention
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
