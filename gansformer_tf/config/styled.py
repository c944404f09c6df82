"""What the configurations of StyleGAN3's and CREPS's generators share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from gansformer_tf.config.base import require, require_positive
from gansformer_tf.config.image import ImageConfig


@dataclass(frozen=True)
class StyledConfig(ImageConfig):
    """Latents are mapped to one w per layer by dense layers; nothing takes noise.

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
    embeds_components: ClassVar[bool] = False
    component_dropout: ClassVar[float] = 0.0
    # phases of a training step that move the average w
    w_average_phases: ClassVar[tuple[str, ...]] = ("D",)
    unread_layers: ClassVar[int] = 0

    def _validate_styled(self) -> None:
        self._validate_image()
        for name in ("latent_size", "w_dim", "mapping_lr_multiplier", "conv_clamp"):
            if getattr(self, name) is not None:
                require_positive(name, getattr(self, name))
        require(self.mapping_layers >= 1, f"mapping_layers is {self.mapping_layers}; at least 1 layer is needed.")
