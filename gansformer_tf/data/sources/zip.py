"""ZIP archives of images, with an optional `dataset.json` of labels. Members are read in place, never unpacked."""

from __future__ import annotations

import json
import os
import posixpath
import zipfile
import zlib
from collections.abc import Iterator, Sequence

from gansformer_tf.data.images.decode import MAX_ENCODED_BYTES
from gansformer_tf.data.sources.base import Item, NameTable, Source, SourceError, digest, stamp
from gansformer_tf.data.sources.folder import EXTENSIONS

LABELS_MEMBER = "dataset.json"
_MAX_LABELS_BYTES = 1 << 30


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
        try:
            with zipfile.ZipFile(place) as archive:
                names = sorted(
                    name
                    for name in archive.namelist()
                    if name.startswith(below) and name.lower().endswith(EXTENSIONS["images"]) and not _hidden(name)
                )
                self.has_labels = LABELS_MEMBER in archive.NameToInfo
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
            raise SourceError(
                f"{self.place} is no readable ZIP archive ({error}); copy or download it again."
            ) from error
        if not names:
            raise SourceError(
                f"{self.place} holds no {', '.join(EXTENSIONS['images'])} file{below and ' below ' + below}."
            )
        self.names = NameTable(names)

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
                except (zipfile.BadZipFile, zlib.error, OSError, EOFError, RuntimeError, NotImplementedError) as error:
                    yield Item(name, problem=f"cannot be read: {error}")

    def labels_text(self) -> str | None:
        """Content of `dataset.json`, or None without one."""
        if not self.has_labels:
            return None
        with zipfile.ZipFile(self.place) as archive:
            info = archive.getinfo(LABELS_MEMBER)
            if info.file_size > _MAX_LABELS_BYTES:
                raise SourceError(f"{LABELS_MEMBER} in {self.place} claims {info.file_size} bytes; remove it.")
            return archive.read(info).decode("utf-8")

    def identity(self) -> str:
        return digest([stamp(self.place), *self.names])


def has_json_labels(text: str) -> bool:
    """Whether a `dataset.json` holds labels; StyleGAN writes `{"labels": null}` without any."""
    try:
        values = json.loads(text)
    except json.JSONDecodeError:
        return True  # reading the labels will say what is wrong
    return not (isinstance(values, dict) and "labels" in values and values["labels"] is None)


def _hidden(name: str) -> bool:
    return name.startswith("__MACOSX/") or posixpath.basename(name).startswith(".")


def member_problem(info: zipfile.ZipInfo) -> str | None:
    """Why a member is not read, or None."""
    name = info.filename
    parts = name.replace("\\", "/").split("/")
    if name.startswith("/") or ".." in parts or (len(name) > 1 and name[1] == ":"):
        return "the member's name leads outside of the archive"
    if info.file_size > MAX_ENCODED_BYTES:
        return f"the member claims {info.file_size} bytes, over the limit of {MAX_ENCODED_BYTES}"
    return None
