"""Brings an image to the stored size and channels.

16 bits per channel are scaled to 8; CMYK, palette and grey are converted to the wanted channels; transparent pixels are
laid over white unless 4 channels are wanted.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from gansformer_tf.data.images.decode import MODES, BadImageError
from gansformer_tf.data.images.resize import FILTERS, resize

LARGE_PIXELS = 8 << 20  # images above this are resized by Pillow from where they lie, without another copy
_PAD_COLOR = 0  # black bars


def fit(
    image: Image.Image,
    size: tuple[int, int],
    *,
    channels: int = 3,
    mode: str = "crop",
    resize_filter: str = "lanczos",
) -> Image.Image:
    """Brings an image to its stored size and channels.

    Args:
        image: As `decode` or `from_array` give it.
        size: (height, width) wanted.
        channels: 1 (grey), 3 (RGB) or 4 (RGBA).
        mode: "crop" cuts the middle out, "pad" adds black bars, "stretch" changes the proportions.
        resize_filter: "lanczos", "box" or "bicubic"; all of them average when shrinking.
    """
    height, width = size
    box = _crop_box(image.size, (width, height)) if mode == "crop" else None
    in_place = _is_large(image) and image.mode == MODES[channels] and not see_through(image)
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


def see_through(image: Image.Image) -> bool:
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
    """The middle of an image with the proportions of the target, in whole pixels; None keeps all of it."""
    width, height = size
    keep_width = min(width, max(1, round(height * target[0] / target[1])))
    keep_height = min(height, max(1, round(width * target[1] / target[0])))
    if (keep_width, keep_height) == size:
        return None
    left, top = (width - keep_width) // 2, (height - keep_height) // 2
    return left, top, left + keep_width, top + keep_height


def _to_mode(image: Image.Image, channels: int, box: tuple[int, int, int, int] | None) -> Image.Image:
    """Cuts and converts; cutting comes first so that large images are not copied whole."""
    if box is not None:
        image = image.crop(box)
    if image.mode in ("I;16", "I;16L", "I;16B", "I", "F"):
        image = _deep_to_grey(image)
    wanted = MODES[channels]
    if see_through(image) and channels != 4:
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
