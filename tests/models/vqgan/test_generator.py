"""Both stages together."""

from __future__ import annotations

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from gansformer_tf.config.vqgan import AutoencoderConfig, CodeSampling, CodeTransformerConfig, VQGANConfig
from gansformer_tf.models.vqgan.generator import VQGAN

FIRST = AutoencoderConfig(
    height=8, width=16, channels=32, channel_multipliers=(1, 1), blocks_per_level=0, attention_sizes=(),
    latent_channels=4, num_codes=12, code_dim=4,
)  # fmt: skip
SECOND = CodeTransformerConfig(num_codes=12, num_tokens=32, num_layers=1, num_heads=2, width=16, label_dim=2)


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(1)
    made = VQGAN(VQGANConfig.of(FIRST, SECOND))
    random = np.random.default_rng(0)
    for variable in made.trainable_variables:
        variable.assign(variable + 0.2 * random.standard_normal(variable.shape))
    return made


def latents(batch: int) -> np.ndarray:
    return np.random.RandomState(0).standard_normal((batch, 32)).astype(np.float32)


def test_a_latent_is_an_image_whatever_the_batch(model):
    z, labels = latents(4), tf.one_hot([0, 1, 0, 1], 2)
    images = np.asarray(model(z[:, None], labels))
    assert images.shape == (4, 8, 16, 3)
    np.testing.assert_array_equal(model.draw(z[2:3], labels[2:3])[0], model.draw(z, labels)[2])
    np.testing.assert_allclose(model(z[2:3, None], labels[2:3])[0], images[2], atol=1e-5)
    assert np.abs(images[0] - images[2]).max() > 1e-2
    other = model.decode(model.draw(z, labels, sampling=CodeSampling(temperature=0.2, top_k=3)))
    assert np.abs(other - images).max() > 1e-2


def test_the_half_of_an_image_is_completed(model):
    images = np.random.default_rng(0).uniform(-1, 1, (2, 8, 16, 3)).astype(np.float32)
    labels = tf.one_hot([0, 1], 2)
    codes = model.encode(images)
    assert codes.shape == (2, 32)
    completed = model.draw(latents(2), labels, known=codes[:, :16])
    np.testing.assert_array_equal(completed[:, :16], codes[:, :16])
    np.testing.assert_allclose(model.decode(codes), model.autoencoder(images)[0], atol=1e-5)


def test_it_is_serialised_and_saved(model, tmp_path):
    json.dumps(keras.saving.serialize_keras_object(model))
    model.save(tmp_path / "model.keras")
    z, labels = latents(1)[:, None], tf.one_hot([1], 2)
    np.testing.assert_array_equal(keras.saving.load_model(tmp_path / "model.keras")(z, labels), model(z, labels))
