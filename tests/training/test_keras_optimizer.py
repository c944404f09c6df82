"""Optimizers of Keras in a training step: the same numbers as by themselves, whole steps left out, several devices."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from gansformer_tf.training.keras_optimizer import KerasOptimizer
from gansformer_tf.training.optimizers import Adam

GRADIENTS = ([[0.5, -1.0], [2.0, 1.0]], [[0.1, 3.0], [0.0, -1.0]], [[-2.0, 0.0], [0.5, 0.5]])
DECAY = keras.optimizers.schedules.ExponentialDecay(0.1, 1, 0.5)


def variables():
    return [keras.Variable([[1.0, -2.0], [0.5, 3.0]], name="a"), keras.Variable([1.0, 2.0], name="b")]


def run(apply, gradients=GRADIENTS):
    for gradient in gradients:
        apply([tf.constant(gradient), tf.constant(gradient[0])])


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("SGD", {"momentum": 0.9, "nesterov": True, "weight_decay": 0.01}),
        ("SGD", {"learning_rate": DECAY, "global_clipnorm": 0.1}),
        ("RMSprop", {"clipvalue": 0.2}),
        *((name, {}) for name in ("AdamW", "Adagrad", "Adadelta", "Adafactor", "Lion", "Ftrl")),
    ],
)
def test_numbers_are_those_of_keras(name, arguments):
    given = getattr(keras.optimizers, name)(**{"learning_rate": 0.1, **arguments})
    ours, theirs = variables(), variables()
    made = KerasOptimizer(given, ours)
    assert not given.built, "the optimizer given stays as it is"
    alone = type(given).from_config(given.get_config())
    run(made.apply)
    run(lambda gradients: alone.apply(gradients, theirs))
    for mine, other in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(mine, other)
    assert int(made.step) == 3


def test_a_step_that_is_not_taken_changes_nothing():
    made = KerasOptimizer(keras.optimizers.Nadam(0.1, weight_decay=0.1), trained := variables())
    run(made.apply)
    before = {name: value.numpy() for name, value in made.state().items()} | {v.name: v.numpy() for v in trained}
    step = tf.function(lambda gradients: made.apply(gradients, taken=tf.math.is_finite(gradients[0][0, 0])))
    run(step, [[[float("nan"), 1.0], [1.0, 1.0]]])
    after = {name: value.numpy() for name, value in made.state().items()} | {v.name: v.numpy() for v in trained}
    for name, value in before.items():
        np.testing.assert_array_equal(after[name], value, err_msg=name)


@pytest.mark.parametrize("rate", [0.1, keras.optimizers.schedules.ExponentialDecay(0.1, 1, 1.0)])
def test_the_correction_for_lazy_regularisation_is_that_of_adam(rate):
    ours, theirs = variables(), variables()
    made = KerasOptimizer(keras.optimizers.Adam(rate, 0.5, 0.9, 1e-3), ours, lazy_interval=4)
    adam = Adam([v.value for v in theirs], learning_rate=0.1, beta1=0.5, beta2=0.9, epsilon=1e-3, lazy_interval=4)
    run(made.apply)
    run(adam.apply)
    for mine, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-5)


def test_without_decays_there_is_no_correction():
    plain, lazy = variables(), variables()
    run(KerasOptimizer(keras.optimizers.SGD(0.1), plain).apply)
    run(KerasOptimizer(keras.optimizers.SGD(0.1), lazy, lazy_interval=4).apply)
    np.testing.assert_array_equal(plain[0], lazy[0])


def on(strategy):
    """Two steps of gradients that are the sums over all devices already; clipping sees these sums."""
    with strategy.scope():
        trained = variables()
        made = KerasOptimizer(keras.optimizers.SGD(0.1, momentum=0.9, global_clipnorm=1.0), trained)

    @tf.function
    def step(gradients):
        def replica(gradients):
            context = tf.distribute.get_replica_context()
            share = 1.0 / strategy.num_replicas_in_sync
            return context.all_reduce(tf.distribute.ReduceOp.SUM, [gradient * share for gradient in gradients])

        summed = strategy.run(replica, args=(gradients,))
        made.apply(summed, taken=tf.math.is_finite(gradients[0][0, 0]))

    run(step, [*GRADIENTS[:2], [[float("nan"), 1.0], [1.0, 1.0]]])
    return np.concatenate([np.ravel(variable) for variable in trained])


def main() -> None:
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    one, two = on(tf.distribute.get_strategy()), on(tf.distribute.MirroredStrategy(["/CPU:0", "/CPU:1"]))
    assert np.isfinite(one).all()
    np.testing.assert_allclose(two, one, rtol=1e-6)


def test_on_two_devices_it_is_the_same_step():
    command = [sys.executable, "-m", "tests.training.test_keras_optimizer"]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stderr[-3000:]


if __name__ == "__main__":
    main()
