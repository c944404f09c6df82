"""Which source a `--format` stands for."""

from __future__ import annotations

import os

from gansformer_tf.data.sources.base import Source
from gansformer_tf.data.sources.folder import FolderSource

FORMATS = ("png", "jpg", "images")


def open_source(place: str | os.PathLike[str], format: str) -> Source:
    """Opens a source of pictures.

    Args:
        place: Folder, file or name.
        format: One of `FORMATS`.

    Raises:
        SourceError: The place is missing, empty or not of that format.
    """
    if format not in FORMATS:
        raise ValueError(f"format {format!r}; it must be one of: {', '.join(FORMATS)}.")
    return FolderSource(place, format)
