from __future__ import annotations

import numpy as np
import pytest

from gansformer_tf.edit.similarity import psnr, ssim


def images():
    random = np.random.RandomState(0)
    a = random.randint(0, 256, (2, 24, 20, 3)).astype(np.uint8)
    return a, np.clip(a.astype(int) + random.randint(-40, 41, a.shape), 0, 255).astype(np.uint8)


def test_the_numbers_of_scikit_image():
    """Of version 0.26: gaussian_weights, sigma 1.5, use_sample_covariance False, channel by channel."""
    a, b = images()
    np.testing.assert_allclose(psnr(a, b), [20.923010795095518, 21.183843887645352], rtol=1e-12)
    np.testing.assert_allclose(ssim(a, b), [0.9430499145372923, 0.9516986924440793], rtol=1e-12)


def test_equal_images():
    a, _ = images()
    assert np.isinf(psnr(a, a)).all()
    np.testing.assert_allclose(ssim(a, a), 1.0)


def test_what_cannot_be_compared():
    a, b = images()
    with pytest.raises(ValueError, match="two batches of one shape"):
        psnr(a, b[:1])
    with pytest.raises(ValueError, match="at least 11 pixels"):
        ssim(a[:, :8], b[:, :8])
