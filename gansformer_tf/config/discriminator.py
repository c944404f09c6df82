"""Configuration of the discriminator."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from gansformer_tf.config.attention import ARCHITECTURES, AttentionConfig
from gansformer_tf.config.base import require, require_choice, require_positive
from gansformer_tf.config.train import TrainConfig


@dataclass(frozen=True)
class DiscriminatorConfig(AttentionConfig):
    """Discriminator; `transformer` adds aggregators that collect from the image.

    Example:

    >>> gf.config.DiscriminatorConfig(resolution=64, base_height=3).height  # 48x64
    48
    """

    architecture: str = "resnet"
    # samples per group of the minibatch standard deviation: None takes all images of a call, 0 leaves it out
    mbstd_group_size: int | None = 4
    mbstd_num_features: int = 1
    # largest absolute value behind each activation of a convolution, or None
    conv_clamp: float | None = None
    # score = features of this size times a mapping of the label (projection discriminator); None: one score per class
    cmap_dim: int | None = None
    cmap_layers: int = 8
    # of imported networks: sizes of the label's embedding and between the layers of its mapping (None: cmap_dim)
    cmap_embedding_dim: int | None = None
    cmap_hidden_dim: int | None = None
    cmap_lr_multiplier: float = 0.01
    # the image listens to the aggregators as well
    latent_to_image: bool = False
    # aggregators start from a table of their own, not from the embedding that tells them apart
    separate_aggregators: bool = False

    first_level: ClassVar[int] = 3  # its last convolution, at 4x4, has no attention
    family: ClassVar[str] = "stylegan2"
    network: ClassVar[str] = "gansformer_tf.models.discriminator:Discriminator"

    def __post_init__(self) -> None:
        self._validate_attention()
        if self.transformer or self.image_self_attention:
            self._validate_heads(self.latent_dim, "features of an aggregator")
        if self.transformer and self.latent_to_image:
            self._validate_channel_heads()
        require_choice("architecture", self.architecture, ARCHITECTURES)
        require(
            self.mbstd_group_size is None or self.mbstd_group_size >= 0,
            f"mbstd_group_size is {self.mbstd_group_size}; use 0 to switch it off.",
        )
        require_positive("mbstd_num_features", self.mbstd_num_features)
        if self.has_mbstd:
            sizes = {"channels at 4x4": self.channels_at(2)}
            if self.transformer:
                sizes["features of an aggregator"] = self.latent_dim
            for what, size in sizes.items():
                require(
                    size % self.mbstd_num_features == 0,
                    f"mbstd_num_features {self.mbstd_num_features} does not divide the {size} {what}; "
                    "choose a divisor.",
                )
        for name in ("conv_clamp", "cmap_dim", "cmap_embedding_dim", "cmap_hidden_dim", "cmap_lr_multiplier"):
            if getattr(self, name) is not None:
                require_positive(name, getattr(self, name))
        require(
            self.cmap_dim is None or self.label_dim > 0,
            f"cmap_dim is {self.cmap_dim}, the size of mapped labels, but label_dim is 0; leave cmap_dim out.",
        )
        require(self.cmap_layers >= 1, f"cmap_layers is {self.cmap_layers}; at least 1 layer is needed.")

    @property
    def has_mbstd(self) -> bool:
        """Whether there is a minibatch standard deviation."""
        return self.mbstd_group_size is None or self.mbstd_group_size > 1

    @property
    def label_scores(self) -> int:
        """Outputs of the last dense layer: one score, one per class, or features that are multiplied with the label."""
        return self.cmap_dim if self.cmap_dim is not None else max(self.label_dim, 1)

    def check_training(self, train: TrainConfig) -> None:
        """Any settings of training will do."""

    def check_batch(self, batch_size: int, of: int | None = None) -> None:
        """Raises `ConfigError` when a batch cannot be split into minibatch-stddev groups.

        Args:
            batch_size: Images that go through the network at once.
            of: Size of the batch that they are a part of (None: they are all of it). Its groups must stay whole in the
                parts, or the update would depend on the cut.
        """
        if self.mbstd_group_size is None:
            return
        group = min(self.mbstd_group_size, batch_size if of is None else of)
        require(
            of is None or of <= batch_size or group == 0 or batch_size % group == 0,
            f"--batch-gpu {batch_size} cuts the minibatch-stddev groups of {group} images, so that the update would "
            f"depend on it; give --batch-gpu a multiple of {group}, or choose an --mbstd-group-size that divides "
            f"{batch_size}.",
        )
        require(
            group == 0 or batch_size % group == 0,
            f"batch size {batch_size} is not divisible by the minibatch-stddev group of {self.mbstd_group_size}; "
            f"use a multiple of {self.mbstd_group_size} or at most {self.mbstd_group_size}.",
        )
