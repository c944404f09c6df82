"""Pictures on disk: written whole or not at all, with what they were made from inside, never silently replaced."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, PngImagePlugin, UnidentifiedImageError

from gansformer_tf.files import replacing

FORMATS = ("png", "jpg", "webp", "tiff")
_JPEG_QUALITY = 95
_IMAGE_DESCRIPTION = 0x010E  # the tag that JPEG, WebP and TIFF files carry the metadata in
PNG_KEY = "Description"


class PictureExistsError(FileExistsError):
    """A picture of that name was made from something else."""


def prepare_folder(path: str | Path) -> Path:
    """Makes the folder and checks that files can be written into it.

    Raises:
        OSError: It cannot be made or written to; the message names the folder and the remedy.
    """
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".write-test-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise OSError(f"cannot write to the folder {folder} ({error.strerror}); choose another folder.") from error
    return folder


def save_picture(path: str | Path, pixels: np.ndarray, metadata: dict[str, Any] | None = None) -> None:
    """Writes a uint8 picture under a temporary name and renames it.

    Args:
        path: Ends in .png, .jpg, .webp or .tiff.
        pixels: uint8 `[height, width, channels]` with 1, 3 or 4 channels (JPEG: 1 or 3).
        metadata: JSON-ready values kept inside the file; `read_metadata` returns them.

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
        with replacing(path, durable=False) as temporary:
            image.save(temporary, **options)
    except OSError as error:
        reason = error.strerror or str(error)
        raise OSError(f"cannot write {path} ({reason}); free some space or choose another folder.") from error


def require_format(form: str, channels: int) -> None:
    """Raises `ValueError` if pictures of that many channels cannot be written in a format."""
    if form not in FORMATS:
        raise ValueError(f"the picture format {form!r} is unknown; choose one of {', '.join(FORMATS)}.")
    if form == "jpg" and channels == 4:
        raise ValueError("JPEG has no transparency; write the RGBA pictures of this model as png or webp.")


def read_metadata(path: str | Path) -> dict[str, Any] | None:
    """What `save_picture` kept in a file; None if it is no picture of ours."""
    try:
        with Image.open(path, formats=("PNG", "JPEG", "WEBP", "TIFF")) as image:
            text = image.info.get(PNG_KEY) or image.getexif().get(_IMAGE_DESCRIPTION)
        values = json.loads(text) if isinstance(text, str) else None
    except (OSError, UnidentifiedImageError, ValueError):
        return None
    return values if isinstance(values, dict) else None


def already_made(path: Path, metadata: dict[str, Any]) -> bool:
    """Whether the picture is there already, made from exactly the same things.

    Raises:
        PictureExistsError: A file of that name is there, but made from something else.
    """
    if not path.exists():
        return False
    if read_metadata(path) == metadata:
        return True
    raise PictureExistsError(
        f"{path} exists and was made from another model or with other settings; "
        "choose another --output-dir, or add --overwrite to replace it."
    )


@dataclass(frozen=True)
class PictureFolder:
    """A folder that pictures of one model go to; those of an earlier call are replaced.

    `metadata` is kept in every picture.
    """

    path: Path
    metadata: dict[str, Any] = field(default_factory=dict)

    def save(self, name: str, pixels: np.ndarray, **metadata: Any) -> Path:
        """Writes `name` (may lie in folders below) as PNG and returns its path."""
        path = self.file(f"{name}.png")
        save_picture(path, pixels, {**self.metadata, **metadata})
        return path

    def file(self, name: str) -> Path:
        """The path of a file in here; the folders on the way are made."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path
