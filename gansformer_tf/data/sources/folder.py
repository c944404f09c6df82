"""A folder of image files, searched recursively."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from gansformer_tf.data.images.decode import MAX_ENCODED_BYTES
from gansformer_tf.data.sources.base import Item, NameTable, Source, SourceError, digest, stamp
from gansformer_tf.data.sources.walk import EXTENSIONS, LeftOut, head_of, images_among, listed, walk


class FolderSource(Source):
    """Image files below a folder, in the order of their paths.

    Args:
        folder: The folder.
        format: "png", "jpg" or "images" (both, and any file that begins as an image does).

    Raises:
        SourceError: The folder is missing or holds no such file.
    """

    def __init__(self, folder: str | os.PathLike[str], format: str = "images") -> None:
        self.format = format
        self.place = os.fspath(folder)
        if not os.path.isdir(folder):
            raise SourceError(f"the folder {self.place} does not exist; give the folder of images as --images-dir.")
        self.left_out = LeftOut()
        found = images_among(walk(folder, self.left_out), format, head_of(Path(folder)), self.left_out)
        self.names = NameTable(found)
        if not len(self.names):
            held = f" (it holds {listed(self.left_out)})" if self.left_out else ""
            raise SourceError(
                f"the folder {self.place} holds no {', '.join(EXTENSIONS[format])} file{held}; "
                "check --images-dir and --format (png, jpg, or images for both)."
            )

    def __len__(self) -> int:
        return len(self.names)

    def name(self, index: int) -> str:
        return self.names[index]

    def read(self, indices: Sequence[int]) -> Iterator[Item]:
        for index in indices:
            name = self.names[index]
            try:
                yield _read(name, os.path.join(self.place, name))
            except OSError as error:
                yield Item(name, problem=f"cannot be read: {error.strerror or error}")

    def text_of(self, name: str) -> str | None:
        """Content of a text file beside the images, or None without one."""
        path = Path(self.place) / name
        if not path.is_file():
            return None
        try:
            return path.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise SourceError(f"{path} cannot be read ({error}); mend it, or use --labels none.") from error

    def identity(self) -> str:
        return digest([self.format, *(f"{name} {stamp(os.path.join(self.place, name))}" for name in self.names)])


def _read(name: str, path: str) -> Item:
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size > MAX_ENCODED_BYTES:
            return Item(name, problem=f"{size} bytes, over the limit of {MAX_ENCODED_BYTES}")
        return Item(name, encoded=file.read())
