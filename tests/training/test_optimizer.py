"""Adam, clipping and the moving average against numbers of the published code."""

from __future__ import annotations

import collections
import json
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf

from gansformer_tf.training.ema import ema_beta
from gansformer_tf.training.optimizers import Adam, clip_scale, global_norm
from gansformer_tf.training.step import TrainStep

with np.load(Path(__file__).parents[1] / "golden" / "training" / "optimizer.npz") as archive:
    ARRAYS = dict(archive)
CASES = json.loads(ARRAYS.pop("cases").tobytes())


@pytest.mark.parametrize("name", [name for name in CASES if "reg_interval" in CASES[name]])
def test_main_and_regularization_steps_share_one_adam(name):
    case = CASES[name]
    variables = [tf.Variable(ARRAYS[f"{name}/{variable}0"]) for variable in "ab"]
    adam = Adam(
        variables, learning_rate=case["lr"], beta1=0.0, beta2=0.99, epsilon=case["epsilon"],
        lazy_interval=case["reg_interval"],
    )  # fmt: skip
    assert adam.learning_rate == pytest.approx(case["lr_eff"])
    assert adam.beta2 == pytest.approx(case["beta2_eff"])
    pending: list = []
    for step in range(len(case["sequence"])):
        gradients = [tf.constant(ARRAYS[f"{name}/step{step}/grad_{variable}"]) for variable in "ab"]
        if case["clip"] is not None:
            scale = clip_scale(global_norm(gradients), case["clip"])
            gradients = [gradient * scale for gradient in gradients]
        pending.append(gradients)
        if len(pending) == case["batch_multiplier"]:  # micro-batches are averaged
            adam.apply([tf.add_n(parts) / len(parts) for parts in zip(*pending, strict=True)])
            pending = []
        for variable, value in zip("ab", variables, strict=True):
            np.testing.assert_allclose(value, ARRAYS[f"{name}/step{step}/{variable}"], rtol=1e-6, atol=1e-7)


def test_without_lazy_steps_adam_is_keras_adam():
    ours, theirs = tf.Variable([1.0, -2.0]), keras.Variable([1.0, -2.0])
    adam = Adam([ours], learning_rate=0.01, beta1=0.9, beta2=0.99, epsilon=1e-3)
    reference = keras.optimizers.Adam(0.01, 0.9, 0.99, 1e-3)
    for gradient in ([0.5, -1.0], [0.1, 3.0], [-2.0, 0.0]):
        adam.apply([tf.constant(gradient)])
        reference.apply([tf.constant(gradient)], [theirs])
    np.testing.assert_allclose(ours, theirs, rtol=1e-6)


@pytest.mark.parametrize("name", ["ema_bs32", "ema_bs8"])
def test_moving_average(name):
    """Of a step of training, on networks that are nothing but their variables."""
    case = CASES[name]
    beta = ema_beta(case["batch_size"], case["smoothing_kimg"])
    assert beta == pytest.approx(case["beta"])
    prefix = f"{name}/Gs_after/"
    expected = {key.removeprefix(prefix): array for key, array in ARRAYS.items() if key.startswith(prefix)}
    averages = {key: keras.Variable(ARRAYS[f"{name}/Gs_before/{key}"]) for key in expected}
    values = {key: keras.Variable(ARRAYS[f"{name}/G/{key}"]) for key in expected}

    def network(variables):
        fixed = [variable for key, variable in variables.items() if key in case["nontrainable"]]
        trained = [variable for key, variable in variables.items() if key not in case["nontrainable"]]
        return SimpleNamespace(trainable_variables=trained, non_trainable_weights=fixed)

    step = SimpleNamespace(
        generator=network(values),
        ema_generator=network(averages),
        strategy=tf.distribute.get_strategy(),
        trace_counts=collections.Counter(),
    )
    TrainStep._ema_phase(step, tf.constant(beta, tf.float32))
    assert expected
    for key, array in expected.items():
        np.testing.assert_allclose(averages[key], array, rtol=1e-5, atol=1e-6)


def test_rampup_limits_the_half_life():
    assert ema_beta(32, 10.0, images_seen=1000, rampup=0.05) == pytest.approx(0.5 ** (32 / 50))
    assert ema_beta(32, 10.0, images_seen=10**9, rampup=0.05) == ema_beta(32, 10.0)


def test_global_norm_shows_one_bad_element():
    good = tf.ones([3])
    assert float(global_norm([good, 2.0 * good])) == pytest.approx(np.sqrt(15.0))
    for bad in (np.nan, np.inf):
        assert not np.isfinite(global_norm([good, tf.constant([1.0, bad])]))


def test_clipping_scales_all_gradients_together():
    gradients = [tf.constant([3.0]), tf.constant([4.0])]
    np.testing.assert_allclose(clip_scale(global_norm(gradients), 1.0), 0.2, rtol=1e-6)
    assert float(clip_scale(global_norm(gradients), 10.0)) == 1.0


def test_the_scale_is_a_factor_on_the_gradients():
    variables = [tf.Variable([1.0, -2.0]) for _ in range(2)]
    gradient = tf.constant([0.3, -0.7])
    for variable, gradients, scale in zip(variables, (gradient, 4.0 * gradient), (1.0, 0.25), strict=True):
        Adam([variable], learning_rate=0.1, beta1=0.5, beta2=0.9, epsilon=1.0).apply([gradients], scale)
    np.testing.assert_array_equal(variables[0], variables[1])


@pytest.mark.parametrize("first", [True, False], ids=["in the first step", "later"])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1.0])
def test_a_step_not_taken_leaves_every_number_alone(first, bad):
    variable = tf.Variable([1.0, -0.0, 3e38])
    adam = Adam([variable], learning_rate=0.1, beta1=0.5, beta2=0.9, epsilon=1e-8)
    if not first:
        adam.apply([tf.constant([0.1, -0.2, 0.3])])
    state = (variable, *adam.first_moments, *adam.second_moments, adam.step)
    before = [value.numpy() for value in state]
    adam.apply([tf.constant([bad, 1.0, bad])], scale=tf.constant(bad), taken=tf.constant(False))
    for value, expected in zip(state, before, strict=True):
        assert value.numpy().tobytes() == expected.tobytes()
