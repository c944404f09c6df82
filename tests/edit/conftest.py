from __future__ import annotations

import keras
import pytest
import tensorflow as tf

from gansformer_tf.config import GANsformerConfig
from gansformer_tf.models.families import build_generator


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    folder = tmp_path / "cache"
    monkeypatch.setenv("GANSFORMER_TF_CACHE", str(folder))
    return folder


@pytest.fixture
def eager():
    tf.config.run_functions_eagerly(True)  # nothing to compile
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture(scope="session")
def generator():
    """16x16 pixels, two components, and noise that does something."""
    keras.utils.set_random_seed(1)
    small = {"resolution": 16, "channel_base": 64, "channel_max": 8, "mapping_layers": 2, "latent_size": 8}
    made = build_generator(GANsformerConfig(**small, transformer=True, num_components=2))
    for variable in made.variables:
        if variable.path.endswith("strength"):
            variable.assign(0.2)
    return made
