"""ZIP archives of images, with an optional `dataset.json` of labels. Members are read in place, never unpacked."""

from __future__ import annotations

import os
import zipfile
import zlib
from collections.abc import Iterator, Sequence

from gansformer_tf.data.images.decode import MAX_ENCODED_BYTES
from gansformer_tf.data.sources.base import Item, NameTable, Source, SourceError, digest, stamp
from gansformer_tf.data.sources.walk import EXTENSIONS, HIDDEN, LeftOut, images_among, is_no_data, listed

_MAX_TEXT_BYTES = 1 << 30
_UNREADABLE = (zipfile.BadZipFile, zlib.error, OSError, EOFError, RuntimeError, NotImplementedError)


class ZipSource(Source):
    """Image files in an archive.

    Members with an absolute name or `..` in it are reported as bad: such archives were made to write outside of
    their folder. So are members that claim to be larger than an image can be (decompression bombs).

    Args:
        place: The archive.
        below: Only members whose name starts with this.

    Raises:
        SourceError: The archive is missing, damaged or holds no image.
    """

    format = "zip"

    def __init__(self, place: str | os.PathLike[str], below: str = "") -> None:
        self.place = os.fspath(place)
        if not os.path.isfile(place):
            raise SourceError(f"the archive {self.place} does not exist; give a .zip file as --images-dir.")
        self.left_out = LeftOut()
        try:
            with zipfile.ZipFile(place) as archive:
                members = sorted(name for name in archive.namelist() if name.startswith(below) and name[-1:] != "/")
                data = [name for name in members if self._is_data(name)]
                names = list(images_among(data, "images", lambda name, size: _head(archive, name, size), self.left_out))
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
            raise SourceError(
                f"{self.place} is no readable ZIP archive ({error}); copy or download it again."
            ) from error
        if not names:
            held = f" (it holds {listed(self.left_out)})" if self.left_out else ""
            raise SourceError(
                f"{self.place} holds no {', '.join(EXTENSIONS['images'])} file{below and ' below ' + below}{held}."
            )
        self.names = NameTable(names)

    def _is_data(self, name: str) -> bool:
        hidden = any(is_no_data(part) for part in name.split("/") if part != "..")
        if hidden and name.lower().endswith(EXTENSIONS["images"]):
            self.left_out[HIDDEN] += 1
        return not hidden

    def __len__(self) -> int:
        return len(self.names)

    def name(self, index: int) -> str:
        return self.names[index]

    def read(self, indices: Sequence[int]) -> Iterator[Item]:
        with zipfile.ZipFile(self.place) as archive:
            for index in indices:
                name = self.names[index]
                problem = member_problem(archive.getinfo(name))
                if problem is not None:
                    yield Item(name, problem=problem)
                    continue
                try:
                    with archive.open(name) as member:
                        yield Item(name, encoded=member.read(MAX_ENCODED_BYTES + 1))
                except _UNREADABLE as error:
                    yield Item(name, problem=f"cannot be read: {error}")

    def text_of(self, name: str) -> str | None:
        """Content of a text member, or None without one."""
        with zipfile.ZipFile(self.place) as archive:
            info = archive.NameToInfo.get(name)
            if info is None:
                return None
            if info.file_size > _MAX_TEXT_BYTES:
                raise SourceError(f"{name} in {self.place} claims {info.file_size} bytes; remove it.")
            try:
                return archive.read(info).decode("utf-8-sig")
            except (*_UNREADABLE, UnicodeDecodeError) as error:
                raise SourceError(f"{name} in {self.place} cannot be read ({error}); use --labels none.") from error

    def identity(self) -> str:
        return digest([stamp(self.place), *self.names])


def _head(archive: zipfile.ZipFile, name: str, size: int) -> bytes:
    try:
        with archive.open(name) as member:
            return member.read(size)
    except _UNREADABLE:
        return b""


def member_problem(info: zipfile.ZipInfo) -> str | None:
    """Why a member is not read, or None."""
    name = info.filename
    parts = name.replace("\\", "/").split("/")
    if name.startswith("/") or ".." in parts or (len(name) > 1 and name[1] == ":"):
        return "the member's name leads outside of the archive"
    if info.file_size > MAX_ENCODED_BYTES:
        return f"the member claims {info.file_size} bytes, over the limit of {MAX_ENCODED_BYTES}"
    return None
