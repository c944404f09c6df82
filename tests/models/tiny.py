"""Very small networks for tests of the models, and how to look at them."""

from __future__ import annotations

import functools
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from gansformer_tf.config import DiscriminatorConfig, GANsformerConfig
from gansformer_tf.models import Discriminator, Generator, build_generator

SMALL = {"resolution": 8, "channel_base": 64, "channel_max": 8}
TRANSFORMER = SMALL | {
    "transformer": True,
    "num_components": 4,
    "latent_size": 32,
    "mapping_layers": 2,
    "attention_dropout": 0.0,
}
DUPLEX = TRANSFORMER | {"kmeans": True, "integration": "mul", "attention_normalization": "layer", "use_pos": True}
PAPER = DUPLEX | {"attention_form": "paper", "integration": "both"}
KGAN = SMALL | {"resolution": 16, "kgan": True, "num_components": 3, "latent_size": 12, "mapping_layers": 2}
PLAIN = SMALL | {"latent_size": 8, "mapping_layers": 2}
SCORING = SMALL | {"transformer": True, "num_components": 3, "latent_size": 24, "attention_dropout": 0.0}


@functools.cache
def _generator(values: tuple) -> Generator:
    keras.utils.set_random_seed(1)
    return awake(build_generator(GANsformerConfig(**dict(values))))


def generator(values: dict[str, Any], **changes: Any) -> Generator:
    """A generator; the same object for the same values."""
    return _generator(tuple(sorted((values | changes).items())))


def discriminator(values: dict[str, Any], **changes: Any) -> Discriminator:
    keras.utils.set_random_seed(2)
    return awake(Discriminator(DiscriminatorConfig(**(values | changes))))


def awake(model: keras.Model) -> keras.Model:
    """Gives variables that start at zero (biases, noise strengths) another value, so that what they do shows."""
    random = np.random.default_rng(0)
    for variable in model.trainable_variables:
        if not np.any(variable.numpy()):
            variable.assign(0.1 * random.standard_normal(variable.shape))
    return model


def latents(model: Generator, batch: int = 2, seed: int = 0) -> np.ndarray:
    shape = (batch, model.config.num_latents, model.config.latent_dim)
    return np.random.RandomState(seed).standard_normal(shape).astype(np.float32)


def images(config: Any, batch: int = 2, seed: int = 0) -> tf.Tensor:
    shape = (batch, config.height, config.width, config.image_channels)
    return tf.constant(np.random.RandomState(seed).uniform(-1, 1, shape).astype(np.float32))


def one_hot(*classes: int, depth: int = 3) -> tf.Tensor:
    return tf.one_hot(classes, depth)


def draw(model: Generator, z: Any, **options: Any) -> np.ndarray:
    return np.asarray(model(z, noise_mode="const", **options))


def differ(a: Any, b: Any) -> float:
    return float(np.abs(np.asarray(a) - np.asarray(b)).max())


def gradient(value: Any, tape: tf.GradientTape, variables: list) -> list[np.ndarray]:
    """Gradients, zero where there is no connection."""
    found = tape.gradient(value, [getattr(v, "value", v) for v in variables])
    return [np.zeros(v.shape) if g is None else np.asarray(g) for v, g in zip(variables, found, strict=True)]
