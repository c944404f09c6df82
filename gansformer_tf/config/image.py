"""Geometry of the images, shared by all networks."""

from __future__ import annotations

import math
from dataclasses import dataclass

from gansformer_tf.config.base import is_power_of_two, require, require_choice, require_positive

# The synthesis starts from a grid of at most 4x4 and doubles it; a rectangular image starts from a
# rectangular grid, so its sides are multiples of resolution / 4.
BASE_GRID = 4
MIN_RESOLUTION = 8


@dataclass(frozen=True)
class ImageConfig:
    """Geometry that generator and discriminator share.

    `resolution` is the longer side in pixels. An image of height H and width W has
    `base_height = 4 * H / resolution` and `base_width = 4 * W / resolution`.
    """

    resolution: int = 256
    base_height: int = BASE_GRID
    base_width: int = BASE_GRID
    image_channels: int = 3
    label_dim: int = 0
    channel_base: int = 16384
    channel_max: int = 512

    @property
    def height(self) -> int:
        """Height of the image in pixels."""
        return self.resolution * self.base_height // BASE_GRID

    @property
    def width(self) -> int:
        """Width of the image in pixels."""
        return self.resolution * self.base_width // BASE_GRID

    @property
    def resolution_log2(self) -> int:
        return int(math.log2(self.resolution))

    def size_at(self, level: int) -> tuple[int, int]:
        """(height, width) of the features whose longer side is `2 ** level` pixels."""
        return self.base_height * 2 ** (level - 2), self.base_width * 2 ** (level - 2)

    def channels_at(self, level: int) -> int:
        """Feature channels at the stage whose longer side is `2 ** level` pixels."""
        return max(1, min(self.channel_base // 2 ** (level - 1), self.channel_max))

    def _validate_image(self) -> None:
        self._validate_size()
        require_positive("channel_base", self.channel_base)
        require_positive("channel_max", self.channel_max)

    def _validate_size(self) -> None:
        require(
            is_power_of_two(self.resolution) and self.resolution >= MIN_RESOLUTION,
            f"resolution is {self.resolution}; it must be a power of two of at least {MIN_RESOLUTION}. "
            "Prepare the data set again with --resolution 64, 128, 256, ...",
        )
        for name in ("base_height", "base_width"):
            value = getattr(self, name)
            require(
                1 <= value <= BASE_GRID,
                f"{name} is {value}; it must lie between 1 and {BASE_GRID}, with one side equal to {BASE_GRID}.",
            )
        require(
            max(self.base_height, self.base_width) == BASE_GRID,
            f"the base grid is {self.base_height}x{self.base_width}; its longer side must be {BASE_GRID}.",
        )
        require_choice("image_channels", self.image_channels, (1, 3, 4))
        require(self.label_dim >= 0, f"label_dim is {self.label_dim}; use 0 for a model without labels.")


def geometry(size: int | tuple[int, int]) -> dict[str, int]:
    """`resolution`, `base_height` and `base_width` of an image size in pixels.

    Args:
        size: The side of a square image, or (height, width).

    Raises:
        ConfigError: The longer side is no power of two, or the shorter one no multiple of a quarter of it.
    """
    height, width = (size, size) if isinstance(size, int) else size
    longer, shorter = max(height, width), min(height, width)
    require(
        is_power_of_two(longer) and longer >= MIN_RESOLUTION,
        f"resolution is {size}; the longer side must be a power of two of at least {MIN_RESOLUTION}, such as 64.",
    )
    require(
        shorter > 0 and shorter * BASE_GRID % longer == 0,
        f"resolution is {size}; the shorter side must be a multiple of {longer // BASE_GRID}, a quarter of the longer.",
    )
    return {
        "resolution": longer,
        "base_height": height * BASE_GRID // longer,
        "base_width": width * BASE_GRID // longer,
    }
