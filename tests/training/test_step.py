"""The training step: traces, cuts of the batch, skipped steps, averages."""

from __future__ import annotations

import threading

import numpy as np
import pytest
import tensorflow as tf

from gansformer_tf.config import ConfigError
from gansformer_tf.training.gradients import PhaseGradients
from gansformer_tf.training.phases import MicroBatch
from gansformer_tf.training.plan import PHASES
from gansformer_tf.training.step import TrainStep
from gansformer_tf.training.variables import raw_variables
from tests.training.tiny_networks import RESOLUTION, tiny_networks, tiny_train_config

BATCHES = np.random.default_rng(0).integers(0, 256, (6, 8, RESOLUTION, RESOLUTION, 3), np.uint8)
NO_LABELS = np.zeros((8, 0), np.float32)


def make_step(**changes) -> TrainStep:
    return TrainStep(*tiny_networks(), tiny_train_config(**changes))


def train(step: TrainStep, count: int = 6) -> list[np.ndarray]:
    for index in range(count):
        step.run(index, BATCHES[index], NO_LABELS)
    return [variable.numpy() for variable in step.state().values()]


@pytest.fixture(scope="module")
def whole():
    """A step trained with the batch in one piece, and its state."""
    step = make_step()
    return step, train(step)


@pytest.fixture(scope="module")
def first_of_parts():
    """State after one step whose batch goes through in four parts."""
    return train(make_step(batch_size_per_replica=2), 1)


@pytest.mark.parametrize(
    ("phase", "computed"),
    [("G", "generator_main"), ("G_reg", "path_lengths"), ("D", "discriminator_main"), ("D_reg", "_scores")],
)
def test_an_interrupted_phase_ends_after_the_part_at_hand_as_if_it_had_not_begun(
    phase, computed, first_of_parts, monkeypatch
):
    """It is no skipped step either, and made again the step is what it is in one piece."""
    step, parts, one_at_a_time = make_step(batch_size_per_replica=2), [], threading.Lock()
    compute = getattr(step.losses, computed)

    def noted(*arguments):
        tf.py_function(note, [], [])
        return compute(*arguments)

    def note() -> None:
        with one_at_a_time:  # the two loops of path length run side by side
            if step.phases_done == PHASES.index(phase):
                parts.append(len(parts))
                if len(parts) == 2:
                    step.interrupt()

    monkeypatch.setattr(step.losses, computed, noted)
    assert step.run(0, BATCHES[0], NO_LABELS) is None
    assert step.phases_done == PHASES.index(phase)
    # The other loop may have asked already by then.
    assert len(parts) == 2 if phase != "G_reg" else len(parts) in (2, 3)
    assert step.run(0, BATCHES[0], NO_LABELS) is None, "until it is taken back"
    step.interrupt(False)
    assert step.run(0, BATCHES[0], NO_LABELS)
    for ours, theirs in zip(step.state().values(), first_of_parts, strict=True):
        np.testing.assert_array_equal(ours.numpy(), theirs)


def test_every_phase_is_traced_once(whole):
    step, _ = whole
    assert step.trace_counts == {"G": 1, "G_reg": 1, "D": 1, "D_reg": 1, "EMA": 1}


def test_regularizers_run_at_their_intervals(whole):
    step, _ = whole
    assert [len(step.phases_of(index)) for index in range(7)] == [4, 2, 3, 3, 3, 2, 4]
    assert int(step.g_optimizer.step) == 6 + 3
    assert int(step.d_optimizer.step) == 6 + 2


@pytest.mark.parametrize("micro", [4, 2])
def test_gradient_accumulation_makes_the_same_update(whole, micro):
    """Path length, penalty, dropout, noise and statistics groups included."""
    step = make_step(batch_size_per_replica=micro)
    for ours, theirs in zip(train(step), whole[1], strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5, rtol=1e-4)
    assert step.trace_counts == {"G": 1, "G_reg": 1, "D": 1, "D_reg": 1, "EMA": 1}


def test_path_length_in_parts_makes_the_same_update(whole, monkeypatch):
    """It goes through in two parts even where the batch is whole, for its gradients hold the most."""
    step, _ = whole
    assert step.gradients.parts(step.phases["G"]) == (1, 8)
    assert step.gradients.parts(step.phases["G_reg"]) == (2, 4)
    monkeypatch.setattr(PhaseGradients, "parts", lambda self, phase: (1, 8))
    for ours, theirs in zip(train(make_step()), whole[1], strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("size", [8, 4, 2])
def test_path_lengths_take_the_same_labels_for_every_cut(size, monkeypatch):
    losses, seen = make_step().losses, []
    latents = losses._latents

    def without_labels(stream, labels, *rest):
        seen.extend(np.argmax(labels, axis=1))
        return latents(stream, None, *rest)

    monkeypatch.setattr(losses, "_latents", without_labels)
    for first in range(0, 8, size):
        labels = tf.eye(8)[first : first + size]
        images = tf.zeros((size, RESOLUTION, RESOLUTION, 3))
        seed = tf.constant([1, 2], tf.int32)
        losses.path_lengths(MicroBatch(seed, tf.constant(first, tf.int64), images, labels, global_size=8))
    assert seen == [0, 2, 4, 6]


def test_the_averaged_generator_follows_and_copies_buffers(whole):
    step, _ = whole
    trained, averaged = step.generator.trainable_variables[0], step.ema_generator.trainable_variables[0]
    initial = tiny_networks()[0].trainable_variables[0]
    moved = np.abs(np.asarray(averaged) - initial).max() / np.abs(np.asarray(trained) - initial).max()
    assert 0 < moved < 0.1  # half-life of 10 kimg after 48 images
    np.testing.assert_array_equal(step.ema_generator.w_avg, step.generator.w_avg)
    assert np.abs(np.asarray(step.generator.w_avg)).max() > 0


def test_w_avg_moves_towards_the_mean_of_w():
    step = make_step(w_avg_decay=0.75, path_length=False, d_reg="none")
    statistics = {}
    original = step.losses._latents
    means = []

    def record(*arguments):
        w, average = original(*arguments)
        means.append(average)
        return w, average

    step.losses._latents = record
    # eagerly, so that the means can be read
    tf.config.run_functions_eagerly(True)
    try:
        statistics = step.run(0, BATCHES[0], NO_LABELS)
    finally:
        tf.config.run_functions_eagerly(False)
    expected = np.zeros_like(means[0])
    for mean in means:
        expected = 0.75 * expected + 0.25 * mean.numpy()
    assert len(means) == 2  # G and D phase
    np.testing.assert_allclose(step.generator.w_avg, expected, rtol=1e-5)
    assert {"loss/g", "loss/d", "score/real", "score/fake"} <= statistics.keys()


def test_a_non_finite_gradient_skips_the_whole_step(whole):
    step, _ = whole
    weights = [variable.numpy() for variable in raw_variables(step.discriminator.trainable_variables)]
    slots = [variable.numpy() for variable in step.d_optimizer.first_moments]
    kernel = step.discriminator.convolution.kernel
    good = kernel.numpy()
    kernel.assign(np.full_like(good, np.nan))
    before = int(step.skipped["D"])
    for count in (1, 2):
        step._phases["D"](tf.constant(count, tf.int64), tf.constant(BATCHES[0]), tf.constant(NO_LABELS))
        assert int(step.skipped_in_row["D"]) == count
    kernel.assign(good)
    for ours, theirs in zip(raw_variables(step.discriminator.trainable_variables), weights, strict=True):
        np.testing.assert_array_equal(ours.numpy(), theirs)
    for ours, theirs in zip(step.d_optimizer.first_moments, slots, strict=True):
        np.testing.assert_array_equal(ours.numpy(), theirs)
    step._phases["D"](tf.constant(0, tf.int64), tf.constant(BATCHES[0]), tf.constant(NO_LABELS))
    assert int(step.skipped_in_row["D"]) == 0
    assert int(step.skipped["D"]) == before + 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"batch_size": 6, "batch_size_per_replica": 4}, "batch size 6 is not a multiple of 4"),
        ({"batch_size": 9, "batch_size_per_replica": 3}, "minibatch-stddev group"),
        ({"batch_size": 9, "batch_size_per_replica": 9}, "minibatch-stddev group"),
        ({"batch_size": 8, "batch_size_per_replica": 1}, "--batch-gpu 1 cuts the minibatch-stddev groups of 2 images"),
    ],
)
def test_a_batch_that_cannot_be_cut_is_an_error(changes, message):
    with pytest.raises(ConfigError, match=message):
        make_step(**changes)


@pytest.mark.parametrize("settings", [{"d_reg": "gp", "g_loss": "hinge", "d_loss": "hinge"}, {"d_reg": "r2"}])
def test_other_losses_and_penalties_train(settings, eager):
    step = make_step(path_length=False, clip_norm=0.1, style_mixing=0.0, **settings)
    before = step.discriminator.get_weights()
    statistics = step.run(0, BATCHES[0], NO_LABELS)
    assert f"penalty/{settings['d_reg']}" in statistics
    assert all(np.isfinite(float(value)) for value in statistics.values())
    assert any(np.any(a != b) for a, b in zip(before, step.discriminator.get_weights(), strict=True))


def test_a_finite_penalty_does_not_hide_a_loss_that_is_not(monkeypatch, eager):
    step = make_step(d_reg_interval=1, path_length=False)
    loss = step.losses.discriminator_main
    monkeypatch.setattr(step.losses, "discriminator_main", lambda batch: (loss(batch)[0] * np.nan, loss(batch)[1]))
    for index in range(3):
        step.run(index, BATCHES[0], NO_LABELS)
    assert in_row(step) == {"G": 0, "G_reg": 0, "D": 3, "D_reg": 0}


def test_a_finite_loss_does_not_hide_a_penalty_that_is_not(monkeypatch, eager):
    step = make_step(d_reg_interval=2, path_length=False)
    penalty = step.losses.discriminator_regularizer
    monkeypatch.setattr(
        step.losses, "discriminator_regularizer", lambda batch: (penalty(batch)[0] * np.nan, penalty(batch)[1])
    )
    for index in range(4):
        step.run(index, BATCHES[0], NO_LABELS)
    assert in_row(step) == {"G": 0, "G_reg": 0, "D": 0, "D_reg": 2}
    assert int(step.skipped["D"]) == 2


def in_row(step):
    return {name: int(count) for name, count in step.skipped_in_row.items()}


def test_compiled_phases_make_the_same_update(whole):
    """In parts; `test_modes.py` has a whole batch."""
    step = make_step(jit="on", batch_size_per_replica=4)
    assert step.compiled
    for ours, theirs in zip(train(step), whole[1], strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-4, rtol=1e-4)


def test_steps_that_run_every_phase_are_timed(whole):
    step, _ = whole
    assert not [name for name in step.run(5, BATCHES[0], NO_LABELS) if name.startswith("seconds/")]
    found = step.run(6, BATCHES[0], NO_LABELS)
    assert {name for name in found if name.startswith("seconds/")} == {
        f"seconds/{name}" for name in ("G", "G_reg", "D", "D_reg", "EMA")
    }
    assert all(value > 0 for name, value in found.items() if name.startswith("seconds/"))


def test_gradient_norms_are_told_by_phase(whole):
    """That of a regulariser is another number than that of the loss, and often many times as large."""
    step, _ = whole
    found = step.run(6, BATCHES[0], NO_LABELS)
    norms = {name.removeprefix("gradient_norm/"): float(found[name]) for name in found if "gradient_norm" in name}
    assert norms.keys() == {"g", "g_reg", "d", "d_reg"}
    assert len(set(norms.values())) == 4
    alone = {name for name in step.run(5, BATCHES[0], NO_LABELS) if "gradient_norm" in name}
    assert alone == {"gradient_norm/g", "gradient_norm/d"}
