"""Configuration of the CREPS generator."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from gansformer_tf.config.base import require, require_choice, require_positive
from gansformer_tf.config.styled import StyledConfig


@dataclass(frozen=True)
class CREPSConfig(StyledConfig):
    """Generator that draws every pixel from a row line and a column line (CREPS, Nguyen et al. 2022).

    A picture of any size can be drawn: `resolution` is the one it is trained at. `line_channels` is the number of
    channels of the two lines that are multiplied, `rank` the number of products that are summed for each of them,
    `bandwidth` the standard deviation of the Fourier frequencies, in periods per picture.
    """

    channel_base: int = 32768
    channel_max: int = 1024
    line_channels: int = 32
    rank: int = 8
    bandwidth: float = 10.0
    family: str = "creps"

    w_average_phases: ClassVar[tuple[str, ...]] = ("G",)

    def __post_init__(self) -> None:
        require_choice("family", self.family, ("creps",))
        self._validate_styled()
        for name in ("line_channels", "rank", "bandwidth"):
            require_positive(name, getattr(self, name))
        require(
            self.channels_at(2) % 2 == 0,
            f"channel_base {self.channel_base} and channel_max {self.channel_max} give {self.channels_at(2)} channels "
            "to the Fourier features, half of them sines; choose an even number.",
        )

    @property
    def num_layers(self) -> int:
        """Entries on the layer axis of w."""
        return 2 * self.resolution_log2 - 1
