"""What an image file says about itself, without decoding it."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import BinaryIO

from PIL import Image

from gansformer_tf.data.images.decode import EXIF_ORIENTATION, FORMATS, BadImageError, is_deep_png

# By what Pillow calls them: channels of images that every decoder turns into the same 8-bit pixels.
_PLAIN = {"1": 1, "L": 1, "RGB": 3, "P": 3, "RGBA": 4}
_NAMES = {"1": "grey", "L": "grey", "P": "RGB", "LA": "grey with transparency", "I;16": "grey"}
_HEAD_BYTES = 26  # as far as the bit depth of a PNG


@dataclass(frozen=True)
class Header:
    """`encoding` is png, jpeg, webp, bmp or gif; `kind` says in words what its pixels are.

    `channels` is 1, 3 or 4 where training can decode the file as it is, and None where it has to be converted first.
    """

    encoding: str
    height: int
    width: int
    kind: str
    channels: int | None


def read_header(file: BinaryIO) -> Header:
    """Reads the header of an image file.

    Raises:
        BadImageError: It is none of the known formats.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            head = file.read(_HEAD_BYTES)
            file.seek(0)
            image = Image.open(file, formats=FORMATS)
            kind, channels = _kind(image, is_deep_png(head))
            width, height = image.size
            return Header((image.format or "").lower(), height, width, kind, channels)
    except Image.UnidentifiedImageError:
        raise BadImageError("not a PNG, JPEG, WebP, BMP or GIF image") from None
    except (OSError, ValueError, SyntaxError, EOFError, IndexError, TypeError, OverflowError) as error:
        raise BadImageError(f"damaged or cut off ({' '.join(str(error).split())[:120]})") from error


def _kind(image: Image.Image, deep: bool) -> tuple[str, int | None]:
    mode = image.mode
    if "transparency" in image.info:
        return "a colour that is transparent", None
    if image.format in ("PNG", "GIF", "WEBP") and getattr(image, "is_animated", False):
        return "an animation", None
    if image.format == "JPEG" and image.getexif().get(EXIF_ORIENTATION, 1) != 1:
        return "turned by EXIF", None
    if deep:
        return f"{_NAMES.get(mode, mode)} of 16 bits", None
    return _NAMES.get(mode, mode), _PLAIN.get(mode)
