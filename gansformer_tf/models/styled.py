"""What the generators of StyleGAN3 and CREPS share."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any

from gansformer_tf.config import GeneratorConfig
from gansformer_tf.layers.noise import NOISE_MODES
from gansformer_tf.models.generator import Generator
from gansformer_tf.models.summary import Layer, Row, mapping_layers, summary_rows


class StyledGenerator(Generator):
    """A `Generator` without noise; its families bring a synthesis network of their own.

    It is called like `Generator`, with w `[batch, num_latents, num_layers, style_dim]`; every noise mode draws the same
    picture.
    """

    def _mapping_config(self) -> GeneratorConfig:
        config = self.config
        return GeneratorConfig(
            label_dim=config.label_dim,
            latent_size=config.latent_size,
            transformer=config.transformer,
            num_components=config.num_components,
            w_dim=config.style_dim,
            mapping_layers=config.mapping_layers,
            mapping_lr_multiplier=config.mapping_lr_multiplier,
            label_embedding="normalized",
            label_embedding_dim=config.style_dim,
        )

    @property
    def noise_shapes(self) -> list[tuple[int, int, int]]:
        """Empty: nothing in these networks takes noise."""
        return []

    def summary_rows(self) -> list[Row]:
        return summary_rows(chain(mapping_layers(self), self._synthesis_layers()))

    def _synthesis_layers(self) -> Iterator[Layer]:
        """(name, variables, output shape) of every part of the synthesis network."""
        raise NotImplementedError

    def _check_synthesis(self, noise_mode: str, noise: Any, return_attention: bool) -> None:
        """Raises ValueError for what these networks lack."""
        if noise_mode not in NOISE_MODES:
            raise ValueError(f"noise_mode is {noise_mode!r}; it must be one of: {', '.join(NOISE_MODES)}.")
        if noise:
            raise ValueError(f"noise was given; a {self.config.family} generator takes none.")
        if return_attention and not self.config.transformer:
            raise ValueError(f"attention maps were asked for; a {self.config.family} generator has none.")
