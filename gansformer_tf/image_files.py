"""Image files of ours: written whole or not at all, with what they were made from inside."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, JpegImagePlugin, PngImagePlugin, TiffImagePlugin, WebPImagePlugin

from gansformer_tf.files import replacing

FORMATS = ("png", "jpg", "webp", "tiff")
PNG_KEY = "Description"
SOFTWARE = "gansformer-tf"
# The `kind` in a file's metadata: one sample of a model, maps made of one sample, several images side by side.
IMAGE, PANEL, SHEET = "image", "panel", "sheet"
_JPEG_QUALITY = 95
_IMAGE_DESCRIPTION = 0x010E  # the tag that JPEG, WebP and TIFF files carry the metadata in
# Made directly and not by `Image.open`, which refuses very large images although only their head is read here.
_READERS: tuple[Any, ...] = (
    PngImagePlugin.PngImageFile,
    JpegImagePlugin.JpegImageFile,
    WebPImagePlugin.WebPImageFile,
    TiffImagePlugin.TiffImageFile,
)


def save_image(
    path: str | os.PathLike[str], pixels: np.ndarray, metadata: dict[str, Any] | None = None, *, durable: bool = False
) -> None:
    """Writes a uint8 image under a temporary name and renames it.

    Args:
        path: Ends in .png, .jpg, .webp or .tiff.
        pixels: uint8 `[height, width, channels]` with 1, 3 or 4 channels (JPEG: 1 or 3).
        metadata: JSON-ready values kept inside the file; `read_metadata` returns them.
        durable: Whether to wait until the file has reached the disk.

    Raises:
        ValueError: An unknown format, or RGBA as JPEG.
        OSError: The file cannot be written.
    """
    path = Path(path)
    form = path.suffix.lower().lstrip(".")
    require_format(form, pixels.shape[-1])
    image = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
    text = json.dumps(metadata or {}, sort_keys=True)
    options: dict[str, Any]
    if form == "png":
        info = PngImagePlugin.PngInfo()
        info.add_text(PNG_KEY, text)
        options = {"format": "PNG", "pnginfo": info}
    elif form == "tiff":
        options = {"format": "TIFF", "tiffinfo": {_IMAGE_DESCRIPTION: text}, "compression": "tiff_deflate"}
    else:
        exif = Image.Exif()
        exif[_IMAGE_DESCRIPTION] = text
        options = {"format": "JPEG" if form == "jpg" else "WEBP", "exif": exif, "quality": _JPEG_QUALITY}
    try:
        with replacing(path, durable=durable) as temporary:
            image.save(temporary, **options)
    except OSError as error:
        reason = error.strerror or str(error)
        raise OSError(f"cannot write {path} ({reason}); free some space or choose another folder.") from error


def require_format(form: str, channels: int) -> None:
    """Raises `ValueError` if images of that many channels cannot be written in a format."""
    if form not in FORMATS:
        raise ValueError(f"the image format {form!r} is unknown; choose one of {', '.join(FORMATS)}.")
    if form == "jpg" and channels == 4:
        raise ValueError("JPEG has no transparency; write the RGBA images of this model as png or webp.")


def read_metadata(source: str | os.PathLike[str] | bytes) -> dict[str, Any] | None:
    """What `save_image` kept in a file, or in its content; None if it is no image of ours. Pixels are not decoded."""
    for reader in _READERS:
        try:
            with io.BytesIO(source) if isinstance(source, bytes) else open(source, "rb") as file, reader(file) as image:
                # Pillow would decode a PNG to look for a description behind its pixels, where ours never stands.
                text = image.info.get(PNG_KEY) if image.format == "PNG" else image.getexif().get(_IMAGE_DESCRIPTION)
            values = json.loads(text) if isinstance(text, str) else None
        except SyntaxError:  # another format
            continue
        except (OSError, ValueError):
            return None
        return values if isinstance(values, dict) else None
    return None


def is_sheet(source: str | os.PathLike[str] | bytes) -> bool:
    """Whether an image file was written by this package and is no sample: a sheet of several images, or maps of one."""
    values = read_metadata(source) or {}
    return values.get("software") == SOFTWARE and values.get("kind") in (PANEL, SHEET)
