"""Fast ways to the pixels of PNG files."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from gansformer_tf.data.images import png
from gansformer_tf.data.images.decode import MAX_PIXELS, BadImageError, decode
from tests.data.makers import encoded, random_image


@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGB", "RGBA", "1", "I;16"])
def test_eased_png_gives_the_same_pixels(mode):
    if png.fast_zlib is None:
        pytest.skip("isal is not installed")
    grey = random_image(10, channels=1)[:, :, 0]
    image = Image.fromarray(grey.astype(np.uint16) * 257) if mode == "I;16" else Image.fromarray(grey).convert(mode)
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    eased = png.ease(buffer.getvalue(), MAX_PIXELS)
    assert eased != buffer.getvalue()
    first, second = Image.open(io.BytesIO(buffer.getvalue())), Image.open(io.BytesIO(eased))
    assert first.mode == second.mode
    np.testing.assert_array_equal(np.asarray(first), np.asarray(second))


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
@pytest.mark.parametrize("size", [(5, 4), (37, 53), (64, 64)])
def test_pixels_of_common_png_files(mode, size):
    if png.fast_zlib is None:
        pytest.skip("isal is not installed")
    from gansformer_tf.data.scenes.render import render

    scene = Image.fromarray(render([3], 64).images[0][: size[0], : size[1]])  # sharp: all kinds of PNG filters
    scene.putalpha(Image.fromarray(random_image(3, *size)[:, :, 0]))
    # One after the other: none remembers the last.
    for image in (
        Image.fromarray(random_image(1, *size)).convert(mode),
        scene.convert(mode),
    ):  # none remembers the last
        data = _saved(image, dpi=(72, 72))
        found = png.read_pixels(data, MAX_PIXELS)
        np.testing.assert_array_equal(found, np.asarray(Image.open(io.BytesIO(data))))


def _saved(image: Image.Image, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG", **options)
    return buffer.getvalue()


def test_png_files_that_pillow_has_to_read():
    image = Image.fromarray(random_image(11))
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
        encoded(random_image(11), "JPEG"),
    ]
    assert [png.read_pixels(data, MAX_PIXELS) for data in others] == [None] * len(others)
    assert png.read_pixels(_saved(image), image.width * image.height - 1) is None


def test_damaged_png_is_left_to_pillow():
    data = bytearray(encoded(random_image(11)))
    data[-40] ^= 1
    assert png.ease(bytes(data), MAX_PIXELS) == bytes(data)
    assert png.read_pixels(bytes(data), MAX_PIXELS) is None


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
