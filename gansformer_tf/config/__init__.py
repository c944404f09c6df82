"""Configurations as frozen dataclasses: validated when built, saved as JSON, free of any framework."""

from gansformer_tf.config.base import ConfigError, from_dict, to_dict
from gansformer_tf.config.creps import CREPSConfig
from gansformer_tf.config.data import DataConfig
from gansformer_tf.config.discriminator import DiscriminatorConfig
from gansformer_tf.config.gansformer import GANsformerConfig
from gansformer_tf.config.generator import GeneratorConfig
from gansformer_tf.config.metrics import MetricConfig
from gansformer_tf.config.model import ModelConfig
from gansformer_tf.config.projected import ProjectedConfig
from gansformer_tf.config.run import RunConfig
from gansformer_tf.config.stylegan3 import StyleGAN3Config
from gansformer_tf.config.train import TrainConfig
from gansformer_tf.config.vqgan import AutoencoderConfig, CodeSampling, VQGANConfig

__all__ = [
    "AutoencoderConfig",
    "CREPSConfig",
    "CodeSampling",
    "ConfigError",
    "DataConfig",
    "DiscriminatorConfig",
    "GANsformerConfig",
    "GeneratorConfig",
    "MetricConfig",
    "ModelConfig",
    "ProjectedConfig",
    "RunConfig",
    "StyleGAN3Config",
    "TrainConfig",
    "VQGANConfig",
    "from_dict",
    "to_dict",
]
