"""What is measured of snapshots, and how."""

from __future__ import annotations

from dataclasses import dataclass

from gansformer_tf.config.base import require, require_choice, require_positive
from gansformer_tf.config.metric_records import METRICS

PPL_SPACES = ("z", "w")
PPL_SAMPLINGS = ("end", "full")
# Published numbers are of so many images; with fewer FID is larger.
STANDARD_IMAGES = 50_000


@dataclass(frozen=True)
class MetricConfig:
    """Metrics and their settings; the defaults are those published numbers are made with.

    `network` names the feature network, see `gansformer_tf.metrics.networks.feature_network`. `fid_ddof` 1 divides
    covariances by N - 1 (the original FID code), 0 by N (StyleGAN3).

    Example:

    >>> gf.config.MetricConfig(metrics=("fid", "pr"), images_num=5000).network
    'inception'
    """

    metrics: tuple = ()
    images_num: int = STANDARD_IMAGES
    # compare with every real image, not with `images_num` of them
    all_reals: bool = False
    network: str = "inception"
    inception_weights: str = "auto"
    seed: int = 0
    batch_size: int = 32  # images at once in the feature network
    fid_ddof: int = 1
    kid_subsets: int = 100
    kid_subset_size: int = 1000
    is_splits: int = 10
    pr_neighbours: int = 3
    density_neighbours: int = 5
    ppl_space: str = "w"
    ppl_sampling: str = "end"
    attention_images_num: int = 1000
    # size of the generated images as a factor, for generators that draw any
    scale: float = 1.0

    def __post_init__(self) -> None:
        for name in self.metrics:
            require_choice("--metrics", name, list(METRICS))
        require(
            len(set(self.metrics)) == len(self.metrics), f"--metrics {','.join(self.metrics)} names one metric twice."
        )
        require(self.images_num >= 2, f"--eval-images-num is {self.images_num}; metrics compare at least 2 images.")
        require(
            self.inception_weights == "auto" or self.network == "inception",
            f"--inception-weights {self.inception_weights}, but the network {self.network} has no use for them; "
            "leave them out, or add --feature-network inception.",
        )
        require_choice("--fid-ddof", self.fid_ddof, (0, 1))
        require_choice("--ppl-space", self.ppl_space, PPL_SPACES)
        require_choice("--ppl-sampling", self.ppl_sampling, PPL_SAMPLINGS)
        require(self.kid_subset_size >= 2, f"kid_subset_size is {self.kid_subset_size}; use at least 2 images.")
        require(0 <= self.seed < 2**31, f"--metric-seed is {self.seed}; it must lie between 0 and {2**31 - 1}.")
        for name in (
            "batch_size",
            "kid_subsets",
            "is_splits",
            "pr_neighbours",
            "density_neighbours",
            "attention_images_num",
            "scale",
        ):
            require_positive(name, getattr(self, name))
