"""Losses, penalties and path length against the published code, on its own networks and on its logged numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from gansformer_tf.config.objectives import D_LOSSES, D_PENALTIES, G_LOSSES, objective
from gansformer_tf.convert import from_original
from gansformer_tf.convert.original_names import discriminator_names, generator_names
from gansformer_tf.training import losses, penalties
from tests.models.golden import Golden, gradient_error, gradient_errors

# Relative to the norm. The gradient of path length is of second order, and the float32 of the reference itself shows in
# it: that of a noise strength, a single number that every pixel adds to, is 1.2e-4 away.
VALUE, GRADIENT, PATH_LENGTH_GRADIENT = 1e-4, 1e-4, 2e-4
NETWORKS = ("stylegan2_gskip_dresnet", "ganformer_duplex")
STYLEGAN2 = Path(__file__).parents[1] / "golden" / "training" / "stylegan2_losses.npz"


@pytest.fixture(scope="module", params=NETWORKS)
def case(request):
    golden = Golden(request.param)
    generator = from_original(golden.variables("G"), golden.info["G_static_kwargs"], network="generator")
    discriminator = from_original(golden.variables("D"), golden.info["D_static_kwargs"], network="discriminator")
    return golden, generator, discriminator


def g_loss(kind, fake):
    """Of generated images alone: no loss but the relativistic one looks at the real ones."""
    return objective(G_LOSSES, kind)(losses.Scores(fake, lambda: pytest.fail("real images are not scored for G")))


def d_loss(kind, real, fake):
    return objective(D_LOSSES, kind)(losses.Scores(fake, lambda: real))


def judged(score, real, fake, mix):
    return penalties.Judged(real, lambda: fake, lambda: mix, lambda: score)


def gradients(tape, value, network):
    found = tape.gradient(value, [variable.value for variable in network.trainable_variables])
    return {id(variable): gradient for variable, gradient in zip(network.trainable_variables, found, strict=True)}


def check(golden, key, names, value, found, bound=GRADIENT):
    assert gradient_error(value, golden[f"loss/{key}"]) < VALUE, key
    errors = gradient_errors(names, found, golden.under(f"grad/{key}/"))
    assert errors
    worst = max(errors, key=errors.get)
    assert errors[worst] < bound, f"{key}: gradient of {worst} differs by {errors[worst]:.1e}"


def test_generator_losses_and_their_gradients(case):
    golden, generator, discriminator = case
    with tf.GradientTape(persistent=True) as tape:
        scores = discriminator(generator(golden.tensor("in/z_loss"), noise_mode="const"))
        values = {kind: g_loss(kind, scores) for kind in ("logistic", "logistic_ns", "hinge_code", "wgan")}
        means = {kind: tf.reduce_mean(value) for kind, value in values.items()}
    for kind, value in values.items():
        found = gradients(tape, means[kind], generator)
        check(golden, f"G/{kind.removesuffix('_code')}", generator_names(generator), value, found)


def test_discriminator_losses_and_their_gradients(case):
    golden, generator, discriminator = case
    fake_images = generator(golden.tensor("in/z_loss"), noise_mode="const")
    with tf.GradientTape(persistent=True) as tape:
        real, fake = discriminator(golden.images("in/d_images")), discriminator(fake_images)
        values = {kind: d_loss(kind, real, fake) for kind in ("logistic", "hinge", "wgan")}
        means = {kind: tf.reduce_mean(value) for kind, value in values.items()}
    for kind, value in values.items():
        found = gradients(tape, means[kind], discriminator)
        check(golden, f"D/{kind}", discriminator_names(discriminator), value, found)


@pytest.mark.parametrize("kind", ["r1", "r2", "gp"])
def test_gradient_penalties_and_their_gradients(case, kind):
    golden, generator, discriminator = case
    fake = generator(golden.tensor("in/z_loss"), noise_mode="const")
    with tf.GradientTape() as tape:
        mix = tf.reshape(golden.tensor("in/gp_mix"), [-1])
        batch = judged(discriminator, golden.images("in/d_images"), fake, mix)
        value = golden.info["gamma"] * objective(D_PENALTIES, kind)(batch)
        mean = tf.reduce_mean(value)
    found = gradients(tape, mean, discriminator)
    check(golden, f"D/{kind}", discriminator_names(discriminator), value, found)


def test_path_length_and_its_gradient(case):
    golden, generator, _ = case
    settings = golden.info["pl"]
    with tf.GradientTape() as tape:
        w = generator.map(golden.tensor("in/z_pl"))
        lengths = penalties.path_lengths(
            lambda w: generator.synthesize(w, noise_mode="const"), w, golden.images("in/pl_noise")
        )
        value = penalties.path_length_loss(
            lengths, tf.reduce_mean(lengths), settings["pl_mean_before"], settings["pl_decay"], settings["pl_weight"]
        )
        mean = tf.reduce_mean(value)
    assert gradient_error(lengths, golden["out/pl_lengths"]) < VALUE
    running = penalties.update_path_mean(settings["pl_mean_before"], tf.reduce_mean(lengths), settings["pl_decay"])
    assert gradient_error(running, golden["out/pl_mean_after"]) < VALUE
    found = gradients(tape, mean, generator)
    check(golden, "G/pathreg", generator_names(generator), value, found, PATH_LENGTH_GRADIENT)


def test_path_length_gradient_of_a_part_adds_up_to_that_of_the_whole_batch():
    """The running mean depends on all lengths; each part of the batch must still contribute its exact share."""
    lengths = tf.Variable([0.3, 0.9, 1.4, 0.2])

    def whole():
        mean = penalties.update_path_mean(0.5, tf.reduce_mean(lengths), 0.2)
        return tf.reduce_mean(2.0 * tf.square(lengths - mean))

    with tf.GradientTape(persistent=True) as tape:
        direct = whole()
        batch_mean = tf.reduce_mean(lengths)
        parts = [
            tf.reduce_sum(penalties.path_length_loss(lengths[rows], batch_mean, 0.5, 0.2, 2.0)) / 4
            for rows in (slice(0, 1), slice(1, 4))
        ]
        total = tf.add_n(parts)
    np.testing.assert_allclose(total, direct, rtol=1e-6)
    np.testing.assert_allclose(tape.gradient(total, lengths), tape.gradient(direct, lengths), rtol=1e-5)


def test_numbers_logged_by_stylegan2_training():
    golden = np.load(STYLEGAN2)
    fake, real = golden["Dmain/scores/fake/0"], golden["Dmain/scores/real/0"]
    np.testing.assert_allclose(
        g_loss("logistic_ns", golden["Gmain/scores/fake/0"]), golden["Gmain/G/loss/0"], rtol=1e-5
    )
    np.testing.assert_allclose(d_loss("logistic", real, fake), golden["Dmain/D/loss/0"], rtol=1e-5)
    lengths = np.sqrt(golden["Greg/pl_penalty/0"]) + golden["Greg/pl_mean_after"]
    mean = penalties.update_path_mean(float(golden["pl_mean_before"]), np.mean(lengths), 0.01)
    np.testing.assert_allclose(mean, golden["Greg/pl_mean_after"], rtol=1e-5)
    penalty = penalties.path_length_loss(
        tf.constant(lengths), tf.reduce_mean(lengths), float(golden["pl_mean_before"]), 0.01, 2.0
    )
    np.testing.assert_allclose(penalty, golden["Greg/G/reg/0"], rtol=1e-4)
    np.testing.assert_allclose(
        0.5 * golden["r1_gamma"] * golden["Dreg/r1_penalty/0"], golden["Dreg/D/reg/0"], rtol=1e-5
    )


def test_hinge_keeps_a_gradient_where_the_published_form_has_none():
    scores = tf.constant([-3.0, 0.5])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(scores)
        usual, published = (tf.reduce_sum(g_loss(kind, scores)) for kind in ("hinge", "hinge_code"))
    np.testing.assert_array_equal(tape.gradient(usual, scores), [-1.0, -1.0])
    np.testing.assert_array_equal(tape.gradient(published, scores), [0.0, -1.0])


def test_penalty_is_finite_where_the_gradient_vanishes():
    image = tf.zeros([2, 4, 4, 1])
    weight = tf.Variable(0.0)
    with tf.GradientTape() as tape:
        batch = judged(lambda x: weight * tf.reduce_sum(x, [1, 2, 3]), image, image, tf.zeros([2]))
        value = tf.reduce_mean(penalties.gp(batch))
    assert np.isfinite(tape.gradient(value, weight))


@pytest.mark.parametrize("registry", [G_LOSSES, D_LOSSES, D_PENALTIES])
def test_unknown_names_are_errors(registry):
    with pytest.raises(ValueError, match="unknown loss or penalty 'x'; use one of: "):
        objective(registry, "x")


@pytest.mark.parametrize("registry", [G_LOSSES, D_LOSSES, D_PENALTIES])
def test_every_name_has_its_function(registry):
    assert all(callable(objective(registry, name)) and objective(registry, name).__doc__ for name in registry)


def test_relativistic_pairing_by_hand():
    """Pairs of a real and a generated image; numbers and gradients of log(1 + exp(d)) worked out in NumPy."""
    real, fake = np.array([2.0, -1.0, 0.5], np.float32), np.array([0.5, 1.0, -3.0], np.float32)
    scores = [tf.constant(real), tf.constant(fake)]
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(scores)
        pairs = losses.Scores(scores[1], lambda: scores[0])
        of_d, of_g = losses.d_rpgan(pairs), losses.g_rpgan(pairs)
    lead = real - fake  # 1.5, -2, 3.5
    np.testing.assert_allclose(of_d, np.log1p(np.exp(-lead)), rtol=1e-6)
    np.testing.assert_allclose(of_g, np.log1p(np.exp(lead)), rtol=1e-6)
    slope = 1.0 / (1.0 + np.exp(lead))
    for loss, by_real in ((of_d, -slope), (of_g, 1.0 - slope)):
        np.testing.assert_allclose(tape.gradient(loss, scores[0]), by_real, rtol=1e-5)
        np.testing.assert_allclose(tape.gradient(loss, scores[1]), -by_real, rtol=1e-5)
