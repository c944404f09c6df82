"""Corners of the quantisers: ties, cancellation, directions, rounding."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from gansformer_tf.models.vqgan.quantizers import FiniteScalar, NearestCodes, perplexity
from tests.models.vqgan.golden import Golden, check_forward, check_gradient

BOOK = "quantize.embedding.weight"


@pytest.fixture(scope="module")
def golden():
    return Golden("vq_corner")


def book(codes: np.ndarray, **options) -> NearestCodes:
    layer = NearestCodes(*codes.shape, **options)
    layer.build()
    layer.codebook.assign(codes)
    return layer


@pytest.mark.parametrize("case", ["ties", "one_code", "shared_codes"])
@pytest.mark.parametrize("form", ["legacy", "fixed"])
def test_nearest_codes(golden, case, form):
    codes = golden[f"{case}/param/embedding"]
    layer = book(codes, commitment_form="legacy" if form == "legacy" else "paper")
    z, probe = golden.images(f"{case}/in/z"), golden.images(f"{case}/in/probe")
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(z)
        vectors, loss, indices = layer(z)
        probed = tf.reduce_sum(vectors * probe)
    np.testing.assert_array_equal(np.ravel(indices), golden[f"{case}/out/indices"])
    check_forward(vectors, golden[f"{case}/out/quant"])
    check_forward(loss, golden[f"{case}/out/loss_{form}"])
    check_gradient("@z", tape.gradient(probed, z), golden[f"{case}/grad_probe/z"])
    assert tape.gradient(probed, layer.codebook.value) is None
    check_gradient("@z", tape.gradient(loss, z), golden[f"{case}/grad_loss_{form}/z"])
    check_gradient(BOOK, tape.gradient(loss, layer.codebook.value), golden[f"{case}/grad_loss_{form}/embedding"])
    counts = np.bincount(np.ravel(indices), minlength=len(codes))
    check_forward(perplexity(counts), golden[f"{case}/out/perplexity"])


def test_the_nearest_code_is_found_far_from_the_origin(golden):
    layer = book(golden["cancellation/param/embedding"])
    indices = layer(golden.images("cancellation/in/z"))[2]
    np.testing.assert_array_equal(np.ravel(indices), golden["cancellation/out/indices_exact"])


def test_codes_by_number(golden):
    layer = book(golden["shapes/param/embedding"])
    indices = layer(golden.images("shapes/in/z"))[2]
    np.testing.assert_array_equal(indices, golden["shapes/out/indices_bhw"])
    check_forward(layer.vectors(indices), golden["shapes/out/entry_nchw"])


def test_directions(golden):
    layer = book(golden["cosine/param/embedding"], metric="cosine")
    z, probe = golden.images("cosine/in/z"), golden.images("cosine/in/probe")
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(z)
        vectors, loss, indices = layer(z)
        probed = tf.reduce_sum(vectors * probe)
    np.testing.assert_array_equal(indices, golden["cosine/out/indices"])
    check_forward(vectors, golden["cosine/out/quant"])
    check_forward(loss, golden["cosine/out/loss"])
    check_gradient("@z", tape.gradient(probed, z), golden["cosine/grad_probe/z"])
    check_gradient("@z", tape.gradient(loss, z), golden["cosine/grad_loss/z"])
    check_gradient(BOOK, tape.gradient(loss, layer.codebook.value), golden["cosine/grad_loss/embedding"])
    np.testing.assert_allclose(layer.vectors(indices), vectors, atol=1e-6)


def test_a_vector_without_direction_has_finite_gradients():
    layer = book(np.eye(3, dtype=np.float32), metric="cosine")
    z = tf.zeros((1, 1, 1, 3))
    with tf.GradientTape() as tape:
        tape.watch(z)
        loss = layer(z)[1]
    assert np.isfinite(tape.gradient(loss, z)).all()


def test_rounding(golden):
    layer = FiniteScalar(tuple(int(level) for level in golden["fsq/levels"]))
    z = tf.constant(golden["fsq/in/z"])
    with tf.GradientTape() as tape:
        tape.watch(z)
        vectors, loss, indices = layer(z)
    check_forward(layer.bounded(z), golden["fsq/atanh/bounded"])
    check_forward(vectors, golden["fsq/atanh/quant"])
    np.testing.assert_array_equal(indices, golden["fsq/atanh/indices"])
    np.testing.assert_allclose(tape.gradient(vectors, z), golden["fsq/atanh/grad_dquant_dz"], rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(layer.vectors(indices), vectors, atol=1e-6)
    assert float(loss) == 0.0


def test_every_code_of_rounding_is_its_own():
    layer = FiniteScalar((4, 3, 5))
    vectors = np.asarray(layer.vectors(np.arange(60)))
    assert len(np.unique(vectors, axis=0)) == 60 and np.abs(vectors).max() <= 1.0


def test_an_unknown_metric():
    with pytest.raises(ValueError, match="metric is 'far'; it must be 'nearest' or 'cosine'"):
        NearestCodes(4, 2, metric="far")
