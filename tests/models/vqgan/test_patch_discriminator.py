"""The patch discriminator and its normalisations against the published code."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from gansformer_tf.config import ConfigError
from gansformer_tf.config.vqgan import PatchDiscriminatorConfig
from gansformer_tf.convert.vqgan_names import discriminator_names
from gansformer_tf.models.vqgan.discriminator import PatchDiscriminator
from tests.models.vqgan.golden import Golden, check_forward, check_gradient, discriminator, laid_out


def check_state(model, expected: dict) -> None:
    """Running statistics, or what the first batch set."""
    names = discriminator_names(model)
    compared = [name for name in expected if name in names]
    assert compared
    for name in compared:
        np.testing.assert_allclose(np.ravel(names[name]), np.ravel(laid_out(expected[name])), rtol=1e-4, atol=1e-6)


def check_call(model, golden, images: str, training: bool, gradients: str) -> tf.Tensor:
    """Gradients of sum(scores * probe), of which the larger ones are stored as norms only."""
    names = {name: v.value for name, v in discriminator_names(model).items() if v.trainable}
    x, probe = golden.images(images), golden.images("in/probe")
    with tf.GradientTape() as tape:
        tape.watch(x)
        scores = model(x, training=training)
        loss = tf.reduce_sum(scores * probe)
    found = tape.gradient(loss, names | {"@x": x})
    for name, norm in golden.about["grad_norms"].get(gradients, {}).items():
        assert np.linalg.norm(found[name]) == pytest.approx(norm, rel=1e-3), name
        if f"grad_{gradients}/{name}" in golden:
            check_gradient(name, found[name], golden[f"grad_{gradients}/{name}"])
    return scores


def test_batch_normalisation():
    golden = Golden("disc_bn_n2")
    model = discriminator(golden, channels=16, num_layers=2)
    assert sum(int(np.prod(v.shape)) for v in model.trainable_variables) == golden.about["n_params"]
    check_forward(check_call(model, golden, "in/x", False, "eval"), golden["out/logits_eval"])
    check_forward(check_call(model, golden, "in/x", True, "train"), golden["out/logits_train"])
    check_state(model, golden.under("buffer_after1/"))
    check_forward(check_call(model, golden, "in/x2", True, "none"), golden["out/logits_train_x2"])
    check_state(model, golden.under("buffer_after2/"))


def test_act_normalisation():
    golden = Golden("disc_actnorm_n2")
    model = discriminator(golden, image_channels=1, channels=16, num_layers=2, normalization="act")
    check_forward(check_call(model, golden, "in/x", False, "none"), golden["out/logits_eval_before_init"])
    check_forward(check_call(model, golden, "in/x", True, "first_train"), golden["out/logits_first_train"])
    check_state(model, golden.under("param_after1/"))
    check_forward(check_call(model, golden, "in/x2", True, "second_train"), golden["out/logits_second_train"])
    check_state(model, golden.under("param_after1/"))
    check_forward(check_call(model, golden, "in/x2", False, "none"), golden["out/logits_eval_after_init"])


@pytest.mark.parametrize("layers, sides", [(3, {128: 14, 64: 6, 32: 2, 24: 1}), (2, {128: 30, 64: 14, 32: 6, 12: 1})])
def test_the_sizes_of_the_map(layers, sides):
    model = PatchDiscriminator(PatchDiscriminatorConfig(channels=2, num_layers=layers))
    for side, scores in sides.items():
        assert model(np.zeros((1, side, side, 3), np.float32)).shape == (1, scores, scores, 1)
    smallest = min(sides)
    with pytest.raises(ConfigError, match=f"a side of {smallest - 1} pixels; .* need {smallest}. Use fewer layers"):
        model(np.zeros((1, smallest - 1, 64, 3), np.float32))


def test_published_sizes():
    for channels, layers, normalization, expected in (
        (3, 3, "batch", 2_765_633),
        (1, 3, "batch", 2_763_585),
        (3, 2, "batch", 663_361),
        (3, 3, "act", 2_766_529),
    ):
        config = PatchDiscriminatorConfig(image_channels=channels, num_layers=layers, normalization=normalization)
        variables = PatchDiscriminator(config).trainable_variables
        assert sum(int(np.prod(variable.shape)) for variable in variables) == expected
