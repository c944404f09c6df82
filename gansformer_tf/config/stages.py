"""Settings of training in two stages, as VQGAN is trained."""

from __future__ import annotations

from dataclasses import dataclass

from gansformer_tf.config.base import require, require_positive, require_weight
from gansformer_tf.config.vqgan import Stage1LossConfig

NO_DISTANCE = "none"


@dataclass(frozen=True)
class StagesConfig(Stage1LossConfig):
    """How a run is cut into two stages, and what only they have.

    The first `stage1_share` of the images train the autoencoder against its discriminator, with the two learning rates
    of `TrainConfig`; the others train the transformer, with a constant rate and weight decay of its own, on an
    autoencoder that stays as it is. Once stage 2 has begun it goes on to the end, also when the run is made longer.

    `perceptual` measures reconstructions: a feature network ("efficientnet-lite0"), "none", or files of LPIPS on
    VGG-16, separated by commas. `held_out` images, spread evenly over the data set, are not trained on; every tick
    measures them.

    `kmeans_start` sets the codes to clusters of what the fresh encoder makes of the first batch, `restart_codes` moves
    those that no image of an epoch took.
    """

    stage1_share: float = 0.5
    transformer_learning_rate: float = 4.5e-6
    weight_decay: float = 0.01
    held_out: int = 256
    perceptual: str = "efficientnet-lite0"
    kmeans_start: bool = False
    restart_codes: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        share = self.stage1_share
        require(0.0 <= share <= 1.0, f"stage1_share is {share}; a share lies between 0 and 1, such as 0.5.")
        require_positive("transformer_learning_rate", self.transformer_learning_rate)
        require_weight("weight_decay", self.weight_decay)
        require(
            self.held_out >= 1,
            f"held_out is {self.held_out}; at least 1 image is held out, or nothing shows that stage 2 overfits.",
        )
        require(bool(self.perceptual), "perceptual is empty; name a feature network, files, or none.")

    def check_data(self, num_images: int) -> None:
        """Raises `ConfigError` where nothing is left to train on."""
        require(
            self.held_out < num_images,
            f"held_out is {self.held_out} of {num_images} images, which leaves none to train on; give a smaller "
            "--held-out.",
        )
