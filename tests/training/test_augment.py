"""Augmentation: the published pipe's numbers and gradients, DiffAugment, and no leak into the generator."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from gansformer_tf.training.augment import corruption, geometric
from gansformer_tf.training.augment.control import Augmentation
from gansformer_tf.training.augment.diffaug import diff_augment
from gansformer_tf.training.augment.pipe import PIPES, AugmentStrengths, augment
from gansformer_tf.training.draws import SampleStream, phase_seed
from gansformer_tf.training.step import TrainStep
from tests.training.tiny_networks import RESOLUTION, tiny_networks, tiny_train_config

with np.load(Path(__file__).parents[1] / "golden" / "training" / "augment.npz") as archive:
    ARRAYS = dict(archive)
CASES = json.loads(ARRAYS.pop("cases").tobytes())


class Replay:
    """Hands out recorded draws in their order."""

    def __init__(self, case: str) -> None:
        self.arrays = [ARRAYS[key] for key in sorted(ARRAYS) if key.startswith(f"{case}/draw")]

    def uniform(self, shape):
        values = self.arrays.pop(0)
        if values.ndim == 4 and values.shape[2] > 1:  # whole images are recorded as NCHW
            values = values.transpose(0, 2, 3, 1)
        assert values.size == np.prod(shape)
        return tf.constant(values.reshape(shape))

    normal = uniform


def nhwc(case: str, name: str) -> tf.Tensor:
    return tf.constant(ARRAYS[f"{case}/{name}"].transpose(0, 2, 3, 1))


def difference(ours, theirs) -> float:
    return float(np.abs(ours - theirs).max() / np.abs(theirs).max())


def stream(batch: int, step: int = 0) -> SampleStream:
    return SampleStream(phase_seed(3, tf.constant(step, tf.int64), 0), 0, batch)


@pytest.mark.parametrize("case", CASES, ids=[case["key"] for case in CASES])
def test_published_pipe(case):
    key, options = case["key"], case["kwargs"]
    if "imgfilter_bands" in options:
        options = options | {"imgfilter_bands": tuple(options["imgfilter_bands"])}
    replay, images = Replay(key), nhwc(key, "x")
    with tf.GradientTape() as tape:
        tape.watch(images)
        augmented = augment(images, replay, AugmentStrengths(**options), case["p"])
        total = tf.reduce_sum(augmented * nhwc(key, "probe"))
    assert not replay.arrays
    assert difference(augmented, nhwc(key, "y")) < 2e-5
    assert difference(tape.gradient(total, images), nhwc(key, "gx")) < 2e-5


def test_filters():
    np.testing.assert_allclose(geometric.SYM6, ARRAYS["Hz_geom"], atol=1e-7)
    bank = corruption.filter_bank()
    np.testing.assert_allclose(bank, ARRAYS["Hz_fbank"], atol=1e-7)
    impulse = np.zeros(bank.shape[1])
    impulse[bank.shape[1] // 2] = 1.0
    np.testing.assert_allclose(bank.sum(axis=0), impulse, atol=1e-6)  # the bands add up to the image


def test_one_compiled_function_serves_every_batch_of_a_run():
    images = tf.random.stateless_uniform([2, 24, 24, 3], [1, 2], -1.0, 1.0)
    step = tf.Variable(0, dtype=tf.int64)

    @tf.function(autograph=False)
    def function():
        draw = SampleStream(phase_seed(3, step, 0), 0, 2)
        return augment(images, draw, PIPES["bgc"], tf.constant(0.9))

    for index in range(3):  # the padding differs from step to step
        step.assign(index)
        expected = augment(images, stream(2, index), PIPES["bgc"], tf.constant(0.9))
        np.testing.assert_allclose(function(), expected, atol=1e-4)
    assert function.experimental_get_tracing_count() == 1


def test_a_sample_is_augmented_alike_in_every_cut_of_the_batch():
    images = tf.random.stateless_uniform([4, 24, 24, 3], [1, 2], -1.0, 1.0)
    seed = phase_seed(3, tf.constant(0, tf.int64), 0)
    whole = augment(images, SampleStream(seed, 0, 4), PIPES["bgcfnc"], 0.8)
    parts = [augment(images[i : i + 2], SampleStream(seed, i, 2), PIPES["bgcfnc"], 0.8) for i in (0, 2)]
    np.testing.assert_allclose(tf.concat(parts, 0), whole, atol=1e-4)


def test_gradients_of_second_order_pass_through():
    images = tf.random.stateless_uniform([2, 8, 8, 3], [1, 2], -1.0, 1.0)
    weight = tf.Variable(tf.ones([8, 8, 3]))
    with tf.GradientTape() as outer:
        with tf.GradientTape() as inner:
            inner.watch(images)
            score = tf.reduce_sum(tf.square(augment(images, stream(2), PIPES["bgc"], 0.9)) * weight)
        penalty = tf.reduce_sum(tf.square(inner.gradient(score, images)))
    assert float(tf.norm(outer.gradient(penalty, weight))) > 0


def test_diff_augment_moves_cuts_and_colours():
    images = tf.random.stateless_uniform([64, 16, 16, 3], [1, 2], 0.2, 1.0)
    with tf.GradientTape() as tape:
        tape.watch(images)
        result = diff_augment(images, stream(64))
    gradient = tape.gradient(result, images)
    assert np.isfinite(gradient).all()
    cut = np.mean(np.all(result.numpy() == 0.0, axis=-1), axis=(1, 2))
    assert 0.1 < cut.mean() < 0.5  # a quarter, less where it reaches over the border, plus what was shifted in
    assert len(np.unique(np.round(result.numpy().mean(axis=(1, 2, 3)), 4))) > 60
    shifted = np.stack([np.all(result.numpy()[:, row] == 0.0, axis=(1, 2)) for row in (0, 15)])
    assert 0.2 < shifted[0].mean() < 0.7  # a row came in from above
    assert 0.2 < shifted[1].mean() < 0.7


def ada_step(**changes) -> TrainStep:
    settings = {"augment": "ada", "ada_kimg": 0.032, "ada_interval": 2, "augment_pipe": "color", "path_length": False}
    return TrainStep(*tiny_networks(), tiny_train_config(**(settings | {"d_reg": "none"} | changes)))


def test_ada_steers_p_between_zero_and_its_limit():
    step = ada_step()
    augmentation = step.augmentation
    change = 8 * 2 / 32  # half of the way in one adjustment
    for signs, expected in (((0.9, 0.7), change), ((1.0, 1.0), 0.8), ((0.6, 0.4), 0.8 - change), ((0, 0), 0.0)):
        for sign in signs:
            augmentation.observe(tf.constant(float(sign)))
        assert float(augmentation.p) == pytest.approx(max(expected, 0.0), abs=1e-6)
    augmentation.observe(tf.constant(1.0))
    assert float(augmentation.p) == 0.0  # not before the interval is over


def test_p_starts_over_where_a_resumed_run_asks_for_another():
    augmentation = ada_step(augment_p=0.2).augmentation
    for variable in (augmentation.p, augmentation.sign_sum, augmentation.sign_count):
        variable.assign(0.7)  # as restored from a checkpoint
    augmentation.start_over()
    assert float(augmentation.p) == pytest.approx(0.2)
    assert float(augmentation.sign_sum) == float(augmentation.sign_count) == 0.0
    assert ada_step(augment="none", augment_p=0.5).augmentation.start == 0.0


@pytest.mark.parametrize(("kind", "has_p"), [("none", False), ("diffaug", False), ("fixed", True), ("ada", True)])
def test_only_kinds_with_a_probability_log_one(kind, has_p):
    assert Augmentation(tiny_train_config(augment=kind, augment_p=0.3)).has_p == has_p


def test_ada_is_part_of_the_step_and_of_its_saved_state():
    step = ada_step(augment_p=0.4)
    images = np.random.default_rng(0).integers(0, 256, (2, 8, RESOLUTION, RESOLUTION, 3), np.uint8)
    signs = [float(step.run(index, images[index], np.zeros((8, 0), np.float32))["score/real_sign"]) for index in (0, 1)]
    expected = 0.4 + np.sign(np.mean(signs) - 0.6) * 8 * 2 / 32
    assert float(step.augmentation.p) == pytest.approx(np.clip(expected, 0.0, 0.8), abs=1e-6)
    assert {"augment/p", "augment/sign_sum", "augment/sign_count"} <= step.state().keys()


@pytest.mark.parametrize(("p", "leaks"), [(0.6, False), (1.0, True)])
def test_augmentation_does_not_leak_into_the_generator(p, leaks):
    """Real images are light above and dark below. Turned by quarters with p = 0.6 the generator still learns which
    side is up; with p = 1 nothing tells it any more, and its images turn too."""
    rng = np.random.default_rng(0)
    base = np.linspace(230, 25, RESOLUTION)[None, :, None, None]
    step = TrainStep(
        *tiny_networks(),
        tiny_train_config(
            augment="fixed", augment_p=p, augment_pipe="blit", path_length=False, gamma=0.1, d_reg_interval=4,
            g_learning_rate=0.01, d_learning_rate=0.01, ema_half_life_kimg=0.2, style_mixing=0.0, component_mixing=0.0,
        ),
    )  # fmt: skip
    for index in range(250):
        images = base + rng.normal(0, 8, (8, RESOLUTION, RESOLUTION, 3))
        step.run(index, np.clip(images, 0, 255).astype(np.uint8), np.zeros((8, 0), np.float32))
    z = tf.random.stateless_normal([64, 3, 4], [1, 2])
    images = step.ema_generator(z).numpy()
    upright = images[:, : RESOLUTION // 2].mean((1, 2, 3)) - images[:, RESOLUTION // 2 :].mean((1, 2, 3))
    share = np.mean(upright > 0.3)
    assert (share > 0.9) != leaks, share
