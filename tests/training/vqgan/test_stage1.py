"""Losses and iterations of stage 1 against the published code."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from gansformer_tf.config.vqgan import Stage1LossConfig
from gansformer_tf.convert.vqgan_names import assign, autoencoder_names, discriminator_names
from gansformer_tf.models.vqgan.autoencoder import VQAutoencoder
from gansformer_tf.training.optimizers import Adam
from gansformer_tf.training.vqgan.losses import adaptive_weight, discriminator_loss, image_terms
from gansformer_tf.training.vqgan.stage1 import autoencoder_loss, discriminator_factor, judge_loss
from tests.models.vqgan.golden import (
    Golden,
    as_ours,
    check_forward,
    check_gradient,
    config_of,
    discriminator,
    distance,
)

VARIANTS = [*range(6), 7]  # 6 is an evaluation, which the step does not do


def loss_config(theirs: dict) -> Stage1LossConfig:
    return Stage1LossConfig(
        perceptual_weight=theirs.get("perceptual_weight", 1.0),
        codebook_weight=theirs["codebook_weight"],
        discriminator_weight=theirs["disc_weight"],
        discriminator_start=theirs["disc_start"],
        adversarial_loss=theirs.get("disc_loss", "hinge"),
    )


def last_layer(golden: Golden) -> keras.layers.Conv2D:
    kernel = golden["param/last_layer.weight"].transpose(2, 3, 1, 0)
    layer = keras.layers.Conv2D(kernel.shape[-1], 3, padding="same")
    layer.build((None, None, None, kernel.shape[2]))
    layer.set_weights([kernel, golden["param/last_layer.bias"]])
    return layer


@pytest.mark.parametrize("case, index", [*(("loss_stage1", i) for i in VARIANTS), ("loss_stage1_grey", 0)])
def test_the_loss(case, index):
    golden = Golden(case)
    variant = golden.about["variants"][index]
    theirs, tag = variant["loss_kwargs"], variant["tag"]
    logs, config = golden.about["results"][tag], loss_config(variant["loss_kwargs"])
    conditional = variant.get("cond", False)
    model = discriminator(
        golden,
        "D_cond_" if conditional else "D_",
        image_channels=theirs["disc_in_channels"],
        channels=theirs["disc_ndf"],
        num_layers=theirs["disc_num_layers"],
    )
    if variant.get("zero_last"):
        kernel = model.convolutions[-1].kernel
        kernel.assign(tf.zeros_like(kernel))
    images, features = golden.images("in/x"), golden.images("in/h")
    condition = golden.images("in/cond")

    def scores(x):
        return model(tf.concat([x, condition], -1) if conditional else x, training=True)

    layer = last_layer(golden)
    with tf.GradientTape() as tape:
        made = layer(features)
    terms = image_terms(images, made, scores, distance(golden), config)
    weight = adaptive_weight(terms, layer, features, config)
    factor = discriminator_factor(variant["global_step"], config) * theirs.get("disc_factor", 1.0)
    for value, name in (
        (terms.error, "nll_loss"),
        (terms.distance, "p_loss"),
        (terms.adversarial, "g_loss"),
        (weight, "d_weight"),
        (factor, "disc_factor"),
    ):
        assert float(value) == pytest.approx(logs[name], rel=1e-4), name
    slope = terms.error_slope + weight * factor * terms.adversarial_slope
    assert np.linalg.norm(slope) == pytest.approx(logs["grad_norm@rec"], rel=1e-3)
    kernel, bias = (variable.value for variable in layer.trainable_variables)
    by_kernel, by_bias = tape.gradient(made, (kernel, bias), output_gradients=slope)
    check_gradient("weight", by_kernel, golden[f"{tag}/grad/last_layer.weight"])
    check_gradient("bias", by_bias, golden[f"{tag}/grad/last_layer.bias"])

    trainable = {name: v.value for name, v in discriminator_names(model).items() if v.trainable}
    with tf.GradientTape() as tape:
        real, fake = scores(images), scores(made)
        loss = factor * discriminator_loss(real, fake, config)
    found = tape.gradient(loss, trainable)
    assert float(loss) == pytest.approx(logs["disc_loss"], rel=1e-4)
    assert float(tf.reduce_mean(real)) == pytest.approx(logs["logits_real"], rel=1e-4)
    assert float(tf.reduce_mean(fake)) == pytest.approx(logs["logits_fake"], rel=1e-4)
    for name, norm in golden.about["results"][tag].get("D_grad_norms", {}).items():
        assert np.linalg.norm(found[name]) == pytest.approx(norm, rel=1e-3, abs=1e-6), name
    for name, expected in golden.under(f"{tag}/D_grad/").items():
        check_gradient(name, found[name], expected)
    for name, expected in golden.under(f"{tag}/D_buffer_after_d/").items():
        if not name.endswith("num_batches_tracked"):
            check_forward(discriminator_names(model)[name], expected)


@pytest.mark.parametrize("case", ["loss_stage1", "loss_stage1_grey"])
def test_the_perceptual_distance(case):
    golden = Golden(case)
    found = distance(golden)(golden.images("in/x"), golden.images("out/rec"))
    check_forward(found, golden["out/lpips"].ravel())


def test_the_distance_of_equal_images_has_finite_gradients():
    golden = Golden("loss_stage1")
    measure = distance(golden)
    for layer in (layer for slice_ in measure.slices for layer in slice_):
        layer.bias.assign(layer.bias - 1e3)  # no feature is above 0
    images = golden.images("in/x")
    with tf.GradientTape() as tape:
        tape.watch(images)
        value = tf.reduce_sum(measure(images, golden.images("out/rec")))
    assert float(value) == 0.0 and np.isfinite(tape.gradient(value, images)).all()
    assert not measure.trainable_variables


def test_four_iterations():
    golden, start = Golden("train_stage1"), Golden("ae_small_full")
    theirs = golden.about["loss_kwargs"]
    config = loss_config(theirs)
    model = VQAutoencoder(config_of(golden.about["kwargs"]))
    assign(autoencoder_names(model), start.under("param/"))
    judge = discriminator(golden, "D_", channels=theirs["disc_ndf"], num_layers=theirs["disc_num_layers"])
    measure = distance(golden)
    rate = {"learning_rate": 2e-4, "beta1": 0.5, "beta2": 0.9, "epsilon": 1e-8}
    optimizers = [Adam([v.value for v in network.trainable_variables], **rate) for network in (model, judge)]

    @tf.function
    def iterate(images, step):
        factor, found = discriminator_factor(step, config), {}
        for optimizer, loss_of in (
            (optimizers[0], lambda: autoencoder_loss(model, judge, images, config, distance=measure, factor=factor)),
            (optimizers[1], lambda: judge_loss(model, judge, images, config, factor=factor)),
        ):
            with tf.GradientTape() as tape:
                loss, logs = loss_of()
            optimizer.apply(tape.gradient(loss, optimizer.variables_to_train))
            found |= logs
        return found

    pairs = {
        "d_weight": "adaptive_weight",
        "disc_loss": "discriminator_loss",
        "g_loss": "adversarial",
        "logits_fake": "fake",
        "logits_real": "real",
        "nll_loss": "reconstruction",
        "p_loss": "distance",
        "quant_loss": "codes_loss",
        "total_loss": "loss",
    }
    for step, expected in enumerate(golden.about["logs"]):
        logs = iterate(golden.images(f"in/x{step}"), tf.constant(step))
        for name, ours in pairs.items():
            assert float(logs[ours]) == pytest.approx(expected[f"train/{name}"], rel=1e-4), (step, name)
        assert len(np.unique(logs["codes"])) == expected["codes_used"]
    names = autoencoder_names(model) | {f"loss.discriminator.{k}": v for k, v in discriminator_names(judge).items()}
    begin = start.under("param/") | {f"loss.discriminator.{k}": v for k, v in golden.under("D_param/").items()}
    for name, norm in golden.about["delta_norms"].items():
        if name in golden.about["noisy_updates"]:
            continue
        moved = np.asarray(names[name]) - as_ours(name, begin[name]).reshape(names[name].shape)
        assert np.linalg.norm(moved) == pytest.approx(norm, rel=1e-2), name
    for name, expected in golden.under("param_after/").items():
        if name in golden.about["noisy_updates"]:
            continue
        difference = np.linalg.norm(np.asarray(names[name]) - as_ours(name, expected).reshape(names[name].shape))
        assert difference <= 1e-2 * golden.about["delta_norms"][name], name
    for name, expected in golden.under("buffer_after/").items():
        if not name.endswith("num_batches_tracked"):
            np.testing.assert_allclose(names[name], expected, rtol=1e-3, atol=1e-5)
    assert np.abs(model(golden.images("in/x_eval"))[0] - golden.images("out/rec_after")).max() < 1e-2
