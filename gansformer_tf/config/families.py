"""The families of generators and of discriminators."""

from __future__ import annotations

from gansformer_tf.config.creps import CREPSConfig
from gansformer_tf.config.discriminator import DiscriminatorConfig
from gansformer_tf.config.gansformer import GANsformerConfig
from gansformer_tf.config.generator import GeneratorConfig
from gansformer_tf.config.projected import ProjectedConfig
from gansformer_tf.config.stylegan3 import StyleGAN3Config
from gansformer_tf.config.vqgan import PatchDiscriminatorConfig, VQGANConfig

# By the value of their field `family`, which tells them apart in JSON; without it the first is meant. A family is its
# configuration, which names the class of its networks: see `GeneratorConfig`.
GENERATOR_FAMILIES: dict[str, type[GeneratorConfig]] = {
    config.family: config for config in (GANsformerConfig, StyleGAN3Config, CREPSConfig, VQGANConfig)
}

AnyDiscriminatorConfig = DiscriminatorConfig | ProjectedConfig | PatchDiscriminatorConfig
# The same of discriminators; without the field StyleGAN2's is meant, `DiscriminatorConfig`.
DISCRIMINATOR_FAMILIES: dict[str, type[AnyDiscriminatorConfig]] = {
    config.family: config for config in (ProjectedConfig, PatchDiscriminatorConfig)
}
