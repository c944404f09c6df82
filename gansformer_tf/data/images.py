"""One picture: decode, make upright, fit, resize, encode. No TensorFlow, so that workers stay small.

What unusual pictures become: 16 bits per channel are scaled to 8; CMYK, palette and grey are converted to the wanted
channels; transparent pixels are laid over white unless 4 channels are wanted; of an animation the first frame is
taken; EXIF rotation is applied; the content decides about the format, not the file name.
"""

from __future__ import annotations

import io
import warnings

import numpy as np
from PIL import Image, ImageOps

from gansformer_tf.data import png
from gansformer_tf.data.resize import FILTERS, resize

# Decoders of other formats in Pillow have had memory-safety and decompression-bomb problems and are not needed here.
FORMATS = ("PNG", "JPEG", "WEBP", "BMP")
MAX_PIXELS = 40_000_000  # 160 MB decoded; with its copies such a picture takes a worker 200 MB, as WebP 830 MB
LARGE_PIXELS = 8 << 20  # pictures above this are resized by Pillow from where they lie, without another copy
MAX_ENCODED_BYTES = 128 << 20
MIN_SIDE = 4  # smaller pictures are damaged or placeholders: enlarging them gives a flat colour
DEFAULT_QUALITY = {"jpeg": 95}
_MODES = {1: "L", 3: "RGB", 4: "RGBA"}
_PAD_COLOR = 0  # black bars

# Our own limit below is stricter and gives a reason; Pillow's warning would only repeat it.
Image.MAX_IMAGE_PIXELS = None


class BadImageError(ValueError):
    """A picture that cannot be used. The message is the reason, fit for a table of bad images."""


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
            return ImageOps.exif_transpose(image) if image.getexif().get(_EXIF_ORIENTATION, 1) != 1 else image
    except BadImageError:
        raise
    except Image.UnidentifiedImageError:
        raise BadImageError("not a PNG, JPEG, WebP or BMP image") from None
    except (OSError, ValueError, SyntaxError, EOFError, IndexError, TypeError, OverflowError, MemoryError) as error:
        raise BadImageError(f"damaged or cut off ({_short(error)})") from error


_EXIF_ORIENTATION = 0x0112


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
    if array.ndim == 3 and array.shape[2] not in _MODES and array.shape[0] in _MODES:
        array = array.transpose(1, 2, 0)
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in _MODES):
        raise BadImageError(f"an array of shape {array.shape}; expected HxW, HxWxC or CxHxW with 1, 3 or 4 channels")
    if min(array.shape[:2]) < MIN_SIDE:
        raise BadImageError(f"{array.shape[1]}x{array.shape[0]} pixels: both sides must have at least {MIN_SIDE}")
    return Image.fromarray(np.ascontiguousarray(_to_uint8(array, value_range)))


def _to_uint8(array: np.ndarray, value_range: tuple[float, float] | None) -> np.ndarray:
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


def fit(
    image: Image.Image,
    size: tuple[int, int],
    *,
    channels: int = 3,
    mode: str = "crop",
    resize_filter: str = "lanczos",
) -> Image.Image:
    """Brings a picture to its stored size and channels.

    Args:
        image: As `decode` or `from_array` give it.
        size: (height, width) wanted.
        channels: 1 (grey), 3 (RGB) or 4 (RGBA).
        mode: "crop" cuts the middle out, "pad" adds black bars, "stretch" changes the proportions.
        resize_filter: "lanczos", "box" or "bicubic"; all of them average when shrinking.
    """
    height, width = size
    box = _crop_box(image.size, (width, height)) if mode == "crop" else None
    in_place = _is_large(image) and image.mode == _MODES[channels] and not _see_through(image)
    if not in_place:
        image, box = _to_mode(image, channels, box), None
    target = (width, height)
    if mode == "pad":
        scale = min(width / image.width, height / image.height)
        target = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    if image.size != target:
        image = _resize(image, target, resize_filter, box)
    if mode == "pad" and target != (width, height):
        canvas = Image.new(image.mode, (width, height), _PAD_COLOR)
        canvas.paste(image, ((width - target[0]) // 2, (height - target[1]) // 2))
        image = canvas
    return image


def _is_large(image: Image.Image) -> bool:
    return image.width * image.height > LARGE_PIXELS


def _see_through(image: Image.Image) -> bool:
    return image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info


def _resize(
    image: Image.Image, target: tuple[int, int], resize_filter: str, box: tuple[int, int, int, int] | None
) -> Image.Image:
    # Pillow weighs colours with their alpha
    if image.mode == "RGBA" or resize_filter not in FILTERS or _is_large(image):
        return image.resize(target, Image.Resampling[resize_filter.upper()], box=box)
    pixels = np.asarray(image)
    pixels = resize(pixels if pixels.ndim == 3 else pixels[:, :, None], target[::-1], resize_filter)
    return Image.fromarray(pixels if pixels.shape[2] == 3 else pixels[:, :, 0])


def _crop_box(size: tuple[int, int], target: tuple[int, int]) -> tuple[int, int, int, int] | None:
    """The middle of a picture with the proportions of the target, in whole pixels; None keeps all of it."""
    width, height = size
    keep_width = min(width, max(1, round(height * target[0] / target[1])))
    keep_height = min(height, max(1, round(width * target[1] / target[0])))
    if (keep_width, keep_height) == size:
        return None
    left, top = (width - keep_width) // 2, (height - keep_height) // 2
    return left, top, left + keep_width, top + keep_height


def _to_mode(image: Image.Image, channels: int, box: tuple[int, int, int, int] | None) -> Image.Image:
    """Cuts and converts; cutting comes first so that large pictures are not copied whole."""
    if box is not None:
        image = image.crop(box)
    if image.mode in ("I;16", "I;16L", "I;16B", "I", "F"):
        image = _deep_to_grey(image)
    wanted = _MODES[channels]
    if _see_through(image) and channels != 4:
        image = image.convert("RGBA")
        canvas = Image.new("RGBA", image.size, (255, 255, 255, 255))
        canvas.alpha_composite(image)
        image = canvas
    return image if image.mode == wanted else image.convert(wanted)


def _deep_to_grey(image: Image.Image) -> Image.Image:
    values = np.asarray(image)
    if values.dtype.kind == "f" or values.min(initial=0) < 0:
        raise BadImageError(f"grey values of mode {image.mode} without a known range")
    return Image.fromarray((values.astype(np.uint32).clip(0, 65535) >> 8).astype(np.uint8))


def encode(image: Image.Image, encoding: str, quality: int | None = None) -> bytes:
    """The bytes that are stored: an image file, or the plain pixels `[H, W, C]` for "raw".

    Args:
        image: Mode L, RGB or RGBA.
        encoding: "png", "jpeg", "webp" or "raw".
        quality: 1..100 for jpeg (default 95, colour at full resolution) and webp (None: lossless).
    """
    if encoding == "raw":
        return image.tobytes()
    buffer = io.BytesIO()
    if encoding == "jpeg":
        image.save(buffer, "JPEG", quality=quality or DEFAULT_QUALITY["jpeg"], subsampling=0)
    elif encoding == "webp":
        lossless = quality is None
        image.save(
            buffer,
            "WEBP",
            lossless=lossless,
            exact=True,
            quality=0 if lossless else quality,
            method=0 if lossless else 4,
        )
    elif encoding == "png":
        image.save(buffer, "PNG", compress_level=PNG_LEVEL)
    else:
        raise ValueError(f"encoding {encoding!r}; it must be one of: png, jpeg, webp, raw.")
    return buffer.getvalue()


# Photographs take as many bytes as at 6, in three quarters of the time; flat drawings 4 to 7 % more bytes.
PNG_LEVEL = 4
