"""What becomes of unusual pictures."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from gansformer_tf.data import images, png
from gansformer_tf.data.images import BadImageError, decode, encode, fit, from_array
from gansformer_tf.data.resize import resize
from tests.data.makers import encoded, picture

FILTERS = {"lanczos": Image.Resampling.LANCZOS, "bicubic": Image.Resampling.BICUBIC}


def stored(data: bytes, size: tuple[int, int] = (20, 24), **options: object) -> np.ndarray:
    return np.asarray(fit(decode(data), size, **options))


@pytest.mark.parametrize("format", ["PNG", "BMP", "WEBP"])
def test_lossless_formats_keep_every_pixel(format):
    options = {"lossless": True} if format == "WEBP" else {}
    np.testing.assert_array_equal(stored(encoded(picture(1), format, **options)), picture(1))


def test_sixteen_bits_are_scaled_to_eight():
    deep = picture(2, channels=1)[:, :, 0].astype(np.uint16) * 257
    np.testing.assert_array_equal(stored(encoded(deep))[:, :, 0], deep >> 8)


def test_cmyk_becomes_rgb():
    image = Image.fromarray(picture(3)).convert("CMYK")
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=100, subsampling=0)
    assert np.abs(stored(buffer.getvalue()).astype(int) - picture(3)).max() < 12


def test_palette_becomes_rgb_and_transparent_pixels_white():
    image = Image.fromarray(np.repeat(np.uint8([[0] * 12 + [1] * 12]), 20, axis=0), "P")
    image.putpalette([255, 0, 0, 0, 0, 255])
    buffer = io.BytesIO()
    image.save(buffer, "PNG", transparency=1)
    result = stored(buffer.getvalue())
    assert result[0, 0].tolist() == [255, 0, 0] and result[0, 23].tolist() == [255, 255, 255]


def test_transparency_is_kept_with_four_channels():
    rgba = picture(4, channels=4)
    np.testing.assert_array_equal(stored(encoded(rgba), channels=4), rgba)
    half = rgba.copy()
    half[..., 3] = 128
    over_white = rgba[..., :3] * (128 / 255) + 255 * (127 / 255)
    assert np.abs(stored(encoded(half)) - over_white).max() <= 1.01


def test_first_frame_of_an_animation():
    frames = [Image.fromarray(picture(seed)) for seed in (5, 6)]
    buffer = io.BytesIO()
    frames[0].save(buffer, "PNG", save_all=True, append_images=frames[1:])
    np.testing.assert_array_equal(stored(buffer.getvalue()), picture(5))


def test_exif_rotation_is_applied():
    exif = Image.Exif()
    exif[0x0112] = 6  # shown turned by 90 degrees clockwise
    data = encoded(picture(7), "PNG", exif=exif)
    np.testing.assert_array_equal(stored(data, (24, 20)), np.rot90(picture(7), -1))


def test_grey_is_spread_and_color_reduced():
    grey = picture(8, channels=1)
    np.testing.assert_array_equal(stored(encoded(grey)), np.repeat(grey, 3, axis=2))
    assert stored(encoded(picture(8)), channels=1).shape == (20, 24)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", r"empty \(0 bytes\)"),
        (b"hello", "not a PNG, JPEG, WebP or BMP"),
        (b"GIF89a" + bytes(40), "not a PNG"),
        (encoded(picture(1))[:-300], "damaged or cut off"),
        (encoded(picture(1), "JPEG")[:-200], "damaged or cut off"),
        (encoded(picture(1, 1, 1)), "1x1 pixels: both sides"),
    ],
)
def test_bad_files_have_a_reason(data, reason):
    with pytest.raises(BadImageError, match=reason):
        decode(data)


def test_pixel_limit(monkeypatch):
    monkeypatch.setattr(images, "MAX_PIXELS", 64 * 64)
    with pytest.raises(BadImageError, match="100x100 pixels, over the limit"):
        decode(encoded(picture(1, 100, 100)))
    # a JPEG is decoded at a reduced size instead
    assert decode(encoded(picture(1, 100, 100), "JPEG")).size == (50, 50)


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


@pytest.mark.parametrize(
    ("array", "value_range"),
    [
        (picture(9), None),
        (picture(9).transpose(2, 0, 1), None),
        (picture(9).astype(np.float32) / 255, (0, 1)),
        (picture(9).astype(np.float64) / 127.5 - 1, (-1, 1)),
        (picture(9).astype(np.uint16) * 256, None),
    ],
)
def test_arrays(array, value_range):
    np.testing.assert_array_equal(np.asarray(from_array(array, value_range)), picture(9))


@pytest.mark.parametrize(
    ("array", "value_range", "reason"),
    [
        (picture(1).astype(np.float32), None, "without a stated range"),
        (picture(1).astype(np.float32), (0, 1), "outside --value-range"),
        (np.full((8, 8), np.nan), (0, 1), "NaN"),
        (np.zeros((8, 8, 5), np.uint8), None, "shape"),
        (np.zeros((8, 8), np.int64), None, "type int64"),
        (np.zeros((2, 8), np.uint8), None, "both sides"),
    ],
)
def test_bad_arrays_have_a_reason(array, value_range, reason):
    with pytest.raises(BadImageError, match=reason):
        from_array(array, value_range)


@pytest.mark.parametrize("name", FILTERS)
@pytest.mark.parametrize("size", [(64, 64), (48, 64), (200, 180), (96, 31)])
def test_resizing_agrees_with_pillow(name, size):
    from gansformer_tf.data.scenes import render

    image = render([3], 128).images[0]
    expected = np.asarray(Image.fromarray(image).resize(size[::-1], FILTERS[name])).astype(int)
    difference = np.abs(resize(image, size, name) - expected)
    assert difference.max() <= 3 and (difference <= 1).mean() > 0.995


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P"])
@pytest.mark.parametrize("how", ["crop", "pad", "stretch"])
def test_large_pictures_give_nearly_the_same(mode, how, monkeypatch):
    from gansformer_tf.data.scenes import render

    image = Image.fromarray(render([3], 128).images[0]).crop((0, 0, 120, 90)).convert(mode)
    usual = np.asarray(images.fit(image, (32, 32), mode=how, channels=len(mode) if mode != "P" else 3)).astype(int)
    monkeypatch.setattr(images, "LARGE_PIXELS", 1000)
    found = images.fit(image, (32, 32), mode=how, channels=len(mode) if mode != "P" else 3)
    assert found.mode == {"P": "RGB"}.get(mode, mode)
    difference = np.abs(np.asarray(found) - usual)
    assert difference.max() <= 3 and (difference <= 1).mean() > 0.99


def test_resizing_keeps_flat_areas():
    for value in (0, 1, 254, 255):
        flat = np.full((37, 53, 3), value, np.uint8)
        assert (resize(flat, (16, 16)) == value).all()


@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGB", "RGBA", "1", "I;16"])
def test_eased_png_gives_the_same_pixels(mode):
    if png.fast_zlib is None:
        pytest.skip("isal is not installed")
    grey = picture(10, channels=1)[:, :, 0]
    image = Image.fromarray(grey.astype(np.uint16) * 257) if mode == "I;16" else Image.fromarray(grey).convert(mode)
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    eased = png.ease(buffer.getvalue(), images.MAX_PIXELS)
    assert eased != buffer.getvalue()
    first, second = Image.open(io.BytesIO(buffer.getvalue())), Image.open(io.BytesIO(eased))
    assert first.mode == second.mode
    np.testing.assert_array_equal(np.asarray(first), np.asarray(second))


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
@pytest.mark.parametrize("size", [(5, 4), (37, 53), (64, 64)])
def test_pixels_of_common_png_files(mode, size):
    if png.fast_zlib is None:
        pytest.skip("isal is not installed")
    from gansformer_tf.data.scenes import render

    scene = Image.fromarray(render([3], 64).images[0][: size[0], : size[1]])  # sharp: all kinds of PNG filters
    scene.putalpha(Image.fromarray(picture(3, *size)[:, :, 0]))
    for image in (Image.fromarray(picture(1, *size)).convert(mode), scene.convert(mode)):  # none remembers the last
        data = _saved(image, dpi=(72, 72))
        found = png.read_pixels(data, images.MAX_PIXELS)
        np.testing.assert_array_equal(found, np.asarray(Image.open(io.BytesIO(data))))


def _saved(image: Image.Image, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG", **options)
    return buffer.getvalue()


def test_png_files_that_pillow_has_to_read():
    image = Image.fromarray(picture(11))
    exif = Image.Exif()
    exif[0x0112] = 3
    text = PngInfo()
    text.add_itxt("XML:com.adobe.xmp", '<x tiff:Orientation="3"/>')
    others = [
        _saved(image.quantize(8)),
        _saved(image.convert("1")),
        _saved(image, transparency=(1, 2, 3)),
        _saved(image, exif=exif),
        _saved(image, pnginfo=text),
        _saved(image)[:-20],
        _saved(image)[:20],
        encoded(picture(11), "JPEG"),
    ]
    assert [png.read_pixels(data, images.MAX_PIXELS) for data in others] == [None] * len(others)
    assert png.read_pixels(_saved(image), image.width * image.height - 1) is None


def test_damaged_png_is_left_to_pillow():
    data = bytearray(encoded(picture(11)))
    data[-40] ^= 1
    assert png.ease(bytes(data), images.MAX_PIXELS) == bytes(data)
    assert png.read_pixels(bytes(data), images.MAX_PIXELS) is None


def test_a_filter_that_png_does_not_have_is_damage():
    rows = b"".join(b"\x09" + bytes(3 * 8) for _ in range(8))  # filters are 0 to 4
    header = struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    data = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        for kind, content in chunks
    )
    with pytest.raises(BadImageError, match="damaged"):
        decode(data)


def test_encodings():
    image = Image.fromarray(picture(12))
    for encoding in ("png", "webp"):
        np.testing.assert_array_equal(np.asarray(decode(encode(image, encoding))), picture(12))
    assert encode(image, "raw") == picture(12).tobytes()
    assert np.abs(np.asarray(decode(encode(image, "jpeg"))).astype(int) - picture(12)).mean() < 2
    assert len(encode(image, "jpeg", 30)) < len(encode(image, "jpeg"))
