"""Configuration of the CREPS generator."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from gansformer_tf.config.base import require, require_choice, require_positive
from gansformer_tf.config.styled import StyledConfig


@dataclass(frozen=True)
class CREPSConfig(StyledConfig):
    """Generator that draws every pixel from a row line and a column line (CREPS, Nguyen et al. 2022).

    An image of any size can be drawn: `resolution` is the one it is trained at. `line_channels` is the number of
    channels of the two lines that are multiplied, `rank` the number of products that are summed for each of them,
    `bandwidth` the standard deviation of the Fourier frequencies, in periods per image.

    With `transformer` (not in the paper) there are `num_components` latents of `latent_size / num_components` numbers
    and a global one: the lines attend to the former behind every block, and the latter modulates.

    Example:

    >>> gf.config.CREPSConfig(resolution=64).draws_any_size
    True
    """

    channel_base: int = 32768
    channel_max: int = 1024
    line_channels: int = 32
    rank: int = 8
    bandwidth: float = 10.0
    transformer: bool = False
    num_components: int = 1
    num_heads: int = 1
    family: str = "creps"

    network: ClassVar[str] = "gansformer_tf.models.creps.generator:CREPSGenerator"
    draws_any_size: ClassVar[bool] = True
    w_average_phases: ClassVar[tuple[str, ...]] = ("G",)

    def __post_init__(self) -> None:
        require_choice("family", self.family, ("creps",))
        self._validate_styled()
        for name in ("line_channels", "rank", "bandwidth", "num_components", "num_heads"):
            require_positive(name, getattr(self, name))
        require(
            self.channels_at(2) % 2 == 0,
            f"channel_base {self.channel_base} and channel_max {self.channel_max} give {self.channels_at(2)} channels "
            "to the Fourier features, half of them sines; choose an even number.",
        )

        require(
            self.transformer or self.num_components == 1,
            f"num_components is {self.num_components} but transformer is off; add --transformer, or use one component.",
        )
        require(
            self.latent_size % self.num_components == 0,
            f"latent_size {self.latent_size} is not divisible by num_components {self.num_components}; choose a "
            "multiple.",
        )
        for level in range(2, self.resolution_log2 + 1 if self.transformer else 0):
            require(
                self.channels_at(level) % self.num_heads == 0,
                f"num_heads {self.num_heads} does not divide the {self.channels_at(level)} channels of a block; "
                "choose a divisor.",
            )

    @property
    def has_attention(self) -> bool:
        """Whether the lines attend to components."""
        return self.transformer

    @property
    def latent_dim(self) -> int:
        """Size of one latent."""
        return self.latent_size // self.num_components

    @property
    def num_latents(self) -> int:
        """The components and, with attention, the global latent behind them."""
        return self.num_components + 1 if self.transformer else 1

    @property
    def num_layers(self) -> int:
        """Entries on the layer axis of w."""
        return 2 * self.resolution_log2 - 1
