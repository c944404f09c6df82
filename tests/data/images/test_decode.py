"""What becomes of unusual files and arrays."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from gansformer_tf.data.images import decode as images
from gansformer_tf.data.images.decode import BadImageError, decode, from_array
from gansformer_tf.data.images.fit import fit
from tests.data.makers import encoded, random_image


def stored(data: bytes, size: tuple[int, int] = (20, 24), **options: object) -> np.ndarray:
    return np.asarray(fit(decode(data), size, **options))


@pytest.mark.parametrize("format", ["PNG", "BMP", "WEBP"])
def test_lossless_formats_keep_every_pixel(format):
    options = {"lossless": True} if format == "WEBP" else {}
    np.testing.assert_array_equal(stored(encoded(random_image(1), format, **options)), random_image(1))


def test_first_frame_of_an_animation():
    frames = [Image.fromarray(random_image(seed)) for seed in (5, 6)]
    buffer = io.BytesIO()
    frames[0].save(buffer, "PNG", save_all=True, append_images=frames[1:])
    np.testing.assert_array_equal(stored(buffer.getvalue()), random_image(5))


def test_exif_rotation_is_applied():
    exif = Image.Exif()
    exif[0x0112] = 6  # shown turned by 90 degrees clockwise
    data = encoded(random_image(7), "PNG", exif=exif)
    np.testing.assert_array_equal(stored(data, (24, 20)), np.rot90(random_image(7), -1))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", r"empty \(0 bytes\)"),
        (b"hello", "not a PNG, JPEG, WebP, BMP or GIF"),
        (b"GIF89a" + bytes(40), "not a PNG"),
        (encoded(random_image(1))[:-300], "damaged or cut off"),
        (encoded(random_image(1), "JPEG")[:-200], "damaged or cut off"),
        (encoded(random_image(1, 1, 1)), "1x1 pixels: both sides"),
    ],
)
def test_bad_files_have_a_reason(data, reason):
    with pytest.raises(BadImageError, match=reason):
        decode(data)


def test_pixel_limit(monkeypatch):
    monkeypatch.setattr(images, "MAX_PIXELS", 64 * 64)
    with pytest.raises(BadImageError, match="100x100 pixels, over the limit"):
        decode(encoded(random_image(1, 100, 100)))
    # a JPEG is decoded at a reduced size instead
    assert decode(encoded(random_image(1, 100, 100), "JPEG")).size == (50, 50)


@pytest.mark.parametrize(
    ("array", "value_range"),
    [
        (random_image(9), None),
        (random_image(9).transpose(2, 0, 1), None),
        (random_image(9).astype(np.float32) / 255, (0, 1)),
        (random_image(9).astype(np.float64) / 127.5 - 1, (-1, 1)),
        (random_image(9).astype(np.uint16) * 256, None),
    ],
)
def test_arrays(array, value_range):
    np.testing.assert_array_equal(np.asarray(from_array(array, value_range)), random_image(9))


@pytest.mark.parametrize(
    ("array", "value_range", "reason"),
    [
        (random_image(1).astype(np.float32), None, "without a stated range"),
        (random_image(1).astype(np.float32), (0, 1), "outside --value-range"),
        (np.full((8, 8), np.nan), (0, 1), "NaN"),
        (np.zeros((8, 8, 5), np.uint8), None, "shape"),
        (np.zeros((8, 8), np.int64), None, "type int64"),
        (np.zeros((2, 8), np.uint8), None, "both sides"),
    ],
)
def test_bad_arrays_have_a_reason(array, value_range, reason):
    with pytest.raises(BadImageError, match=reason):
        from_array(array, value_range)
