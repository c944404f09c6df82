"""Every precision learns, compiled or not: half precision under XLA has trained wrongly without an error."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from gansformer_tf.config import DiscriminatorConfig, GANsformerConfig, TrainConfig
from gansformer_tf.layers.precision import HighResolutionPolicy, dtype_policy
from gansformer_tf.models import Discriminator, build_generator
from gansformer_tf.training.step import TrainStep
from tests.models.tiny import PLAIN, SMALL

STEPS, BATCH = 60, 8
# One of the two resolutions computes in 16 bits.
POLICIES = {"float32": "float32", "bfloat16": dtype_policy("bfloat16"), "mixed": HighResolutionPolicy(num_levels=1)}


def images() -> np.ndarray:
    """Bright to the left, dark to the right, each image a little different."""
    base = np.where(np.arange(8) < 4, 200, 50)[None, None, :, None]
    noise = np.random.default_rng(0).integers(-20, 21, (STEPS, BATCH, 8, 1, 3))
    return np.broadcast_to(base + noise, (STEPS, BATCH, 8, 8, 3)).astype(np.uint8)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("precision", "jit"), [("float32", "off"), ("mixed", "off"), ("mixed", "on"), ("bfloat16", "on")]
)
def test_images_come_close_to_the_data(precision, jit):
    keras.utils.set_random_seed(2)
    policy = POLICIES[precision]
    generator = build_generator(GANsformerConfig(**PLAIN), dtype=policy)
    discriminator = Discriminator(DiscriminatorConfig(**SMALL, mbstd_group_size=4), dtype=policy)
    average = build_generator(GANsformerConfig(**PLAIN), name="ema_generator")
    average.set_weights(generator.get_weights())
    train = TrainConfig(
        batch_size=BATCH, batch_size_per_replica=BATCH, g_learning_rate=0.01, d_learning_rate=0.01, jit=jit,
        gamma=1.0, path_length=False, component_mixing=0.0, style_mixing=0.0, ema_half_life_kimg=0.05,
    )  # fmt: skip
    step = TrainStep(generator, discriminator, average, train)
    assert step.compiled == (jit == "on")
    data = images()
    z = tf.random.stateless_normal([32, generator.config.num_latents, generator.config.latent_dim], [1, 2])

    def distance() -> float:
        """Root mean square between the mean images."""
        drawn = np.mean(average(z, noise_mode="const"), axis=0)
        return float(np.sqrt(np.mean((drawn - (np.mean(data, axis=(0, 1)) / 127.5 - 1)) ** 2)))

    before = distance()
    for index in range(STEPS):
        step.run(index, data[index], np.zeros((BATCH, 0), np.float32))
    print(precision, jit, before, distance())
    assert distance() < before / 2
    assert int(step.skipped["G"]) == int(step.skipped["D"]) == 0
