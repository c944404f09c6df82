"""Configuration of the StyleGAN3 generator."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from gansformer_tf.config.base import require, require_choice
from gansformer_tf.config.image import BASE_GRID
from gansformer_tf.config.styled import StyledConfig

# Layers at the end without room between cut-off and half the sampling rate (critical sampling).
NUM_CRITICAL = 2


@dataclass(frozen=True)
class StyleGAN3Config(StyledConfig):
    """Alias-free generator (StyleGAN3, Karras et al. 2021); the defaults are configuration T.

    `conv_kernel` 1 and `radial_filters` make it configuration R, which also turns with its input. There are
    `num_synthesis_layers` layers and the one that makes the picture; `margin_size` samples are computed beyond each
    border of it.
    """

    mapping_layers: int = 2
    num_synthesis_layers: int = 14
    conv_kernel: int = 3
    radial_filters: bool = False
    margin_size: int = 10
    family: str = "stylegan3"

    transformer: ClassVar[bool] = False
    takes_transform: ClassVar[bool] = True
    num_components: ClassVar[int] = 1
    num_latents: ClassVar[int] = 1
    num_heads: ClassVar[int] = 1

    def __post_init__(self) -> None:
        require_choice("family", self.family, ("stylegan3",))
        self._validate_styled()
        require(
            self.base_height == self.base_width == BASE_GRID,
            f"the pictures have {self.height}x{self.width} pixels; StyleGAN3 draws squares only (--ratio 1).",
        )
        require(
            self.num_synthesis_layers > NUM_CRITICAL,
            f"num_synthesis_layers is {self.num_synthesis_layers}; more than {NUM_CRITICAL} are needed.",
        )
        require_choice("conv_kernel", self.conv_kernel, (1, 3))
        require(self.margin_size >= 0, f"margin_size is {self.margin_size}; it is a number of samples, 0 or more.")

    @property
    def latent_dim(self) -> int:
        """Size of z."""
        return self.latent_size

    @property
    def style_dim(self) -> int:
        """Size of one vector of w."""
        return self.w_dim if self.w_dim is not None else self.latent_dim

    @property
    def num_layers(self) -> int:
        """Entries on the layer axis of w: input, layers, picture."""
        return self.num_synthesis_layers + 2
