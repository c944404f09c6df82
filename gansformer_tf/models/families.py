"""Networks of every family, built from their configuration."""

from __future__ import annotations

import importlib
from typing import Any

from gansformer_tf.config import GeneratorConfig
from gansformer_tf.config.families import AnyDiscriminatorConfig
from gansformer_tf.models.base import Generator


def build_generator(config: GeneratorConfig, **kwargs: Any) -> Generator:
    """The generator of a configuration, of the class that its family names.

    Args:
        config: Configuration of a family, such as `GANsformerConfig`, `StyleGAN3Config` or `CREPSConfig`.
        **kwargs: `name` and `dtype` of the model.

    Example:

    >>> config = gf.config.GANsformerConfig(resolution=16, channel_max=8, latent_size=16)
    >>> generator = gf.models.build_generator(config)
    >>> z = keras.random.normal((2, config.num_latents, config.latent_dim))
    >>> generator(z, truncation_psi=0.7, rng=0).shape
    TensorShape([2, 16, 16, 3])
    """
    return _network(config.network)(config, **kwargs)


def build_discriminator(config: AnyDiscriminatorConfig, **kwargs: Any) -> Any:
    """The discriminator of a configuration.

    Args:
        config: `DiscriminatorConfig` or `ProjectedConfig`.
        **kwargs: `name` and `dtype` of the model.

    Example:

    >>> config = gf.config.DiscriminatorConfig(resolution=16, channel_max=8)
    >>> gf.models.build_discriminator(config)(ops.zeros((4, 16, 16, 3))).shape
    TensorShape([4, 1])
    """
    return _network(config.network)(config, **kwargs)


def _network(place: str) -> Any:
    module, name = place.split(":")
    return getattr(importlib.import_module(module), name)
