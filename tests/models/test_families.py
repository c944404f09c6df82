"""Generators of other families: told apart in configurations, built, called and saved like the first one."""

from __future__ import annotations

import dataclasses
import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from gansformer_tf.config import (
    ConfigError,
    CREPSConfig,
    DiscriminatorConfig,
    GANsformerConfig,
    ModelConfig,
    RunConfig,
    StyleGAN3Config,
)
from gansformer_tf.layers.precision import dtype_policy
from gansformer_tf.models.coordinates import line_coordinates
from gansformer_tf.models.creps.generator import CREPSGenerator
from gansformer_tf.models.families import build_generator
from gansformer_tf.models.gansformer.generator import GANsformerGenerator
from gansformer_tf.models.snapshot import load_snapshot, network_weights, save_snapshot
from gansformer_tf.models.stylegan3.generator import StyleGAN3Generator

SMALL = {"resolution": 16, "channel_base": 64, "channel_max": 6, "latent_size": 8, "w_dim": 10, "label_dim": 3}
STYLEGAN3 = {"num_synthesis_layers": 5, "margin_size": 3}
CONFIGS = {
    "creps": CREPSConfig(**SMALL, line_channels=4),
    "creps with attention": CREPSConfig(
        **(SMALL | {"latent_size": 9, "w_dim": None}), line_channels=4, transformer=True, num_components=3, num_heads=2
    ),
    "stylegan3-t": StyleGAN3Config(**SMALL, **STYLEGAN3),
    "stylegan3-r": StyleGAN3Config(**SMALL, **STYLEGAN3, conv_kernel=1, radial_filters=True),
}


def latents(config, batch: int = 2):
    rng = np.random.default_rng(0)
    z = rng.standard_normal((batch, config.num_latents, config.latent_dim)).astype(np.float32)
    return z, np.eye(config.label_dim, dtype=np.float32)[[0, 2]][:batch]


@pytest.mark.parametrize("name", CONFIGS)
def test_called_like_every_generator(name):
    config = CONFIGS[name]
    generator = build_generator(config)
    z, labels = latents(config)
    w = generator.map(z, labels)
    assert w.shape == (2, config.num_latents, config.num_layers, config.style_dim)
    images = generator.synthesize(w, noise_mode="const")
    assert images.shape == (2, 16, 16, 3)
    assert images.dtype == tf.float32
    np.testing.assert_array_equal(images, generator(z, labels, noise_mode="none"))
    np.testing.assert_array_equal(images, generator(z, labels, noise_mode="random", rng=1, training=True))
    assert generator.noise_shapes == generator.sample_noise(2, 0) == []
    generator.w_avg.assign(np.ones(config.style_dim))
    np.testing.assert_allclose(generator.truncate(w, 0.0, 2)[:, :, :2], 1.0)
    assert sum(row[1] for row in generator.summary_rows()) == sum(
        int(np.prod(variable.shape)) for variable in generator.trainable_variables
    )


def test_attention_leaves_creps_the_strength_of_its_images():
    """Pixels are products of lines: features of unit variance would make them a hundred times too strong."""
    spread = {}
    for name in ("creps", "creps with attention"):
        config = dataclasses.replace(CONFIGS[name], channel_base=1024, channel_max=128, line_channels=32)
        keras.utils.set_random_seed(0)
        z, labels = latents(config)
        spread[name] = float(np.std(build_generator(config)(z, labels)))
    assert 0.2 < spread["creps with attention"] / spread["creps"] < 5.0


@pytest.mark.parametrize("name", CONFIGS)
def test_every_weight_reaches_the_image(name):
    config = CONFIGS[name]
    generator = build_generator(config)
    z, labels = latents(config)
    rng = np.random.default_rng(1)
    with tf.GradientTape() as tape:
        images = generator(z, labels, noise_mode="none")
        loss = tf.reduce_sum(images * rng.standard_normal(images.shape).astype(np.float32))
    variables = generator.trainable_variables
    gradients = tape.gradient(loss, [variable.value for variable in variables])
    dead = [v.path for v, g in zip(variables, gradients, strict=True) if g is None or not np.any(g)]
    # biases of keys cancel in the softmax
    assert [path for path in dead if not path.endswith("attention/key/bias")] == []


@pytest.mark.parametrize("name", CONFIGS)
def test_snapshot(name, tmp_path):
    config = CONFIGS[name]
    generator = build_generator(config)
    loaded = load_snapshot(save_snapshot(tmp_path / "network.safetensors", generator=generator)).generator
    assert type(loaded) is type(generator)
    assert loaded.config == config
    for key, value in network_weights(generator).items():
        np.testing.assert_array_equal(network_weights(loaded)[key], value)


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("precision", ["bfloat16", "mixed"])
def test_low_precision(name, precision):
    config = CONFIGS[name]
    exact, rounded = build_generator(config), build_generator(config, dtype=dtype_policy(precision))
    rounded.set_weights(exact.get_weights())
    assert all(weight.dtype == "float32" for weight in rounded.weights)
    z, labels = latents(config)
    w = exact.map(z, labels)
    expected, found = exact.synthesize(w), rounded.synthesize(w)
    assert found.dtype == tf.float32
    error = np.linalg.norm(found - expected) / np.linalg.norm(expected)
    assert 1e-5 < error < 0.1
    if name.startswith("stylegan3"):  # small steps of an average are not lost
        rounded.assign_magnitudes(np.full(len(rounded.magnitudes), 1.001))
        moved = rounded.synthesize(w, magnitude_decay=0.9999)[1]
        assert np.abs(moved - 1.001).max() < 1e-3
        assert np.all(moved != 1.001)


def test_the_family_is_told_by_its_key():
    model = ModelConfig(CONFIGS["creps"], DiscriminatorConfig(resolution=16, label_dim=3))
    values = json.loads(RunConfig(model=model).to_json())
    assert values["model"]["generator"]["family"] == "creps"
    assert RunConfig.from_json(json.dumps(values)).model == model
    values["model"]["generator"] = {"resolution": 16, "label_dim": 3}
    assert type(RunConfig.from_json(json.dumps(values)).model.generator) is GANsformerConfig
    values["model"]["generator"] = {"family": "biggan"}
    with pytest.raises(ConfigError, match=r"model.generator.family is 'biggan'; it must be one of: gansformer, style"):
        RunConfig.from_json(json.dumps(values))


def test_names_of_families():
    for config, kind in (
        (GANsformerConfig(resolution=8, channel_max=4, latent_size=4), GANsformerGenerator),
        (CONFIGS["creps"], CREPSGenerator),
        (CONFIGS["stylegan3-t"], StyleGAN3Generator),
    ):
        generator = build_generator(config)
        assert type(generator) is kind
        assert kind.from_config(generator.get_config()).config == config


def test_lines_that_attend():
    config = CONFIGS["creps with attention"]
    generator = build_generator(config)
    z, labels = latents(config)
    w = generator.map(z, labels)
    images, maps = generator.synthesize(w, return_attention=True)
    assert [found.shape for found in maps] == [(2, 2, 16, 16, 3)] * 3
    for found in maps:
        np.testing.assert_allclose(tf.reduce_sum(found, axis=-1), 1.0, rtol=1e-5)
        assert np.std(found) > 1e-3
    # a window is a part of the image, also with attention
    rows, columns = line_coordinates(config, 1.0, (3, 5, 12, 9))
    np.testing.assert_allclose(generator.synthesize(w, rows=rows, columns=columns), images[:, 5:9, 3:12], atol=1e-4)
    # every component draws
    for component in range(config.num_latents):
        other = np.array(w)
        other[:, component] += 1.0
        assert np.abs(generator.synthesize(other) - images).max() > 1e-3


@pytest.mark.parametrize("name", [name for name in CONFIGS if "attention" not in name])
def test_what_they_lack_is_said(name):
    config = CONFIGS[name]
    generator = build_generator(config)
    z, labels = latents(config)
    with pytest.raises(ValueError, match="attention maps were asked for"):
        generator(z, labels, return_attention=True, rng=0)
    with pytest.raises(ValueError, match="takes none"):
        generator(z, labels, noise=[np.zeros((2, 4, 4, 1))])


@pytest.mark.parametrize(
    ("make", "values", "message"),
    [
        (CREPSConfig, {"line_channels": 0}, "line_channels is 0; it must be greater than 0"),
        (CREPSConfig, {"num_components": 4}, "num_components is 4 but transformer is off"),
        (CREPSConfig, {"transformer": True, "num_heads": 3}, "num_heads 3 does not divide the 1024 channels"),
        (CREPSConfig, {"transformer": True, "num_components": 3}, "latent_size 512 is not divisible"),
        (CREPSConfig, {"channel_max": 7}, "give 7 channels to the Fourier features"),
        (CREPSConfig, {"family": "stylegan3"}, "family is 'stylegan3'; it must be one of: creps"),
        (StyleGAN3Config, {"base_height": 2}, "have 128x256 pixels; StyleGAN3 draws squares only"),
        (StyleGAN3Config, {"conv_kernel": 2}, "conv_kernel is 2"),
        (StyleGAN3Config, {"num_synthesis_layers": 2}, "num_critical is 2 and num_synthesis_layers 2"),
        (StyleGAN3Config, {"num_critical": -1}, "num_critical is -1"),
        (StyleGAN3Config, {"first_cutoff": 200.0}, "first_cutoff is 200.0; it lies between 1 and .* 128"),
        (StyleGAN3Config, {"first_stopband": 2.0}, "first_stopband is 2.0"),
        (StyleGAN3Config, {"last_stopband_reach": 1.0}, "last_stopband_reach is 1.0"),
        (StyleGAN3Config, {"filter_taps": 0}, "filter_taps is 0"),
        (StyleGAN3Config, {"radial_filters": True, "filter_taps": 5, "activation_rate": 3}, "one of them must be even"),
        (StyleGAN3Config, {"margin_size": -1}, "margin_size is -1"),
        (StyleGAN3Config, {"mapping_layers": 0}, "mapping_layers is 0"),
    ],
)
def test_bad_values_are_named(make, values, message):
    with pytest.raises(ConfigError, match=message):
        make(**values)
