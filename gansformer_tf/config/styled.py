"""What the configurations of generators with one latent and one w per picture share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from gansformer_tf.config.base import require, require_positive
from gansformer_tf.config.image import ImageConfig


@dataclass(frozen=True)
class StyledConfig(ImageConfig):
    """One latent, mapped to one w per layer by dense layers; no attention, no noise.

    `latent_size` is the size of z, `w_dim` that of w (None: the same).
    """

    latent_size: int = 512
    w_dim: int | None = None
    mapping_layers: int = 8
    mapping_lr_multiplier: float = 0.01
    # largest absolute value behind each activation, or None
    conv_clamp: float | None = 256.0
    # truncation applied when nothing else is asked for
    truncation_psi: float = 0.7

    # what the networks of GANsformer can have and these cannot
    transformer: ClassVar[bool] = False
    embeds_components: ClassVar[bool] = False
    component_dropout: ClassVar[float] = 0.0
    num_components: ClassVar[int] = 1
    num_latents: ClassVar[int] = 1
    # phases of a training step that move the average w
    w_average_phases: ClassVar[tuple[str, ...]] = ("D",)

    def _validate_styled(self) -> None:
        self._validate_image()
        for name in ("latent_size", "w_dim", "mapping_lr_multiplier", "conv_clamp"):
            if getattr(self, name) is not None:
                require_positive(name, getattr(self, name))
        require(self.mapping_layers >= 1, f"mapping_layers is {self.mapping_layers}; at least 1 layer is needed.")

    @property
    def latent_dim(self) -> int:
        """Size of z."""
        return self.latent_size

    @property
    def style_dim(self) -> int:
        """Size of one vector of w."""
        return self.w_dim if self.w_dim is not None else self.latent_size
