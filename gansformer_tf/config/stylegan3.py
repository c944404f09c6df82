"""Configuration of the StyleGAN3 generator."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from gansformer_tf.config.base import require, require_choice, require_positive
from gansformer_tf.config.image import BASE_GRID
from gansformer_tf.config.styled import StyledConfig


@dataclass(frozen=True)
class StyleGAN3Config(StyledConfig):
    """Alias-free generator (StyleGAN3, Karras et al. 2021); the defaults are configuration T.

    `conv_kernel` 1 and `radial_filters` make it configuration R, which also turns with its input. There are
    `num_synthesis_layers` layers and the one that makes the image; `margin_size` samples are computed beyond each
    border of it. The last `num_critical` layers are sampled critically: without room between the cut-off, which has
    reached half the resolution, and half the sampling rate.

    The other fields are constants of the paper. From `first_cutoff` and `first_stopband`, in periods per image, the
    bands of the layers grow to half the resolution and `last_stopband_reach` times as much. Filters have `filter_taps`
    taps per unit of their factor, nonlinearities work at `activation_rate` times the rate of their signals, and the
    image is `output_scale` times what the last layer gives.

    Example:

    >>> gf.config.StyleGAN3Config(resolution=64).num_layers
    16
    """

    mapping_layers: int = 2
    num_synthesis_layers: int = 14
    conv_kernel: int = 3
    radial_filters: bool = False
    margin_size: int = 10
    num_critical: int = 2
    first_cutoff: float = 2.0
    first_stopband: float = 2.0**2.1
    last_stopband_reach: float = 2.0**0.3
    filter_taps: int = 6
    activation_rate: int = 2
    output_scale: float = 0.25
    family: str = "stylegan3"

    network: ClassVar[str] = "gansformer_tf.models.stylegan3.generator:StyleGAN3Generator"
    takes_transform: ClassVar[bool] = True
    tracks_magnitudes: ClassVar[bool] = True

    def __post_init__(self) -> None:
        require_choice("family", self.family, ("stylegan3",))
        self._validate_styled()
        require(
            self.base_height == self.base_width == BASE_GRID,
            f"the images have {self.height}x{self.width} pixels; StyleGAN3 draws squares only (--ratio 1).",
        )
        require(
            0 <= self.num_critical < self.num_synthesis_layers,
            f"num_critical is {self.num_critical} and num_synthesis_layers {self.num_synthesis_layers}; the layers "
            "sampled critically are 0 or more, and fewer than all.",
        )
        require_choice("conv_kernel", self.conv_kernel, (1, 3))
        require(self.margin_size >= 0, f"margin_size is {self.margin_size}; it is a number of samples, 0 or more.")
        self._validate_bands()

    def _validate_bands(self) -> None:
        for name in ("filter_taps", "activation_rate", "output_scale"):
            require_positive(name, getattr(self, name))
        require(
            1.0 <= self.first_cutoff <= self.resolution / 2,
            f"first_cutoff is {self.first_cutoff}; it lies between 1 and half the resolution, {self.resolution // 2}.",
        )
        require(
            self.first_stopband > self.first_cutoff,
            f"first_stopband is {self.first_stopband}; it must be greater than first_cutoff, {self.first_cutoff}.",
        )
        require(
            self.last_stopband_reach > 1.0,
            f"last_stopband_reach is {self.last_stopband_reach}; the stop band begins beyond the cut-off, so it must "
            "be greater than 1.",
        )
        require(
            not self.radial_filters or self.filter_taps * self.activation_rate % 2 == 0,
            f"filter_taps is {self.filter_taps} and activation_rate {self.activation_rate}; a radial filter has no tap "
            "in its middle, so one of them must be even.",
        )

    @property
    def num_layers(self) -> int:
        """Entries on the layer axis of w: input, layers, image."""
        return self.num_synthesis_layers + 2
