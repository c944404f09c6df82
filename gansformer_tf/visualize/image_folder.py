"""Folders that images go to; what is there is never silently replaced."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from gansformer_tf.image_files import SHEET, SOFTWARE, read_metadata, save_image


class ImageExistsError(FileExistsError):
    """An image of that name was made from something else."""


def already_made(path: Path, metadata: dict[str, Any]) -> bool:
    """Whether the image is there already, made from exactly the same things.

    Raises:
        ImageExistsError: A file of that name is there, but made from something else.
    """
    if not path.exists():
        return False
    if read_metadata(path) == metadata:
        return True
    raise ImageExistsError(
        f"{path} exists and was made from another model or with other settings; "
        "choose another --output-dir, or add --overwrite to replace it."
    )


@dataclass(frozen=True)
class ImageFolder:
    """A folder that images of one model go to; those of an earlier call are replaced.

    `metadata` is kept in every image.
    """

    path: Path
    metadata: dict[str, Any] = field(default_factory=dict)

    def save(self, name: str, pixels: np.ndarray, kind: str = SHEET, **metadata: Any) -> Path:
        """Writes `name` (may lie in folders below) as PNG and returns its path.

        `kind` is one of `image_files.IMAGE`, `PANEL` and `SHEET`.
        """
        path = self.file(f"{name}.png")
        save_image(path, pixels, {"software": SOFTWARE, "kind": kind, **self.metadata, **metadata})
        return path

    def file(self, name: str) -> Path:
        """The path of a file in here; the folders on the way are made."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path
