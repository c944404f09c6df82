"""Configuration of the two networks: plain data, no framework imported."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from gansformer_tf.config.base import nested, require
from gansformer_tf.config.discriminator import DiscriminatorConfig
from gansformer_tf.config.families import DISCRIMINATOR_FAMILIES, GENERATOR_FAMILIES, AnyDiscriminatorConfig
from gansformer_tf.config.gansformer import GANsformerConfig
from gansformer_tf.config.generator import GeneratorConfig


@dataclass(frozen=True)
class ModelConfig:
    """Both networks; their geometry must agree.

    Example:

    >>> gf.config.ModelConfig().with_images(resolution=64).discriminator.resolution
    64
    """

    generator: GeneratorConfig = nested(GANsformerConfig, GENERATOR_FAMILIES)
    discriminator: AnyDiscriminatorConfig = nested(DiscriminatorConfig, DISCRIMINATOR_FAMILIES)

    def __post_init__(self) -> None:
        for field in ("resolution", "base_height", "base_width", "image_channels", "label_dim"):
            ours, theirs = getattr(self.generator, field), getattr(self.discriminator, field)
            require(
                ours == theirs,
                f"{field} is {ours} in the generator and {theirs} in the discriminator; they must be equal.",
            )

    def check_pair(self) -> None:
        """Raises `ConfigError` unless the generator is trained against such a discriminator."""
        family, known = self.discriminator.family, self.generator.discriminators
        require(
            family in known,
            f"a {self.generator.family} generator is not trained against a {family} discriminator; use one of: "
            f"{', '.join(known)}.",
        )

    def with_images(self, **geometry: int) -> ModelConfig:
        """A copy with another image geometry (`resolution`, `base_height`, `image_channels`, `label_dim`, ...)."""
        return ModelConfig(
            dataclasses.replace(self.generator, **geometry),  # type: ignore[arg-type]
            dataclasses.replace(self.discriminator, **geometry),  # type: ignore[arg-type]
        )
