"""A folder of image files, searched recursively."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from gansformer_tf.data.images.decode import MAX_ENCODED_BYTES
from gansformer_tf.data.sources.base import Item, NameTable, Source, SourceError, digest, stamp

# WebP and BMP belong to both formats; what a file really is, its content says.
EXTENSIONS = {
    "png": (".png", ".webp", ".bmp"),
    "jpg": (".jpg", ".jpeg", ".webp", ".bmp"),
    "images": (".png", ".jpg", ".jpeg", ".webp", ".bmp"),
}


class FolderSource(Source):
    """Image files below a folder, in the order of their paths.

    Args:
        folder: The folder.
        format: "png", "jpg" or "images" (both).

    Raises:
        SourceError: The folder is missing or holds no such file.
    """

    def __init__(self, folder: str | os.PathLike[str], format: str = "images") -> None:
        self.format = format
        self.place = os.fspath(folder)
        if not os.path.isdir(folder):
            raise SourceError(f"the folder {self.place} does not exist; give the folder of pictures as --images-dir.")
        self.names = NameTable(walk(Path(folder), EXTENSIONS[format]))
        if not len(self.names):
            raise SourceError(
                f"the folder {self.place} holds no {', '.join(EXTENSIONS[format])} file; "
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

    def identity(self) -> str:
        return digest([self.format, *(f"{name} {stamp(os.path.join(self.place, name))}" for name in self.names)])


def _read(name: str, path: str) -> Item:
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size > MAX_ENCODED_BYTES:
            return Item(name, problem=f"{size} bytes, over the limit of {MAX_ENCODED_BYTES}")
        return Item(name, encoded=file.read())


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself: reading it will say so
        return False


def walk(folder: Path, extensions: tuple[str, ...]) -> Iterator[str]:
    """Relative paths of the files, sorted folder by folder; follows links to folders, but into no folder twice."""
    seen: set[tuple[int, int]] = set()

    def visit(place: str, prefix: str) -> Iterator[str]:
        status = os.stat(place)
        key = (status.st_dev, status.st_ino)
        if key in seen:  # a loop of symbolic links, or two links to one folder
            return
        seen.add(key)
        with os.scandir(place) as listing:
            entries = sorted((entry.name, _is_folder(entry)) for entry in listing)
        for name, is_folder in entries:
            if is_folder:
                try:
                    yield from visit(os.path.join(place, name), f"{prefix}{name}/")
                except PermissionError as error:
                    raise SourceError(
                        f"the folder {prefix}{name} below {folder} cannot be opened ({error.strerror}); "
                        "allow reading it, or move it elsewhere."
                    ) from error
            elif name.lower().endswith(extensions) and not name.startswith("."):
                yield prefix + name

    yield from visit(os.fspath(folder), "")
