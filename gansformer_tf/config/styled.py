"""What the configurations of StyleGAN3's and CREPS's generators share."""

from __future__ import annotations

from dataclasses import dataclass

from gansformer_tf.config.base import require, require_positive
from gansformer_tf.config.generator import GeneratorConfig


@dataclass(frozen=True)
class StyledConfig(GeneratorConfig):
    """Latents are mapped to one w per layer by dense layers; nothing takes noise."""

    mapping_layers: int = 8
    mapping_lr_multiplier: float = 0.01
    # largest absolute value behind each activation, or None
    conv_clamp: float | None = 256.0

    def _validate_styled(self) -> None:
        self._validate_image()
        for name in ("latent_size", "w_dim", "mapping_lr_multiplier", "conv_clamp"):
            if getattr(self, name) is not None:
                require_positive(name, getattr(self, name))
        require(self.mapping_layers >= 1, f"mapping_layers is {self.mapping_layers}; at least 1 layer is needed.")
