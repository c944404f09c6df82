"""Generators of every family, built from their configuration."""

from __future__ import annotations

from typing import Any

from gansformer_tf.models.creps.generator import CREPSGenerator
from gansformer_tf.models.generator import Generator
from gansformer_tf.models.stylegan3.generator import StyleGAN3Generator

GENERATORS: dict[str, type[Generator]] = {
    "gansformer": Generator,
    "stylegan3": StyleGAN3Generator,
    "creps": CREPSGenerator,
}


def build_generator(config: Any, **kwargs: Any) -> Generator:
    """The generator of a configuration: GANsformer with its baselines, StyleGAN3 or CREPS.

    Args:
        config: `GeneratorConfig`, `StyleGAN3Config` or `CREPSConfig`.
        **kwargs: `name` and `dtype` of the model.
    """
    return GENERATORS[config.family](config, **kwargs)
