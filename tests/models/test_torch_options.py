"""Options that come from the PyTorch networks, in freshly built models."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from gansformer_tf.config import ConfigError, DiscriminatorConfig, GANsformerConfig
from gansformer_tf.models import Discriminator, build_generator

SMALL = {"resolution": 8, "channel_base": 32, "channel_max": 4}
COMPONENTS = {"num_components": 2, "latent_size": 8}
ATTENTION = COMPONENTS | {"transformer": True, "use_pos": True, "attention_dropout": 0.0}
MAPPING = {"mapping_layers": 2, "mapping_self_attention": True}
LABELS = {"label_dim": 3, "label_embedding": "normalized", "label_embedding_dim": 5}

GENERATORS = {
    "w of another size": {"latent_size": 6, "w_dim": 10, "mapping_hidden_dim": 7, "latent_stem": True},
    "w of another size, attention": ATTENTION | MAPPING | {"w_dim": 6, "mapping_residual": True, "kmeans": True},
    "w of another size, shared mapping": ATTENTION | {"w_dim": 6, "mapping_shared_dim": 9, "mapping_layers": 2},
    "w of another size, inner width": ATTENTION | MAPPING | {"w_dim": 6, "mapping_dim": 10},
    "plain attention in the mapping": ATTENTION | MAPPING | {"mapping_latent_gate": True},
    "normalised labels": LABELS | {"latent_size": 6, "w_dim": 5},
    "normalised labels, attention": ATTENTION | MAPPING | LABELS | {"latent_normalization": "all"},
    "normalised labels, inner width": ATTENTION | LABELS | {"mapping_dim": 10, "normalize_global": True},
    "normalised labels, k-GAN": COMPONENTS | LABELS | {"kgan": True, "mapping_shared_dim": 5},
    "linear labels of another size": ATTENTION | {"label_dim": 3, "label_embedding_dim": 5},
    "final convolution, k-GAN": COMPONENTS | {"kgan": True, "final_conv": "own", "architecture": "skip"},
    "positions of the image only": ATTENTION | {"component_positions": False, "pos_type": "trainable2d"},
    "positions per layer": ATTENTION | {"positions_per_layer": True, "pos_type": "linear", "conv_clamp": 0.5},
    "positions per layer, paper": ATTENTION
    | {"positions_per_layer": True, "pos_type": "trainable2d", "attention_form": "paper", "kmeans": True},
}
# Nothing multiplies them yet: biases of keys cancel in the softmax, noise and biases start at zero.
SILENT = ("bias", "strength", "noise_strength", "w_avg", "centroids", "element_scale")


@pytest.mark.parametrize("name", GENERATORS)
def test_generator(name):
    config = GANsformerConfig(**(SMALL | {"mapping_layers": 3} | GENERATORS[name]))
    generator = build_generator(config)
    assert type(generator).from_config(generator.get_config()).config == config
    rng = np.random.default_rng(0)
    z = tf.constant(rng.standard_normal((2, config.num_latents, config.latent_dim)), tf.float32)
    labels = tf.one_hot([0, 2], 3) if config.label_dim else None
    with tf.GradientTape() as tape:
        w = generator.map(z, labels)
        images = generator.synthesize(w, noise_mode="const")
        loss = tf.reduce_sum(images * tf.constant(rng.standard_normal(images.shape), tf.float32))
    assert w.shape == (2, config.num_latents, config.num_layers, config.style_dim)
    assert images.shape == (2, 8, 8, 3)
    variables = generator.trainable_variables
    gradients = tape.gradient(loss, [variable.value for variable in variables])
    dead = [v.path for v, g in zip(variables, gradients, strict=True) if g is None or not np.any(g)]
    assert [path for path in dead if path.rsplit("/", 1)[-1].rstrip("0123456789_") not in SILENT] == []
    assert sum(row[1] for row in generator.summary_rows()) == sum(int(np.prod(v.shape)) for v in variables)


def test_clamp_bounds_the_image():
    free, clamped = (
        build_generator(GANsformerConfig(**SMALL, latent_size=6, conv_clamp=clamp, architecture="orig"))
        for clamp in (None, 0.02)
    )
    clamped.set_weights(free.get_weights())
    z = np.random.default_rng(0).standard_normal((2, 1, 6)).astype(np.float32)
    highest, bounded = (np.abs(generator(z, noise_mode="none")).max() for generator in (free, clamped))
    assert bounded <= np.float32(0.02) < highest


def test_final_convolution_reads_its_own_w():
    config = GANsformerConfig(**SMALL, latent_size=6, final_conv="own", architecture="orig")
    generator = build_generator(config)
    w = np.random.default_rng(0).standard_normal((1, 1, config.num_layers, 6)).astype(np.float32)
    with tf.GradientTape() as tape:
        w = tf.constant(w)
        tape.watch(w)
        total = tf.reduce_sum(tf.square(generator.synthesize(w, noise_mode="none")))
    read = np.abs(tape.gradient(total, w)).max(axis=(0, 1, 3)) > 0
    assert read.tolist() == [False] + [True] * (config.num_layers - 1)


def test_projection_discriminator():
    config = DiscriminatorConfig(**SMALL, label_dim=3, cmap_dim=5, cmap_layers=2, mbstd_group_size=None, conv_clamp=4.0)
    discriminator = Discriminator(config)
    images = tf.constant(np.random.default_rng(0).standard_normal((5, 8, 8, 3)), tf.float32)
    scores = discriminator(images, tf.one_hot([0, 1, 2, 0, 1], 3))
    assert scores.shape == (5, 1)
    others = discriminator(images, tf.one_hot([1, 2, 0, 1, 2], 3))
    assert np.abs(scores - others).min() > 0
    rows = {row[0]: row[1] for row in discriminator.summary_rows()}
    assert (rows["label_embedding"], rows["label_mapping1"]) == (3 * 5 + 5, 5 * 5 + 5)


@pytest.mark.parametrize(
    ("make", "values", "message"),
    [
        (GANsformerConfig, {"w_dim": 0}, "w_dim is 0; it must be greater than 0"),
        (GANsformerConfig, {"conv_clamp": -1.0}, "conv_clamp is -1.0"),
        (GANsformerConfig, {"mapping_hidden_dim": 4, "mapping_residual": True}, "mapping_hidden_dim is 4"),
        (GANsformerConfig, {"label_embedding": "none"}, "label_embedding is 'none'; it must be one of: linear"),
        (GANsformerConfig, {"latent_normalization": "no"}, "latent_normalization is 'no'"),
        (GANsformerConfig, {"final_conv": "no"}, "final_conv is 'no'; it must be one of: shared, own"),
        (GANsformerConfig, ATTENTION | MAPPING | {"w_dim": 9, "num_heads": 2}, "num_heads 2 does not divide .* 9"),
        (DiscriminatorConfig, {"cmap_dim": 4}, "cmap_dim is 4, .* label_dim is 0"),
        (DiscriminatorConfig, {"cmap_layers": 0}, "cmap_layers is 0"),
        (DiscriminatorConfig, {"conv_clamp": 0.0}, "conv_clamp is 0.0"),
    ],
)
def test_bad_values_are_named(make, values, message):
    with pytest.raises(ConfigError, match=message):
        make(**values)
