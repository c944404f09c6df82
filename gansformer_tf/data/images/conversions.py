"""What of an image changes when it is stored, beyond its size: in words, to be counted."""

from __future__ import annotations

from PIL import Image

from gansformer_tf.data.images.fit import see_through

_GREY = ("1", "L", "LA", "La", "I", "I;16", "I;16L", "I;16B", "F")


def conversions(image: Image.Image, channels: int, deep: bool) -> tuple[str, ...]:
    """What storing an image with 1, 3 or 4 channels changes.

    Args:
        image: As `decode` gives it.
        channels: Of the stored image.
        deep: Whether the file or array has 16 bits per channel; the image may hide it.
    """
    found = []
    if image.format in ("PNG", "GIF", "WEBP") and getattr(image, "n_frames", 1) > 1:
        found.append("animated (first frame)")
    if deep:
        found.append("of 16 bits (to 8)")
    if image.mode == "CMYK":
        found.append("CMYK (to RGB)")
    if channels != 4 and see_through(image) and _has_clear_pixels(image):
        found.append("transparent (over white)")
    if image.mode in _GREY and channels != 1:
        found.append("grey (to RGB)" if channels == 3 else "grey (to RGBA)")
    if image.mode not in _GREY and channels == 1:
        found.append("coloured (to grey)")
    return tuple(found)


def _has_clear_pixels(image: Image.Image) -> bool:
    alpha = image if image.mode in ("RGBA", "LA") else image.convert("RGBA")
    lowest, _ = alpha.getchannel("A").getextrema()
    return lowest < 255  # type: ignore[operator]
