"""Generator and discriminator, built from a configuration."""

from gansformer_tf.models.discriminator import Discriminator
from gansformer_tf.models.generator import Generator

__all__ = ["Discriminator", "Generator"]
