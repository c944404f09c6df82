"""ZIP archives as StyleGAN2 and StyleGAN3 make them, as data sets: images of one size, labels in `dataset.json`.

They are read in place. An image is given as the record that a prepared folder would hold, so that nothing behind this
module knows the difference.
"""

from __future__ import annotations

import collections
import functools
import io
import os
import zipfile
import zlib
from pathlib import Path

from gansformer_tf.data.images.decode import BadImageError
from gansformer_tf.data.images.header import Header, read_header
from gansformer_tf.data.manifest import DatasetError
from gansformer_tf.data.read.dataset_info import DatasetInfo
from gansformer_tf.data.records import keys
from gansformer_tf.data.records.example import encode_example
from gansformer_tf.data.records.tfrecord import CorruptRecordError
from gansformer_tf.data.sources.base import Source, SourceError, stamp
from gansformer_tf.data.sources.open import open_source
from gansformer_tf.data.sources.zip import member_problem

ENCODINGS = ("png", "jpeg", "webp")  # what TensorFlow decodes while training
_UNREADABLE = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError, OSError)
_REMEDY = "prepare it with prepare_data.py --format zip --images-dir"


def is_zip(path: str | os.PathLike[str]) -> bool:
    """Whether a path names an archive."""
    return Path(path).suffix.lower() == ".zip"


def read_zip(path: Path) -> DatasetInfo:
    """What an archive holds, from the headers of all images.

    Raises:
        DatasetError: There are no images, of several kinds, of one that has to be converted first, or labels that do
            not fit.
    """
    return _read_zip(path, stamp(path))


@functools.lru_cache(maxsize=4)  # a run asks several times, and an archive has up to a million headers
def _read_zip(path: Path, changed: str) -> DatasetInfo:
    source = _open(path)
    header = _common_header(path, source)
    return DatasetInfo(
        name=path.stem,
        folder=path.parent,
        height=header.height,
        width=header.width,
        channels=header.channels or 0,
        num_images=len(source),
        label_dim=source.label_dim,
        class_names=source.class_names,
        encoding=header.encoding,
        resize_filter="unknown",
        shards=(path.name,),
        shard_lengths=(len(source),),
    )


def _common_header(path: Path, source: Source) -> Header:
    """The header of the first image, if all are of its kind; damaged ones show when they are read."""
    first: Header | None = None
    kinds: collections.Counter[str] = collections.Counter()
    odd: dict[str, str] = {}  # the first image of every kind
    with zipfile.ZipFile(path) as archive:
        for index in range(len(source)):
            name = source.name(index)
            try:
                header = _header(archive, name)
            except BadImageError as error:
                if first is None:
                    raise DatasetError(f"{name} in {path}: {error}; {_REMEDY} {path}, which leaves it out.") from error
                continue
            first = first or header
            kind = f"{header.kind} {header.encoding}"
            kinds[kind] += 1
            odd.setdefault(kind, name)
    assert first is not None, "a source holds an image"
    if len(kinds) == 1 and first.channels is not None and first.encoding in ENCODINGS:
        return first
    counted = ", ".join(f"{count} {kind} (such as {odd[kind]})" for kind, count in kinds.most_common(4))
    raise DatasetError(
        f"{path} holds {counted}; training reads archives of grey, of RGB or of RGBA images that are all png, jpeg or "
        f"webp: {_REMEDY} {path}."
    )


def _header(archive: zipfile.ZipFile, name: str) -> Header:
    problem = member_problem(archive.getinfo(name))
    if problem is not None:
        raise BadImageError(problem)
    try:
        with archive.open(name) as member:
            return read_header(member)  # type: ignore[arg-type]
    except _UNREADABLE as error:
        raise BadImageError(f"cannot be read ({error})") from error


class ZipShard:
    """Images of an archive by number, as records.

    Args:
        path: The archive.
        size: (height, width) that every image must have.

    Raises:
        DatasetError: It cannot be read any more.
    """

    def __init__(self, path: Path, size: tuple[int, int]) -> None:
        self.path, self.size = path, size
        self._source = _open(path)
        self._archive = zipfile.ZipFile(path)

    def __len__(self) -> int:
        return len(self._source)

    def read(self, index: int) -> bytes:
        """Serialised `tf.train.Example` with the image's file and label. Safe to call from several threads.

        Raises:
            CorruptRecordError: The image is damaged, or has another size.
        """
        name = self._source.name(index)
        problem = member_problem(self._archive.getinfo(name))
        if problem is not None:
            raise self._corrupt(index, name, problem)
        try:
            content = self._archive.read(name)
            header = read_header(io.BytesIO(content))
            height, width = header.height, header.width
        except BadImageError as error:
            raise self._corrupt(index, name, f"cannot be read ({error})") from error
        except _UNREADABLE as error:
            raise self._corrupt(index, name, f"cannot be read ({error})") from error
        if (height, width) != self.size:
            problem = f"has {height}x{width} pixels in place of {self.size[0]}x{self.size[1]}"
            raise self._corrupt(index, name, problem)
        label = self._source.label(index)
        if label is None:
            return encode_example({keys.ENCODED: [content]})
        if isinstance(label, int):
            return encode_example({keys.ENCODED: [content], keys.LABEL: [label]})
        return encode_example({keys.ENCODED: [content], keys.LABEL_VECTOR: list(label)})

    def close(self) -> None:
        self._archive.close()

    def _corrupt(self, index: int, name: str, problem: str) -> CorruptRecordError:
        where = f"corrupt record {index} in shard {self.path.name}"
        return CorruptRecordError(f"{where}: {name} {problem}; {_REMEDY} {self.path}, which leaves bad images out.")


def _open(path: Path) -> Source:
    try:
        return open_source(path, "zip")
    except SourceError as error:
        raise DatasetError(str(error)) from error
