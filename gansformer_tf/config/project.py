"""How an image is projected into the latents of a model."""

from __future__ import annotations

from dataclasses import dataclass

from gansformer_tf.config.base import require, require_choice, require_positive

# What is optimised: each latent alone; one vector that moves all latents of an image; each latent, layer by layer.
SPACES = ("components", "w", "w+")
TUNE_STEPS = 300  # of `--tune`


@dataclass(frozen=True)
class ProjectConfig:
    """An optimisation from w of a seed to an image.

    Of `starts` seeds the `tried` that are nearest to an image go `steps / trial_part`, and the one that comes nearest
    goes on; without starts it begins at the average w. `space` is one of `SPACES`. `learning_rate` is that of
    Adam in units of each latent's spread; it rises over the first twentieth of the `steps` and falls over the last
    quarter, and noise of `latent_noise` spreads, which falls over the first three quarters, keeps the way open. The
    loss is `perceptual_weight` times the perceptual distance plus `pixel_weight` times the mean squared error of pixels
    in [-1, 1]. `noise_maps` optimises the noise inputs too, with StyleGAN2's regulariser, `noise_weight`. `tune_steps`
    of `tune_rate` then change the generator's weights for these images (pivotal tuning), while images of w nearby are
    held by `locality_weight`.
    """

    steps: int = 500
    space: str = "components"
    starts: int = 256
    tried: int = 4
    trial_part: int = 8
    learning_rate: float = 0.1
    latent_noise: float = 0.05
    perceptual_weight: float = 1.0
    pixel_weight: float = 10.0
    noise_maps: bool = False
    noise_weight: float = 1e3
    tune_steps: int = 0
    tune_rate: float = 1e-3
    locality_weight: float = 1.0

    def __post_init__(self) -> None:
        require(self.steps >= 1, f"--steps is {self.steps}; a projection takes at least 1, 500 is usual.")
        require_choice("--space", self.space, SPACES)
        require(self.starts >= 0, f"starts is {self.starts}; it must be 0, from the mean, or more.")
        for name in ("learning_rate", "tune_rate", "tried", "trial_part"):
            require_positive(name, getattr(self, name))
        for name in ("latent_noise", "perceptual_weight", "pixel_weight", "noise_weight", "locality_weight"):
            value = getattr(self, name)
            require(value >= 0, f"{name} is {value}; it must be 0 or more.")
        require(
            self.perceptual_weight + self.pixel_weight > 0,
            "perceptual_weight and pixel_weight are both 0, so nothing is compared; raise one of them.",
        )
        require(self.tune_steps >= 0, f"tune_steps is {self.tune_steps}; it must be 0 or more.")
