"""Sizes and channels."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from gansformer_tf.data.images import fit as fit_module
from gansformer_tf.data.images.decode import decode
from gansformer_tf.data.images.fit import fit
from tests.data.makers import encoded, random_image


def stored(data: bytes, size: tuple[int, int] = (20, 24), **options: object) -> np.ndarray:
    return np.asarray(fit(decode(data), size, **options))


def test_sixteen_bits_are_scaled_to_eight():
    deep = random_image(2, channels=1)[:, :, 0].astype(np.uint16) * 257
    np.testing.assert_array_equal(stored(encoded(deep))[:, :, 0], deep >> 8)


def test_cmyk_becomes_rgb():
    image = Image.fromarray(random_image(3)).convert("CMYK")
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=100, subsampling=0)
    assert np.abs(stored(buffer.getvalue()).astype(int) - random_image(3)).max() < 12


def test_palette_becomes_rgb_and_transparent_pixels_white():
    image = Image.fromarray(np.repeat(np.uint8([[0] * 12 + [1] * 12]), 20, axis=0), "P")
    image.putpalette([255, 0, 0, 0, 0, 255])
    buffer = io.BytesIO()
    image.save(buffer, "PNG", transparency=1)
    result = stored(buffer.getvalue())
    assert result[0, 0].tolist() == [255, 0, 0] and result[0, 23].tolist() == [255, 255, 255]


def test_transparency_is_kept_with_four_channels():
    rgba = random_image(4, channels=4)
    np.testing.assert_array_equal(stored(encoded(rgba), channels=4), rgba)
    half = rgba.copy()
    half[..., 3] = 128
    over_white = rgba[..., :3] * (128 / 255) + 255 * (127 / 255)
    assert np.abs(stored(encoded(half)) - over_white).max() <= 1.01


def test_grey_is_spread_and_color_reduced():
    grey = random_image(8, channels=1)
    np.testing.assert_array_equal(stored(encoded(grey)), np.repeat(grey, 3, axis=2))
    assert stored(encoded(random_image(8)), channels=1).shape == (20, 24)


@pytest.mark.parametrize("mode", ["crop", "pad", "stretch"])
def test_fits(mode):
    image = Image.fromarray(np.repeat(np.uint8([0, 80, 160, 240]), 8)[None, :, None].repeat(8, 0).repeat(3, 2))
    result = np.asarray(fit(image, (16, 16), mode=mode, resize_filter="box"))[:, :, 0]  # 8x32 to 16x16
    if mode == "crop":  # the middle 8 columns, enlarged
        assert result.min() == 80 and result.max() == 160
    elif mode == "pad":  # bars above and below
        assert (result[:6] == 0).all() and (result[10:] == 0).all() and result[8].max() == 240
    else:
        assert sorted(set(result[0])) == [0, 80, 160, 240]


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P"])
@pytest.mark.parametrize("how", ["crop", "pad", "stretch"])
def test_large_images_give_nearly_the_same(mode, how, monkeypatch):
    from gansformer_tf.data.scenes.render import render

    image = Image.fromarray(render([3], 128).images[0]).crop((0, 0, 120, 90)).convert(mode)
    usual = np.asarray(fit(image, (32, 32), mode=how, channels=len(mode) if mode != "P" else 3)).astype(int)
    monkeypatch.setattr(fit_module, "LARGE_PIXELS", 1000)
    found = fit(image, (32, 32), mode=how, channels=len(mode) if mode != "P" else 3)
    assert found.mode == {"P": "RGB"}.get(mode, mode)
    difference = np.abs(np.asarray(found) - usual)
    assert difference.max() <= 3 and (difference <= 1).mean() > 0.99
