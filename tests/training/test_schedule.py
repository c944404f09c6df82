"""Gamma, learning rates and beta2 that change while training goes on."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from gansformer_tf.config import ConfigError, TrainConfig
from gansformer_tf.training.optimizers import Adam
from gansformer_tf.training.schedule import Schedule
from gansformer_tf.training.step import TrainStep
from tests.training.test_objectives import IMAGES, NO_LABELS, losses_of, micro_batch
from tests.training.tiny_networks import tiny_networks, tiny_train_config

ALL = {
    "gamma": 2.0, "gamma_end": 0.2, "g_learning_rate_end": 0.0005, "d_learning_rate_end": 0.0001,
    "adam_beta2": 0.9, "adam_beta2_end": 0.99, "schedule_begin_kimg": 0.008, "schedule_end_kimg": 0.04,
}  # fmt: skip


def test_half_a_cosine():
    way = Schedule(2.0, 0.2, 100.0, 300.0)
    expected = {0: 2.0, 100: 2.0, 150: 2.0 - 1.8 * (0.5 - np.cos(np.pi / 4) / 2), 200: 1.1, 300: 0.2, 900: 0.2}
    for images, value in expected.items():
        np.testing.assert_allclose(way.at(tf.constant(images, tf.int64)), value, rtol=1e-6)
    assert Schedule(2.0).at(500) == 2.0


def test_gamma_follows_its_schedule():
    losses = losses_of(**ALL)
    first, middle, last = (
        float(losses.discriminator_regularizer(micro_batch(seen))[1]["penalty/r1"]) for seen in (0, 24, 40)
    )
    np.testing.assert_allclose([middle / first, last / first], [1.1 / 2.0, 0.1], rtol=1e-5)


def test_adam_follows_schedules_by_hand():
    """Three steps, with the lazy correction; the second moment is corrected with the beta2 of its step."""
    variable = tf.Variable([1.0, -2.0])
    rate, beta2 = Schedule(0.01, 0.002, 0.0, 20.0), Schedule(0.9, 0.99, 0.0, 20.0)
    adam = Adam([variable], learning_rate=rate, beta1=0.5, beta2=beta2, epsilon=1e-8, lazy_interval=4)
    assert (adam.learning_rate, adam.beta2) == (0.01 * 0.8, 0.9**0.8)
    x, m, v = np.array([1.0, -2.0]), np.zeros(2), np.zeros(2)
    for step, gradient in enumerate(([0.5, -1.0], [0.1, 3.0], [-2.0, 0.5])):
        adam.apply([tf.constant(gradient)], images_seen=tf.constant(10 * step, tf.int64))
        share = (0.0, 0.5, 1.0)[step]
        lr, b1, b2 = (0.01 - 0.008 * share) * 0.8, 0.5**0.8, (0.9 + 0.09 * share) ** 0.8
        m += (np.array(gradient) - m) * (1 - b1)
        v += (np.square(gradient) - v) * (1 - b2)
        x -= lr * np.sqrt(1 - b2 ** (step + 1)) / (1 - b1 ** (step + 1)) * m / (np.sqrt(v) + 1e-8)
        np.testing.assert_allclose(variable, x, rtol=1e-5)


def test_a_step_in_the_middle_of_schedules_needs_no_memory_of_those_before():
    """Weights, optimizer and the step's number are all there is: a resumed run goes on the same way."""
    whole = TrainStep(*tiny_networks(), tiny_train_config(**ALL))
    resumed = TrainStep(*tiny_networks(), tiny_train_config(**ALL))
    for index in range(2):
        whole.run(index, IMAGES, NO_LABELS)
    for ours, theirs in zip(resumed.state().values(), whole.state().values(), strict=True):
        ours.assign(theirs)
    for step in (whole, resumed):
        step.run(2, IMAGES, NO_LABELS)
    for ours, theirs in zip(resumed.state().values(), whole.state().values(), strict=True):
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy())
    constant = tiny_train_config(**{key: value for key, value in ALL.items() if key in ("gamma", "adam_beta2")})
    other = TrainStep(*tiny_networks(), constant)
    tf.config.run_functions_eagerly(True)  # what is compared is far larger than rounding
    try:
        for index in range(3):
            other.run(index, IMAGES, NO_LABELS)
    finally:
        tf.config.run_functions_eagerly(False)
    for network in ("generator", "discriminator"):
        pairs = zip(getattr(whole, network).get_weights(), getattr(other, network).get_weights(), strict=True)
        assert max(np.abs(ours - theirs).max() for ours, theirs in pairs) > 1e-4, network


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"gamma_end": 0.1, "schedule_begin_kimg": 5.0, "schedule_end_kimg": 5.0},
            "it must begin before it ends",
        ),
        ({"gamma_end": 0.1, "schedule_begin_kimg": 30.0, "total_kimg": 20.0}, "is 30 and the schedule ends at 20 kimg"),
        ({"gamma_end": 0.1, "schedule_begin_kimg": -1.0}, "schedule_begin_kimg is -1.0"),
        ({"gamma_end": 0.1, "schedule_end_kimg": float("inf")}, "schedule_end_kimg is inf"),
        ({"gamma_end": -0.1}, "gamma_end is -0.1"),
        ({"g_learning_rate_end": 0.0}, "g_learning_rate_end is 0.0; it must be greater than 0"),
        ({"d_learning_rate_end": float("nan")}, "d_learning_rate_end is nan"),
        ({"adam_beta2_end": 1.0}, "adam_beta2_end is 1.0"),
        ({"adam_beta2": 1.0}, "adam_beta2 is 1.0"),
        ({"schedule_end_kimg": 5.0}, "moves nothing; give --gamma-end"),
        ({"schedule_begin_kimg": 5.0}, "moves nothing; give --gamma-end"),
    ],
)
def test_schedules_that_cannot_be(values, message):
    with pytest.raises(ConfigError, match=message) as caught:
        TrainConfig(**values)
    assert "\n" not in str(caught.value)
