"""Generators of every family, built from their configuration."""

from __future__ import annotations

import importlib
from typing import Any

from gansformer_tf.config import GeneratorConfig
from gansformer_tf.models.base import Generator


def build_generator(config: GeneratorConfig, **kwargs: Any) -> Generator:
    """The generator of a configuration, of the class that its family names.

    Args:
        config: Configuration of a family, such as `GANsformerConfig`, `StyleGAN3Config` or `CREPSConfig`.
        **kwargs: `name` and `dtype` of the model.
    """
    module, name = config.network.split(":")
    return getattr(importlib.import_module(module), name)(config, **kwargs)
