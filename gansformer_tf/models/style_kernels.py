"""The weights that read w, layer by layer: in them lie the directions that change an image most."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class StyleKernel:
    """A kernel `[style_dim, units]` that reads w.

    Attributes:
        layer: Entry on the layer axis of w.
        components: Whether it reads the components' w; otherwise that of the latent that modulates features.
        kernel: The variable.
    """

    layer: int
    components: bool
    kernel: Any
