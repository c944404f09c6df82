"""Generator and discriminator, built from a configuration."""

from gansformer_tf.models.base import Generator
from gansformer_tf.models.discriminator import Discriminator
from gansformer_tf.models.families import build_generator

__all__ = ["Discriminator", "Generator", "build_generator"]
