"""What travels through the synthesis network of GANsformer beside the image features."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

from keras import ops


@dataclasses.dataclass(frozen=True)
class FlowInputs:
    """What all layers read and none changes.

    Attributes:
        noise_mode: "random", "const" or "none".
        noise: By the index of a layer `[batch, height, width, maps]`; a layer without an entry has none.
        grids: Encodings of the image positions by level, or by layer with `positions_per_layer`.
        positions: Embedding of the components, or None.
        component_mask: `[batch, k]` or None.
        training, rng: For dropout.
        keeps_maps: Whether the attention maps are wanted in the end.
    """

    noise_mode: str = "random"
    noise: Mapping[int, Any] = dataclasses.field(default_factory=dict)
    grids: Mapping[int, Any] = dataclasses.field(default_factory=dict)
    positions: Any = None
    component_mask: Any = None
    training: bool = False
    rng: Any = None
    keeps_maps: bool = False

    def of(self, indices: Iterable[int], grid_keys: Iterable[int]) -> FlowInputs:
        """Without the noise and the grids of layers other than those named."""
        return dataclasses.replace(
            self,
            noise={index: self.noise[index] for index in indices if index in self.noise},
            grids={key: self.grids[key] for key in dict.fromkeys(grid_keys) if key in self.grids},
        )


@dataclasses.dataclass(frozen=True)
class Styles:
    """w of all layers, cut into layers once: the gradient of a slice is as large as the whole.

    Attributes:
        w: `[batch, num_latents, num_layers, style_dim]`.
    """

    w: Any

    def __post_init__(self) -> None:
        object.__setattr__(self, "_cut", {})

    def of(self, index: int, per_component: bool) -> Any:
        """w of layer `index` that modulates the features: the last latent, or every component in turn (k-GAN)."""
        style = self.entries(None if per_component else -1, None)[index]
        return ops.reshape(style, (-1, self.w.shape[-1]))

    def entries(self, first: int | None, end: int | None) -> list[Any]:
        """w of each layer for latents `first` to `end`: `[batch, latents, style_dim]`."""
        cut: dict[Any, list[Any]] = self.__dict__["_cut"]
        if (first, end) not in cut:
            cut[first, end] = ops.unstack(self.w[:, first:end], axis=2)
        return cut[first, end]


@dataclasses.dataclass(frozen=True)
class Flow:
    """What a layer hands on to the next; `dataclasses.replace` makes the one behind a change.

    Attributes:
        styles: w; fewer latents behind the merge of k-GAN.
        image: The image so far, `[batch, height, width, channels]`, or None.
        latents: Components as an earlier layer left them, or None for the layer's own entry of w.
        layer_w: Entry of w of the last attended layer.
        assignments: Assignments that the last attended layer ended with.
        grid_size: (height, width) of their grid.
        maps: Attention maps so far, `[batch, heads, height, width, k]`, if they are wanted.
    """

    styles: Styles
    image: Any = None
    latents: Any = None
    layer_w: Any = None
    assignments: Any = None
    grid_size: tuple[int, int] | None = None
    maps: tuple[Any, ...] = ()
