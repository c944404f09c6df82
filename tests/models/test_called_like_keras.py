"""Networks are called like Keras's own models: without a seed, in training mode too, and with one exactly again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from gansformer_tf.config import CREPSConfig, DiscriminatorConfig, GANsformerConfig, GeneratorConfig, StyleGAN3Config
from gansformer_tf.layers import BipartiteAttention, NoiseInjection
from gansformer_tf.models import Discriminator, build_generator
from gansformer_tf.models.snapshot import load_snapshot, network_weights, save_snapshot
from gansformer_tf.ops import SeedStream
from tests.models.tiny import DUPLEX, KGAN, SCORING, differ

SMALL = {"resolution": 8, "channel_base": 32, "channel_max": 4, "latent_size": 8}
FAMILIES: dict[str, GeneratorConfig] = {
    "gansformer": GANsformerConfig(**DUPLEX | {"attention_dropout": 0.2, "component_dropout": 0.3}),
    "k-gan": GANsformerConfig(**KGAN, latent_stem=True),
    "stylegan3": StyleGAN3Config(**SMALL, margin_size=3, num_synthesis_layers=4),
    "creps": CREPSConfig(**SMALL, line_channels=4),
}


@pytest.fixture(params=FAMILIES)
def generator(request: Any) -> Any:
    model = build_generator(FAMILIES[request.param])
    for layer in model._flatten_layers():
        if isinstance(layer, NoiseInjection):
            layer.strength.assign(0.5)
    return model


def z_of(model: Any) -> np.ndarray:
    return np.random.RandomState(0).standard_normal((2, model.config.num_latents, model.config.latent_dim))


def test_a_generator_needs_no_seed(generator: Any) -> None:
    z, config = z_of(generator), generator.config
    first, second = generator(z), generator(z)
    assert first.shape == (2, config.height, config.width, config.image_channels)
    assert (differ(first, second) > 1e-3) == config.takes_noise, "every call draws new noise"
    first, second = (generator(z, training=True) for _ in range(2))
    assert (differ(first, second) > 1e-3) == config.takes_noise
    np.testing.assert_array_equal(generator(z, rng=7, training=True), generator(z, rng=7, training=True))
    graph = tf.function(lambda z: generator(z, training=True), autograph=False)
    z = tf.constant(z, tf.float32)
    assert (differ(graph(z), graph(z)) > 1e-3) == config.takes_noise, "a traced call draws new noise too"


def test_the_global_seed_of_keras_makes_calls_repeatable() -> None:
    found = []
    for _ in range(2):
        keras.utils.set_random_seed(3)
        model = build_generator(FAMILIES["gansformer"])
        found.append([np.asarray(model(z_of(model), training=True)) for _ in range(2)])
    np.testing.assert_array_equal(*found)
    assert differ(*found[0]) > 0


def test_a_discriminator_needs_no_seed() -> None:
    model = Discriminator(DiscriminatorConfig(**SCORING | {"attention_dropout": 0.5}))
    images = np.random.RandomState(0).standard_normal((4, model.config.height, model.config.width, 3))
    np.testing.assert_array_equal(model(images), model(images))
    assert differ(model(images, training=True), model(images, training=True)) > 1e-4


def test_layers_draw_for_themselves() -> None:
    layer = NoiseInjection()
    x = np.zeros((2, 4, 4, 3), np.float32)
    layer.build(x.shape)
    layer.strength.assign(1.0)
    assert differ(layer(x), layer(x)) > 0.1
    np.testing.assert_array_equal(layer(x, rng=SeedStream(1)), layer(x, rng=SeedStream(1)))
    attention = BipartiteAttention(4, dropout=0.5)
    x, y = np.ones((2, 9, 4), np.float32), np.random.RandomState(0).standard_normal((2, 3, 8)).astype(np.float32)
    np.testing.assert_array_equal(attention(x, y)[0], attention(x, y)[0])
    assert differ(attention(x, y, training=True)[1], attention(x, y, training=True)[1]) > 0.1


def test_the_own_seed_is_no_weight_and_moves_no_initial_weight(tmp_path: Path) -> None:
    config = FAMILIES["gansformer"]
    keras.utils.set_random_seed(1)
    model = build_generator(config)
    drawn = keras.random.normal((2,), seed=keras.random.SeedGenerator())
    with_dropout = any("seed_generator" in variable.path for variable in model.variables)
    assert with_dropout and not any("seed" in name for name in network_weights(model))
    keras.utils.set_random_seed(1)
    without = build_generator(GANsformerConfig(**DUPLEX | {"attention_dropout": 0.0}))
    np.testing.assert_array_equal(keras.random.normal((2,), seed=keras.random.SeedGenerator()), drawn)
    for name, value in network_weights(without).items():
        np.testing.assert_array_equal(network_weights(model)[name], value, err_msg=name)
    path = save_snapshot(tmp_path / "network-snapshot-000001.safetensors", generator=model)
    loaded, z = load_snapshot(path).generator, z_of(model)
    np.testing.assert_array_equal(loaded(z, rng=3), model(z, rng=3))


def test_a_call_that_draws_nothing_changes_no_variable() -> None:
    """So that graphs that are exported hold no assignment."""
    model = build_generator(FAMILIES["gansformer"])
    before = [np.asarray(variable) for variable in model.variables]
    model(z_of(model), noise_mode="const")
    for variable, value in zip(model.variables, before, strict=True):
        np.testing.assert_array_equal(variable, value, err_msg=variable.path)
