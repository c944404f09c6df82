"""Every configuration of the original: the same outputs and gradients, first and second order."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import tensorflow as tf

from gansformer_tf.convert import from_original
from gansformer_tf.convert.original_names import discriminator_names, generator_names
from tests.models.golden import (
    DRAWS,
    INDEX,
    MOVEMENTS,
    Golden,
    forward_error,
    gradient_error,
    gradient_errors,
    nchw,
    nudge,
)

FORWARD = 1e-4
GRADIENT = 1e-3

GENERATORS = [name for name, info in INDEX.items() if "G_static_kwargs" in info]
DISCRIMINATORS = [name for name, info in INDEX.items() if "D_static_kwargs" in info]


@functools.cache
def golden_of(name: str) -> Golden:
    return Golden(name)


@functools.cache
def load_generator(golden: Golden):
    return from_original(golden.variables("G"), golden.info["G_static_kwargs"], network="generator")


@functools.cache
def load_discriminator(golden: Golden):
    return from_original(golden.variables("D"), golden.info["D_static_kwargs"], network="discriminator")


def original_maps(maps: list, expected: list[np.ndarray]) -> list[np.ndarray]:
    """Our maps of the first sample in the original's layout and size."""
    result = []
    for ours, theirs in zip(maps, expected, strict=True):
        factor = theirs.shape[-1] // ours.shape[3]
        result.append(np.asarray(ours)[:1].repeat(factor, 2).repeat(factor, 3).transpose(0, 4, 1, 2, 3))
    return result


def image_and_maps(generator, w, golden: Golden) -> list[np.ndarray]:
    images, maps = generator.synthesize(w, noise_mode="const", return_attention=True)
    return [nchw(images), *original_maps(maps, golden.maps())]


@pytest.mark.parametrize("name", GENERATORS)
def test_generator_forward(name, golden_row):
    golden = golden_of(name)
    if "out/images" not in golden:
        pytest.skip("this file holds discriminator numbers only")
    generator = load_generator(golden)
    z, labels = golden.tensor("in/z"), golden.labels("in/labels")
    w = generator.map(z, labels)
    golden_row(name, "w", forward_error(w, golden["out/w"]), FORWARD)
    expected = [golden["out/images"], *golden.maps()]
    ours = image_and_maps(generator, golden.tensor("out/w"), golden)
    moved = None
    for index, (found, wanted) in enumerate(zip(ours, expected, strict=True)):
        error, bound = forward_error(found, wanted), FORWARD
        if error > FORWARD:
            nudged = [tf.constant(golden["out/w"] * nudge(golden["out/w"].shape, draw)) for draw in DRAWS]
            moved = moved or [image_and_maps(generator, one, golden) for one in nudged]
            bound = max(FORWARD, MOVEMENTS * max(forward_error(one[index], found) for one in moved))
        golden_row(name, f"attention map {index - 1}" if index else "images", error, bound)
    if "out/images_psi0.7" in golden:
        if "out/w_psi0.7" in golden:
            truncated = generator.truncate(golden.tensor("out/w"), 0.7)
            golden_row(name, "w psi 0.7", forward_error(truncated, golden["out/w_psi0.7"]), FORWARD)
        error, bound = truncated_error(generator, z, labels, 0.7, None, golden["out/images_psi0.7"])
        golden_row(name, "images psi 0.7", error, bound)
    if "out/images_psi0.5_cutoff4" in golden:
        error, bound = truncated_error(generator, z, labels, 0.5, 4, golden["out/images_psi0.5_cutoff4"])
        golden_row(name, "images psi 0.5 cutoff 4", error, bound)
    if "out/images_noise_none" in golden:
        images = generator.synthesize(golden.tensor("out/w"), noise_mode="none")
        golden_row(name, "images without noise", forward_error(nchw(images), golden["out/images_noise_none"]), FORWARD)


def truncated_error(generator, z, labels, psi, cutoff, expected) -> tuple[float, float]:
    """Error of truncated images, and the bound of it."""
    images = generator(z, labels, truncation_psi=psi, truncation_cutoff=cutoff, noise_mode="const")
    error = forward_error(nchw(images), expected)
    if error <= FORWARD:
        return error, FORWARD
    w = generator.map(z, labels)
    moved = [generator.truncate(w * nudge(w.shape, draw), psi, cutoff) for draw in DRAWS]
    moved = [nchw(generator.synthesize(one, noise_mode="const")) for one in moved]
    return error, max(FORWARD, MOVEMENTS * max(forward_error(one, nchw(images)) for one in moved))


def path_length_terms(generator, z, labels, noise, settings, draw=None):
    """Images, their w and the path-length penalty (StyleGAN2, equation 4) with a running mean that takes part."""
    w = generator.map(z, labels)
    if draw is not None:
        w = w * nudge(w.shape, draw)
    with tf.GradientTape() as tape:
        tape.watch(w)
        images = generator.synthesize(w, noise_mode="const")
        height, width = images.shape[1:3]
        dot = tf.reduce_sum(images * noise) / np.sqrt(height * width)
    gradient = tape.gradient(dot, w)
    lengths = tf.sqrt(tf.reduce_mean(tf.reduce_sum(tf.square(gradient), axis=3), axis=[1, 2]))
    mean = settings["pl_mean_before"]
    mean = mean + settings["pl_decay"] * (tf.reduce_mean(lengths) - mean)
    penalty = settings["pl_weight"] * tf.square(lengths - mean)
    return dot, gradient, lengths, mean, penalty


@pytest.mark.parametrize("name", GENERATORS)
def test_generator_gradients(name, golden_row):
    golden = golden_of(name)
    if "in/pl_noise" not in golden:
        pytest.skip("this file holds no path-length inputs")
    generator = load_generator(golden)
    names = generator_names(generator)
    variables = generator.trainable_variables
    z = golden.tensor("in/z_pl") if "in/z_pl" in golden else golden.tensor("in/z")
    noise = golden.images("in/pl_noise")
    labels = golden.labels("in/labels")
    inputs = (generator, z, labels, noise, golden.info["pl"])
    results = path_length_results(inputs, golden, names, variables)
    moved = None
    for label, (values, name_of_worst, error) in results.items():
        bound = GRADIENT
        if error > bound:
            moved = moved or [path_length_results(inputs, golden, names, variables, draw) for draw in DRAWS]
            movements = [movement(values[name_of_worst], one[label][0][name_of_worst]) for one in moved]
            bound = max(bound, MOVEMENTS * max(movements))
        golden_row(name, label, error, bound)


def path_length_results(inputs, golden, names, variables, draw=None):
    """Label -> (values by name, the name that differs most, its error)."""
    with tf.GradientTape(persistent=True) as tape:
        dot, by_w, lengths, mean, penalty = path_length_terms(*inputs, draw)
        scalars = {"pathreg": tf.reduce_mean(penalty), "img_dot_noise": dot}
    results = {
        "d(images)/dw": ({"": by_w}, "", gradient_error(by_w, golden["grad/pl_wrt_w"])),
        "path lengths": ({"": lengths}, "", gradient_error(lengths, golden["out/pl_lengths"])),
        "path length mean": ({"": mean}, "", gradient_error(mean, golden["out/pl_mean_after"])),
    }
    for label, scalar in scalars.items():
        expected = golden.under(f"grad/G/{label}/")
        if expected:
            found = _gradients(tape, scalar, variables)
            errors = gradient_errors(names, found, expected)
            name = max(errors, key=errors.get)
            by_name = {name: found[id(names.entries[name][0])] for name in errors}
            results[f"gradients of {label} (worst)"] = (by_name, name, errors[name])
    return results


def movement(value, moved) -> float:
    return gradient_error(moved, np.asarray(value))


def worst(errors: dict[str, float]) -> str:
    """The variable that differs most, shortened."""
    return "/".join(max(errors, key=errors.get).split("/")[-2:])


def _gradients(tape, scalar, variables):
    values = tape.gradient(scalar, [variable.value for variable in variables])
    return {id(variable): value for variable, value in zip(variables, values, strict=True)}


@pytest.mark.parametrize("name", [name for name in GENERATORS if INDEX[name]["level"] in (1, 2)])
def test_generator_loss_gradients(name, golden_row):
    golden = golden_of(name)
    generator, discriminator = load_generator(golden), load_discriminator(golden)
    names = generator_names(generator)
    with tf.GradientTape(persistent=True) as tape:
        images = generator(golden.tensor("in/z_loss"), golden.labels("in/labels_loss"), noise_mode="const")
        scores = discriminator(images, golden.labels("in/labels_loss"))
        losses = {
            "logistic_ns": tf.nn.softplus(-scores),
            "logistic": -tf.nn.softplus(scores),
            "hinge": -tf.maximum(0.0, 1.0 + scores),  # the original's, not the usual one
            "wgan": -scores,
        }
        means = {label: tf.reduce_mean(value) for label, value in losses.items()}
    for label, value in losses.items():
        if f"loss/G/{label}" in golden:
            golden_row(name, f"loss {label}", gradient_error(value, golden[f"loss/G/{label}"]), GRADIENT)
        expected = golden.under(f"grad/G/{label}/")
        if expected:
            errors = gradient_errors(names, _gradients(tape, means[label], generator.trainable_variables), expected)
            golden_row(name, f"gradients of {label}, {worst(errors)}", max(errors.values()), GRADIENT)


@pytest.mark.parametrize("name", DISCRIMINATORS)
def test_discriminator(name, golden_row):
    golden = golden_of(name)
    if "out/d_scores" not in golden:
        pytest.skip("this file holds generator numbers only")
    discriminator = load_discriminator(golden)
    names = discriminator_names(discriminator)
    images, labels = golden.images("in/d_images"), golden.labels("in/labels_loss")
    gamma = golden.info.get("gamma") or 10.0
    with tf.GradientTape(persistent=True) as tape:
        with tf.GradientTape() as inner:
            inner.watch(images)
            scores = discriminator(images, labels)
            total = tf.reduce_sum(scores)
        by_image = inner.gradient(total, images)
        r1 = gamma / 2 * tf.reduce_sum(tf.square(by_image), axis=[1, 2, 3])
        means = {"r1": tf.reduce_mean(r1), "softplus_neg_real": tf.reduce_mean(tf.nn.softplus(-scores))}
    golden_row(name, "scores", forward_error(scores, golden["out/d_scores"]), FORWARD)
    golden_row(name, "r1 penalty", gradient_error(r1, golden["loss/D/r1"]), GRADIENT)
    if "grad/d_scores_sum_wrt_images" in golden:
        expected = golden["grad/d_scores_sum_wrt_images"]
        golden_row(name, "d(scores)/d(images)", gradient_error(nchw(by_image)[: len(expected)], expected), GRADIENT)
    for label, scalar in means.items():
        expected = golden.under(f"grad/D/{label}/")
        if expected:
            errors = gradient_errors(names, _gradients(tape, scalar, discriminator.trainable_variables), expected)
            golden_row(name, f"gradients of {label}, {worst(errors)}", max(errors.values()), GRADIENT)


@pytest.mark.parametrize("name", [name for name in DISCRIMINATORS if INDEX[name]["level"] == 2])
def test_discriminator_loss_gradients(name, golden_row):
    golden = golden_of(name)
    generator, discriminator = load_generator(golden), load_discriminator(golden)
    names = discriminator_names(discriminator)
    reals = golden.images("in/d_images")
    fakes = generator(golden.tensor("in/z_loss"), noise_mode="const")
    mixed = reals + (fakes - reals) * golden.tensor("in/gp_mix")
    gamma = golden.info["gamma"]
    with tf.GradientTape(persistent=True) as tape:
        fake, real = discriminator(fakes), discriminator(reals)
        losses = {
            "logistic": tf.nn.softplus(fake) + tf.nn.softplus(-real),
            "hinge": tf.maximum(0.0, 1.0 + fake) + tf.maximum(0.0, 1.0 - real),
            "wgan": fake - real + 0.001 * tf.square(real),
            "r2": gamma / 2 * _squared_gradient(discriminator, fakes),
            "gp": gamma * tf.square(tf.sqrt(_squared_gradient(discriminator, mixed)) - 1.0),
        }
        means = {label: tf.reduce_mean(value) for label, value in losses.items()}
    for label, value in losses.items():
        golden_row(name, f"loss D {label}", gradient_error(value, golden[f"loss/D/{label}"]), GRADIENT)
        expected = golden.under(f"grad/D/{label}/")
        if expected:
            errors = gradient_errors(names, _gradients(tape, means[label], discriminator.trainable_variables), expected)
            golden_row(name, f"gradients of D {label}, {worst(errors)}", max(errors.values()), GRADIENT)


def _squared_gradient(discriminator, images):
    with tf.GradientTape() as inner:
        inner.watch(images)
        total = tf.reduce_sum(discriminator(images))
    return tf.reduce_sum(tf.square(inner.gradient(total, images)), axis=[1, 2, 3])
