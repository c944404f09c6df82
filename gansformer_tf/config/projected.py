"""Configuration of the projected discriminator."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from gansformer_tf.config.base import require, require_choice, require_positive
from gansformer_tf.config.feature_networks import FEATURE_NETWORKS
from gansformer_tf.config.image import BASE_GRID, ImageConfig
from gansformer_tf.config.train import TrainConfig

# Images are enlarged to at least this, if nothing else is asked for: published are 224 and 256, a CPU takes 128.
DEFAULT_SIZE = 128


@dataclass(frozen=True)
class ProjectedConfig(ImageConfig):
    """Discriminator that scores the features of a frozen network (Sauer et al. 2021).

    `features` is the network, `feature_size` the longer side of the images that it is shown (None: 128 pixels, or the
    images' own size where that is larger). Channels follow the size of the features as in every network here; the
    default is the published width.

    Example:

    >>> gf.config.ProjectedConfig(resolution=64, feature_size=96).seen_size
    (96, 96)
    """

    channel_base: int = 2048
    features: str = "efficientnet-lite0"
    feature_size: int | None = None
    # images that are normalised together
    norm_group_size: int = 8
    family: str = "projected"

    network: ClassVar[str] = "gansformer_tf.models.projected.discriminator:ProjectedDiscriminator"
    mbstd_group_size: ClassVar[int] = 0

    def __post_init__(self) -> None:
        require_choice("family", self.family, ("projected",))
        self._validate_image()
        require_positive("norm_group_size", self.norm_group_size)
        require_choice("features", self.features, list(FEATURE_NETWORKS))
        require(
            self.image_channels != 4,
            "image_channels is 4; feature networks see no transparency, so a projected discriminator takes 1 or 3. "
            "Prepare the data set again without it.",
        )
        least, (height, width) = FEATURE_NETWORKS[self.features].least_side, self.seen_size
        require(
            min(height, width) >= least,
            f"images of {height}x{width} pixels are too small for {self.features}, which needs at least {least} on "
            f"each side; give --d-features-size {least * BASE_GRID // min(self.base_height, self.base_width)} or more.",
        )

    @property
    def seen_size(self) -> tuple[int, int]:
        """(height, width) of the images as the network is shown them."""
        size = max(self.resolution, DEFAULT_SIZE) if self.feature_size is None else self.feature_size
        return size * self.base_height // BASE_GRID, size * self.base_width // BASE_GRID

    def check_batch(self, batch_size: int, of: int | None = None) -> None:
        """Raises `ConfigError` when a batch, or a part of one, cannot be split into groups."""
        group = min(self.norm_group_size, batch_size if of is None else of)
        require(
            batch_size % group == 0,
            f"{batch_size} images at once cannot be normalised in groups of {group}; give --batch-size and --batch-gpu "
            f"multiples of {group}, or another --d-norm-group-size.",
        )

    def check_training(self, train: TrainConfig) -> None:
        """Raises `ConfigError` for settings that do not go with frozen features."""
        require(
            not train.penalties,
            f"d_reg is {train.d_reg}; a projected discriminator (--d-features) is trained without gradient penalties. "
            "Give --d-reg none, or leave --d-reg out.",
        )
        require(
            not train.freeze_d,
            f"freeze_d is {train.freeze_d}; the features of a projected discriminator (--d-features) are frozen, and "
            "the layers behind them are few. Leave --freeze-d out.",
        )
