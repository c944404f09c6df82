"""Gradients of a GANsformer are the same however a batch is cut.

Weights are compared on networks of a few layers (`test_step.py`): Adam moves a weight by the sign of its gradient, also
where that is nothing but rounding, so those of many layers part in single places.
"""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from gansformer_tf.config import DiscriminatorConfig, GANsformerConfig, TrainConfig
from gansformer_tf.config.presets import preset
from gansformer_tf.models import Discriminator, build_generator
from gansformer_tf.training.draws import phase_seed
from gansformer_tf.training.gradients import ReplicaBatch
from gansformer_tf.training.step import TrainStep

BATCH, RESOLUTION = 8, 8
IMAGES = np.random.default_rng(0).integers(0, 256, (BATCH, RESOLUTION, RESOLUTION, 3), np.uint8)


@pytest.fixture(scope="module")
def networks():
    sections = preset("gansformer-default")
    geometry = {"resolution": RESOLUTION, "channel_base": 256, "channel_max": 16}
    config = GANsformerConfig(**(sections["generator"] | geometry | {"mapping_layers": 2}))
    discriminator = Discriminator(DiscriminatorConfig(**(sections["discriminator"] | geometry)))
    return build_generator(config), discriminator, build_generator(config)


def gradients_of(networks, at_once):
    """Of every phase, `at_once` images at a time."""
    config = TrainConfig(batch_size=BATCH, batch_size_per_replica=at_once, path_length=True)
    train_step = TrainStep(*networks, config)
    gradients = train_step.gradients
    step = tf.constant(0, tf.int64)

    found = {}
    for name, phase in train_step.phases.items():  # nothing is compiled, which takes longer than a step
        batch = ReplicaBatch(step, phase_seed(5, step, phase.position), step, tf.constant(IMAGES), tf.zeros([BATCH, 0]))
        means = []
        if phase.takes_path_lengths:
            means = [tf.zeros([]), gradients.total_path_length(phase, batch) / gradients.num_path_lengths(phase)]
        values = gradients.of(phase, batch, *means)[0]
        found[name] = np.concatenate([np.ravel(value) for value in values])
    return found


def test_gradients_are_the_same_for_every_cut(networks):
    whole, parts = (gradients_of(networks, at_once) for at_once in (8, 4))
    for phase in whole:
        norm = np.linalg.norm(whole[phase])
        assert norm > 1e-3
        assert np.linalg.norm(whole[phase] - parts[phase]) < 5e-6 * norm
