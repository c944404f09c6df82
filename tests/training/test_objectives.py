"""Losses and penalties by name: those of the package together, and new ones that are a function and a line."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from gansformer_tf.config import ConfigError, RunConfig, TrainConfig
from gansformer_tf.config.objectives import D_LOSSES, D_PENALTIES, G_LOSSES
from gansformer_tf.training.augment.control import Augmentation
from gansformer_tf.training.phases import MicroBatch, PhaseLosses
from gansformer_tf.training.step import TrainStep
from tests.training.tiny_networks import RESOLUTION, tiny_networks, tiny_train_config

IMAGES = np.random.default_rng(0).integers(0, 256, (8, RESOLUTION, RESOLUTION, 3), np.uint8)
NO_LABELS = np.zeros((8, 0), np.float32)
SEED = tf.constant([1, 2], tf.int64)


def losses_of(**changes):
    config = tiny_train_config(**changes)
    generator, discriminator, _ = tiny_networks()
    return PhaseLosses(generator, discriminator, config, Augmentation(config))


def micro_batch(images_seen=0):
    return MicroBatch(SEED, 0, tf.cast(IMAGES, tf.float32) / 127.5 - 1.0, None, 8, images_seen)


def trained(eager=False, **changes):
    """A step that made two steps, and the statistics of each; `eager` saves the time of tracing."""
    step = TrainStep(*tiny_networks(), tiny_train_config(path_length=False, **changes))
    tf.config.run_functions_eagerly(eager)
    try:
        return step, [step.run(index, IMAGES, NO_LABELS) for index in range(2)]
    finally:
        tf.config.run_functions_eagerly(False)


def test_a_new_loss_and_a_new_penalty_are_a_function_and_a_line(monkeypatch):
    """They are logged, and move the weights; a penalty may look at all there is."""

    def squares(scores):
        return tf.square(scores.fake - 1.0) + tf.square(scores.real)

    def still(batch):
        """Scores that do not change from real to generated."""
        return tf.square(batch.score(batch.real) - batch.score(batch.fake))[:, 0] + 0.0 * batch.mix

    monkeypatch.setitem(G_LOSSES, "squares", squares)
    monkeypatch.setitem(D_LOSSES, "squares", squares)
    monkeypatch.setitem(D_PENALTIES, "still", still)
    toy = {"g_loss": "squares", "d_loss": "squares", "d_reg": "r1,still", "d_reg_interval": 1}
    step, found = trained(**toy)
    for values in found:
        assert {"loss/g", "loss/d", "penalty/r1", "penalty/still"} <= values.keys()
        assert all(np.isfinite(float(value)) for value in values.values())
    weights = step.discriminator.get_weights()
    for other in ({"d_reg": "r1"}, {"g_loss": "logistic_ns"}, {"d_loss": "logistic"}):
        theirs = trained(eager=True, **(toy | other))[0].discriminator.get_weights()
        moved = max(np.abs(ours - others).max() for ours, others in zip(weights, theirs, strict=True))
        assert moved > 1e-4, other


def test_penalties_together_are_their_sum():
    alone = {name: losses_of(d_reg=name).discriminator_regularizer(micro_batch())[1] for name in ("r1", "r2")}
    together = losses_of(d_reg="r1,r2", d_reg_interval=16)
    loss, values = together.discriminator_regularizer(micro_batch())
    assert list(values) == ["penalty/r1", "penalty/r2"]
    np.testing.assert_allclose(float(loss), 16 * sum(map(float, values.values())), rtol=1e-6)
    # The dropout of D draws anew for the second one.
    np.testing.assert_allclose(values["penalty/r1"], alone["r1"]["penalty/r1"], rtol=1e-6)
    assert 0.3 < float(values["penalty/r2"]) / float(alone["r2"]["penalty/r2"]) < 3.0


def test_r1_and_r2_by_hand():
    """gamma / 2 times the mean squared gradient of a linear discriminator is gamma / 2 times its squared weights."""
    losses = losses_of(d_reg="r1,r2", gamma=3.0)
    weights = tf.constant(np.random.default_rng(1).standard_normal((1, RESOLUTION, RESOLUTION, 3)), tf.float32)
    losses._scores = lambda images, batch, stream: tf.reduce_sum(images * weights, axis=[1, 2, 3], keepdims=True)
    _, values = losses.discriminator_regularizer(micro_batch())
    for value in values.values():
        np.testing.assert_allclose(value, 1.5 * float(tf.reduce_sum(tf.square(weights))), rtol=1e-5)


def test_several_scores_of_an_image_count_alike():
    losses = losses_of()
    losses._scores = lambda *_: tf.constant([[0.5, 1.0, 3.0]] * 8)
    loss, _ = losses.generator_main(micro_batch())
    np.testing.assert_allclose(loss, np.mean(np.log1p(np.exp([-0.5, -1.0, -3.0]))), rtol=1e-6)


def test_path_length_is_drawn_to_a_mean_with_the_configured_decay():
    """Another decay or weight than configured would show in the value, and in the running mean of a step."""
    losses = losses_of(path_length_decay=0.25, path_length_weight=3.0, g_reg_weight=0.5, g_reg_interval=4)
    lengths = losses.path_lengths(micro_batch()).numpy()
    mean = 0.7 + 0.25 * (lengths.mean() - 0.7)
    loss, values = losses.generator_regularizer(micro_batch(), tf.constant(0.7))
    np.testing.assert_allclose(values["penalty/path_length"], 1.5 * np.mean((lengths - mean) ** 2), rtol=1e-5)
    np.testing.assert_allclose(loss, 4 * values["penalty/path_length"], rtol=1e-6)
    step = TrainStep(*tiny_networks(), tiny_train_config(path_length_decay=0.25))
    step.path_mean.assign(0.7)
    found = step._phases["G_reg"](tf.constant(0, tf.int64), tf.constant(IMAGES), tf.constant(NO_LABELS))
    np.testing.assert_allclose(step.path_mean, 0.7 + 0.25 * (found["path_length"] - 0.7), rtol=1e-6)


def test_relativistic_pairing_with_both_penalties_trains():
    """The same however the batch is cut: a pair stays a pair."""
    settings = {"g_loss": "rpgan", "d_loss": "rpgan", "d_reg": "r1,r2", "d_reg_interval": 2}
    step, (first, second) = trained(batch_size_per_replica=4, **settings)
    assert {"penalty/r1", "penalty/r2"} <= first.keys() and "penalty/r1" not in second
    whole, _ = trained(eager=True, **settings)
    for ours, theirs in zip(step.state().values(), whole.state().values(), strict=True):
        np.testing.assert_allclose(ours.numpy(), theirs.numpy(), atol=1e-5, rtol=1e-4)


def test_the_generator_of_a_pair_sees_the_real_images():
    losses = losses_of(g_loss="rpgan")
    other = MicroBatch(SEED, 0, tf.zeros([8, RESOLUTION, RESOLUTION, 3]), None, 8)
    assert abs(float(losses.generator_main(micro_batch())[0] - losses.generator_main(other)[0])) > 1e-4
    losses = losses_of()
    assert float(losses.generator_main(micro_batch())[0]) == float(losses.generator_main(other)[0])


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("r1,r3", "d_reg is 'r3'; it must be one of: none, r1, r2, gp"),
        ("r1,r1", "d_reg is 'r1,r1'; name each penalty once"),
        ("none,r1", "d_reg is 'none,r1'; name each penalty once, such as r1,r2, or write none alone"),
        ("", "d_reg is ''; it must be one of"),
    ],
)
def test_penalties_that_cannot_be(value, message):
    with pytest.raises(ConfigError, match=message):
        TrainConfig(d_reg=value)


def test_saved_configurations_of_before_load():
    for name, penalties in (("r1", ("r1",)), ("none", ()), ("gp", ("gp",))):
        config = RunConfig.from_json(f'{{"train": {{"d_reg": "{name}"}}}}')
        assert config.train.penalties == penalties
    assert RunConfig.from_json(RunConfig(train=TrainConfig(d_reg="r1,r2")).to_json()).train.penalties == ("r1", "r2")
