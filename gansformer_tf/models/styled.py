"""What the generators of StyleGAN3 and CREPS share."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any

from gansformer_tf.config import GANsformerConfig
from gansformer_tf.models.base import Generator
from gansformer_tf.models.gansformer.mapping import MappingNetwork
from gansformer_tf.models.gansformer.summary import mapping_layers
from gansformer_tf.models.summary import Layer
from gansformer_tf.ops import SeedStream


class StyledGenerator(Generator):
    """A `Generator` with GANsformer's mapping network, in its plain form, and a synthesis network of its own.

    Nothing takes noise.
    """

    def _make_networks(self) -> None:
        self.mapping = MappingNetwork(self._mapping_config(), name="mapping", dtype=self.dtype_policy)
        self.synthesis = self._make_synthesis()

    def _make_synthesis(self) -> Any:
        raise NotImplementedError

    def _mapping_config(self) -> GANsformerConfig:
        config = self.config
        return GANsformerConfig(
            label_dim=config.label_dim,
            latent_size=config.latent_size,
            transformer=config.has_attention,
            num_components=config.num_components,
            w_dim=config.style_dim,
            mapping_layers=config.mapping_layers,
            mapping_lr_multiplier=config.mapping_lr_multiplier,
            label_embedding="normalized",
            label_embedding_dim=config.style_dim,
        )

    def _map(self, z: Any, labels: Any, training: bool, rng: SeedStream, **shared: Any) -> Any:
        return self.mapping(z, labels=labels, training=training, rng=rng)

    def _layers_of_summary(self) -> Iterator[Layer]:
        return chain(mapping_layers(self.mapping), self._synthesis_layers())

    def _synthesis_layers(self) -> Iterator[Layer]:
        """(name, variables, output shape) of every part of the synthesis network."""
        raise NotImplementedError
