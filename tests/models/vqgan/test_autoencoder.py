"""Encoder, decoder and quantiser against the published code."""

from __future__ import annotations

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from gansformer_tf.config.vqgan import AutoencoderConfig
from gansformer_tf.convert.vqgan_names import autoencoder_names
from gansformer_tf.models.vqgan.autoencoder import VQAutoencoder
from gansformer_tf.ops.random import SeedStream
from tests.models.vqgan.golden import FOLDER, Golden, autoencoder, check_forward, check_gradient

TINY = {"height": 16, "width": 16, "channels": 32, "channel_multipliers": (1, 1), "blocks_per_level": 1}
TINY |= {"attention_sizes": (), "latent_channels": 8, "num_codes": 24, "code_dim": 6}
CASES = [name for name in ("ae_small_full", "ae_rgb_r1", "ae_grey_r2_pool") if (FOLDER / f"{name}.npz").exists()]


@pytest.fixture(scope="module", params=CASES)
def case(request):
    golden = Golden(request.param)
    return golden, autoencoder(golden)


def test_the_forward_pass(case):
    golden, model = case
    assert model.count_params() == golden.about["n_params"]
    images = golden.images("in/x")
    z = model.encode(images)
    check_forward(z, golden["out/z"])
    vectors, loss, indices = model.quantizer(z)
    np.testing.assert_array_equal(np.ravel(indices), golden["out/indices"])
    check_forward(vectors, golden["out/quant"])
    check_forward(loss, golden["out/qloss"])
    reconstruction, _, again = model(images)
    check_forward(reconstruction, golden["out/rec"])
    np.testing.assert_array_equal(again, indices)
    np.testing.assert_allclose(model.decode_codes(indices), reconstruction, atol=1e-4)


def test_the_gradients(case):
    golden, model = case
    names = autoencoder_names(model)
    images, probe = golden.images("in/x"), golden.images("in/probe")
    with tf.GradientTape() as tape:
        tape.watch(images)
        loss = tf.reduce_sum(model(images)[0] * probe)
    found = tape.gradient(loss, {name: variable.value for name, variable in names.items()} | {"@x": images})
    assert found["quantize.embedding.weight"] is None  # the reconstruction does not move the codes
    zero = set(golden.about["analytically_zero_grads"]) | {"quantize.embedding.weight"}
    for name, norm in golden.about["grad_norms"]["rec"].items() if "rec" in golden.about["grad_norms"] else []:
        if name in found and name not in zero:
            assert np.linalg.norm(found[name]) == pytest.approx(norm, rel=1e-3), name
    compared = [name for name in found if f"grad/{name}" in golden and name not in zero]
    assert len(compared) >= 12
    for name in compared:
        check_gradient(name, found[name], golden[f"grad/{name}"])


@pytest.mark.parametrize("form", ["legacy", "fixed"])
def test_the_loss_of_the_codes_and_its_gradients(form):
    golden = Golden("ae_small_full")
    model = autoencoder(golden, commitment_form="legacy" if form == "legacy" else "paper")
    names = {name: variable.value for name, variable in autoencoder_names(model).items()}
    with tf.GradientTape() as tape:
        loss = model(golden.images("in/x"))[1]
    check_forward(loss, golden["out/qloss" if form == "legacy" else "out/qloss_fixed"])
    found = tape.gradient(loss, names)
    expected = {key.partition("/")[2]: value for key, value in golden.under(f"gradq_{form}").items()}
    assert "quantize.embedding.weight" in expected
    for name, value in expected.items():
        if not name.startswith("@") and name not in golden.about["analytically_zero_grads"]:
            check_gradient(name, found[name], value)


def test_sizes_other_than_the_configured_one_are_taken():
    model = VQAutoencoder(AutoencoderConfig(**TINY | {"height": 8}))
    reconstruction, _, codes = model(np.zeros((1, 23, 30, 3), np.float32))
    assert reconstruction.shape == (1, 22, 30, 3) and codes.shape == (1, 11, 15)
    reconstruction, _, codes = model(np.zeros((3, 8, 16, 3), np.float32))
    assert reconstruction.shape == (3, 8, 16, 3) and codes.shape == (3, 4, 8)


def test_dropout_follows_its_stream():
    model = VQAutoencoder(AutoencoderConfig(**TINY, dropout=0.5))
    images = np.random.default_rng(0).uniform(-1, 1, (2, 16, 16, 3)).astype(np.float32)
    plain = model.encode(images)
    first, again, other = (model.encode(images, training=True, rng=SeedStream(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 1e-3 and np.abs(first - plain).max() > 1e-3
    with pytest.raises(ValueError, match="dropout of 0.5 in training needs rng"):
        model.encode(images, training=True)


def test_it_is_serialised_and_saved(tmp_path):
    model = VQAutoencoder(AutoencoderConfig(**TINY, quantizer="cosine"))
    json.dumps(keras.saving.serialize_keras_object(model))
    model.save(tmp_path / "model.keras")
    images = np.random.default_rng(0).uniform(-1, 1, (2, 16, 16, 3)).astype(np.float32)
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(images)[0], model(images)[0])


def test_bfloat16_stays_near():
    wide = VQAutoencoder(AutoencoderConfig(**TINY))
    low = VQAutoencoder(AutoencoderConfig(**TINY), dtype="mixed_bfloat16")
    low.set_weights(wide.get_weights())
    images = np.random.default_rng(0).uniform(-1, 1, (2, 16, 16, 3)).astype(np.float32)
    z = np.asarray(wide.encode(images))
    rounded = low.encode(images)
    assert rounded.dtype == tf.bfloat16
    assert np.linalg.norm(np.asarray(tf.cast(rounded, tf.float32)) - z) < 0.05 * np.linalg.norm(z)
    assert low.decode_codes(wide.codes_of(images)).dtype == tf.float32


def test_the_fresh_weights_have_the_published_spread():
    model = VQAutoencoder(AutoencoderConfig(**TINY))
    kernel = np.asarray(model.encoder.mid_block1.conv1.kernel)
    limit = 1 / np.sqrt(9 * 32)
    assert 0.95 * limit < np.abs(kernel).max() <= limit
    assert 0 < np.abs(model.encoder.mid_block1.conv1.bias).max() <= limit
    assert 0 < np.abs(model.quantizer.codebook).max() <= 1 / 24


def test_published_sizes():
    """Counted on the published classes; the shapes alone are needed, so nothing is computed."""
    with keras.StatelessScope():
        model = VQAutoencoder(AutoencoderConfig())
    assert model.encoder.count_params() == 29_298_176 and model.decoder.count_params() == 42_449_795
    assert model.count_params() == 72_141_699
