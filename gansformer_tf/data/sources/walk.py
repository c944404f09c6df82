"""The one walk through folders: which names are data, which files are images, and what is left out."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from gansformer_tf.data.images.decode import looks_like_image
from gansformer_tf.data.sources.base import LeftOut, SourceError

# WebP, BMP and GIF belong to both formats; what a file really is, its content says.
_EITHER = (".webp", ".bmp", ".dib", ".gif")
_PNG, _JPEG = (".png", ".apng"), (".jpg", ".jpeg", ".jpe", ".jfif", ".jif", ".pjpeg")
EXTENSIONS = {"png": _PNG + _EITHER, "jpg": _JPEG + _EITHER, "images": _PNG + _JPEG + _EITHER}
HIDDEN = "hidden"  # what is counted under this name was not looked at

# Names that systems, not people, give: thumbnails, recycle bins, settings of a folder.
_SYSTEM = {
    "__macosx",
    "@eadir",
    "@recycle",
    "#recycle",
    "$recycle.bin",
    "desktop.ini",
    "ehthumbs.db",
    "lost+found",
    "system volume information",
    "thumbs.db",
}
_HEAD_BYTES = 16


def is_no_data(name: str) -> bool:
    """Whether a file or folder of this name is no data, wherever it lies: hidden, or made by the system."""
    return name.startswith(".") or name.lower() in _SYSTEM


def walk(folder: str | os.PathLike[str], left_out: LeftOut | None = None) -> Iterator[str]:
    """Relative paths of all files that are data, sorted folder by folder, with `/`.

    Follows links to folders, but into no folder twice, and none that leads above where the walk began: what lies
    beside it belongs to somebody else.

    Args:
        folder: Where to begin; its own name does not matter.
        left_out: Counts hidden folders and hidden files that look like images.

    Raises:
        SourceError: A folder cannot be opened.
    """
    seen = {_identity(os.stat(parent)) for parent in Path(folder).resolve().parents}

    def visit(place: str, prefix: str) -> Iterator[str]:
        key = _identity(os.stat(place))
        if key in seen:  # a loop of symbolic links, or two links to one folder
            return
        seen.add(key)
        with os.scandir(place) as listing:
            entries = sorted((entry.name, _is_folder(entry)) for entry in listing)
        for name, is_folder in entries:
            if is_no_data(name):
                if left_out is not None and (is_folder or name.lower().endswith(EXTENSIONS["images"])):
                    left_out[HIDDEN] += 1
            elif is_folder:
                try:
                    yield from visit(os.path.join(place, name), f"{prefix}{name}/")
                except PermissionError as error:
                    raise SourceError(
                        f"the folder {prefix}{name} below {folder} cannot be opened ({error.strerror}); "
                        "allow reading it, or move it elsewhere."
                    ) from error
            else:
                yield prefix + name

    yield from visit(os.fspath(folder), "")


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself: reading it will say so
        return False


def images_among(
    names: Iterable[str], format: str, read_head: Callable[[str, int], bytes], left_out: LeftOut
) -> Iterator[str]:
    """The images among some files; the others are counted.

    Args:
        names: Paths or names of archive members.
        format: "png", "jpg" or "images". With "images", files with another extension or none are looked into.
        read_head: Gives the first bytes of a file.
        left_out: Counts the others by extension.
    """
    for name in names:
        if name.lower().endswith(EXTENSIONS[format]) or (
            format == "images" and looks_like_image(read_head(name, _HEAD_BYTES))
        ):
            yield name
        else:
            left_out[extension_of(name)] += 1


def extension_of(name: str) -> str:
    """The extension in small letters, as files are counted by it."""
    return os.path.splitext(name)[1].lower() or "without an extension"


def head_of(folder: Path) -> Callable[[str, int], bytes]:
    """A `read_head` for the files below a folder."""

    def read(name: str, size: int) -> bytes:
        try:
            with open(folder / name, "rb") as file:
                return file.read(size)
        except OSError:
            return b""

    return read


def listed(counts: Mapping[str, int]) -> str:
    """`2 .tif, 1 hidden`, the most frequent first; empty without any."""
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])))
