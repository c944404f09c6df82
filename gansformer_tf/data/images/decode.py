"""An encoded file or an array as an image, upright. No TensorFlow, so that workers stay small.

Of an animation the first frame is taken; EXIF rotation is applied; the content decides about the format, not the file
name.
"""

from __future__ import annotations

import io
import warnings

import numpy as np
from PIL import Image, ImageOps

from gansformer_tf.data.images import png

# Decoders of other formats in Pillow have had memory-safety and decompression-bomb problems and are not needed here.
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF")
MAX_PIXELS = 40_000_000  # 160 MB decoded; with its copies such an image takes a worker 200 MB, as WebP 830 MB
MAX_ENCODED_BYTES = 128 << 20
MIN_SIDE = 4  # smaller images are damaged or placeholders: enlarging them gives a flat colour
EXIF_ORIENTATION = 0x0112
MODES = {1: "L", 3: "RGB", 4: "RGBA"}
# (mode of a file, mode wanted) that every decoder turns into the same pixels
_ALIKE = {("1", "L"), ("P", "RGB")}
_ALIKE_IN_WEBP = {("RGB", "L"), ("RGB", "RGBA")}

# Our own limit below is stricter and gives a reason; Pillow's warning would only repeat it.
Image.MAX_IMAGE_PIXELS = None


class BadImageError(ValueError):
    """An image that cannot be used. The message is the reason, fit for a table of bad images."""


def looks_like_image(head: bytes) -> bool:
    """Whether a file that begins like this is an image; BMP's two letters say too little."""
    return head.startswith((b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a")) or (
        head[:4] == b"RIFF" and head[8:12] == b"WEBP"
    )


def is_deep_png(head: bytes) -> bool:
    """Whether a file that begins like this is a PNG with 16 bits per channel; Pillow gives most of them as 8."""
    return head.startswith(b"\x89PNG\r\n\x1a\n") and head[24:25] == b"\x10"


def decode(data: bytes) -> Image.Image:
    """Decodes an image file, upright and at its full size.

    Raises:
        BadImageError: Not an image of a known format, damaged, cut off, too small or over the pixel limit.
    """
    if not data:
        raise BadImageError("the file is empty (0 bytes)")
    if len(data) > MAX_ENCODED_BYTES:
        raise BadImageError(f"{len(data)} bytes, over the limit of {MAX_ENCODED_BYTES}")
    try:
        pixels = png.read_pixels(data, MAX_PIXELS)
        if pixels is not None:
            image = Image.fromarray(pixels)
            _check_size(image)
            return image
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a strange EXIF block is no reason to bother the user
            image = Image.open(io.BytesIO(png.ease(data, MAX_PIXELS)), formats=FORMATS)
            _check_size(image)
            image.load()
            return ImageOps.exif_transpose(image) if image.getexif().get(EXIF_ORIENTATION, 1) != 1 else image
    except BadImageError:
        raise
    except Image.UnidentifiedImageError:
        raise BadImageError("not a PNG, JPEG, WebP, BMP or GIF image") from None
    except (OSError, ValueError, SyntaxError, EOFError, IndexError, TypeError, OverflowError, MemoryError) as error:
        raise BadImageError(f"damaged or cut off ({_short(error)})") from error


def pixels_of(data: bytes, channels: int) -> np.ndarray:
    """Pixels of an image of a data set, as training sees them: uint8 `[H, W, channels]`.

    Palettes become their colours. WebP, which has no grey and drops an alpha channel that is opaque everywhere, gets
    back what it had.

    Raises:
        BadImageError: See `decode`; or it has another kind of pixels, which training would read in its own way.
    """
    image = decode(data)
    wanted = MODES[channels]
    if image.mode != wanted:
        alike = _ALIKE_IN_WEBP if image.format == "WEBP" else _ALIKE
        if (image.mode, wanted) not in alike or "transparency" in image.info:
            raise BadImageError(f"its pixels are {image.mode} in place of {wanted}")
        image = image.convert(wanted)
    pixels = np.asarray(image)
    return pixels if pixels.ndim == 3 else pixels[:, :, None]


def _check_size(image: Image.Image) -> None:
    width, height = image.size
    if min(width, height) < MIN_SIDE:
        raise BadImageError(f"{width}x{height} pixels: both sides must have at least {MIN_SIDE}")
    if width * height <= MAX_PIXELS:
        return
    if image.format == "JPEG":  # a JPEG can be decoded at 1/2, 1/4 or 1/8 of its size
        scale = next((part for part in (2, 4, 8) if width * height <= MAX_PIXELS * part * part), None)
        if scale is not None:
            image.draft(None, (-(-width // scale), -(-height // scale)))
            if image.size[0] * image.size[1] <= MAX_PIXELS:
                return
    raise BadImageError(f"{width}x{height} pixels, over the limit of {MAX_PIXELS}; reduce it first")


def _short(error: BaseException) -> str:
    return " ".join(str(error).split())[:120] or type(error).__name__


def from_array(array: np.ndarray, value_range: tuple[float, float] | None = None) -> Image.Image:
    """An array as an image.

    Args:
        array: `[H, W]`, `[H, W, C]` or `[C, H, W]` with C = 1, 3 or 4; uint8, uint16, or float in `value_range`.
        value_range: What black and white are in float arrays, e.g. `(0, 1)` or `(-1, 1)`.

    Raises:
        BadImageError: The shape, the type or the values do not fit.
    """
    if array.ndim == 3 and array.shape[2] not in MODES and array.shape[0] in MODES:
        array = array.transpose(1, 2, 0)
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in MODES):
        raise BadImageError(f"an array of shape {array.shape}; expected HxW, HxWxC or CxHxW with 1, 3 or 4 channels")
    if min(array.shape[:2]) < MIN_SIDE:
        raise BadImageError(f"{array.shape[1]}x{array.shape[0]} pixels: both sides must have at least {MIN_SIDE}")
    return Image.fromarray(np.ascontiguousarray(_to_uint8(array, value_range)))


def _to_uint8(array: np.ndarray, value_range: tuple[float, float] | None) -> np.ndarray:
    if array.dtype.kind in "iu" and value_range is not None:
        raise BadImageError(f"{array.dtype} values, whose black and white are known; leave --value-range out")
    if array.dtype == np.uint8:
        return array
    if array.dtype == np.uint16:
        return (array >> 8).astype(np.uint8)
    if array.dtype.kind == "f":
        if value_range is None:
            raise BadImageError(f"{array.dtype} values without a stated range; add for example --value-range 0,1")
        low, high = value_range
        scaled = (array.astype(np.float32) - low) * (255 / (high - low))
        if not np.isfinite(scaled).all():
            raise BadImageError("the array holds NaN or infinite values")
        if scaled.min() < -0.5 or scaled.max() > 255.5:
            raise BadImageError(
                f"values from {array.min():.4g} to {array.max():.4g} lie outside --value-range {low:g},{high:g}"
            )
        return np.rint(np.clip(scaled, 0, 255)).astype(np.uint8)
    raise BadImageError(f"an array of type {array.dtype}; expected uint8, uint16 or float")
