"""Generator and discriminator, built from a configuration."""

import importlib

from gansformer_tf.config.families import DISCRIMINATOR_FAMILIES, GENERATOR_FAMILIES
from gansformer_tf.models.base import Generator
from gansformer_tf.models.discriminator import Discriminator
from gansformer_tf.models.families import build_discriminator, build_generator
from gansformer_tf.models.snapshot import Snapshot, SnapshotError, load_snapshot, save_snapshot

__all__ = [
    "Discriminator",
    "Generator",
    "Snapshot",
    "SnapshotError",
    "build_discriminator",
    "build_generator",
    "load_snapshot",
    "save_snapshot",
]

# Keras reads a saved model of ours once the module with its class has been imported.
for _config in (*GENERATOR_FAMILIES.values(), *DISCRIMINATOR_FAMILIES.values()):
    importlib.import_module(_config.network.partition(":")[0])
