"""ZIP archives as StyleGAN2 and StyleGAN3 make them, as data sets: pictures of one size, labels in `dataset.json`.

They are read in place. A picture is given as the record that a prepared folder would hold, so that nothing behind this
module knows the difference.
"""

from __future__ import annotations

import io
import os
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

from PIL import Image

from gansformer_tf.data.images.decode import BadImageError, decode
from gansformer_tf.data.manifest import DatasetError
from gansformer_tf.data.read.dataset_info import DatasetInfo
from gansformer_tf.data.records import keys
from gansformer_tf.data.records.example import encode_example
from gansformer_tf.data.records.tfrecord import CorruptRecordError
from gansformer_tf.data.sources.base import Source, SourceError
from gansformer_tf.data.sources.open import open_source
from gansformer_tf.data.sources.zip import member_problem

# what TensorFlow decodes while training
ENCODINGS: Mapping[str, str] = {".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".webp": "webp"}
_UNREADABLE = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError, OSError)
_REMEDY = "prepare it with prepare_data.py --format zip --images-dir"


def is_zip(path: str | os.PathLike[str]) -> bool:
    """Whether a path names an archive."""
    return Path(path).suffix.lower() == ".zip"


def read_zip(path: Path) -> DatasetInfo:
    """What an archive holds; its first picture stands for all.

    Raises:
        DatasetError: There are no pictures, of several kinds, or labels that do not fit.
    """
    source = _open(path)
    kinds = {Path(source.name(index)).suffix.lower() for index in range(len(source))}
    encodings = {ENCODINGS.get(kind) for kind in kinds}
    if len(encodings) > 1 or None in encodings:
        raise DatasetError(
            f"{path} holds {', '.join(sorted(kinds))} files; training reads an archive of .png, of .jpg or of .webp "
            f"files: {_REMEDY} {path}."
        )
    item = next(iter(source.read([0])))
    try:
        if item.encoded is None:
            raise BadImageError(item.problem)
        image = decode(item.encoded)
    except BadImageError as error:
        raise DatasetError(f"{item.name} in {path}: {error}; {_REMEDY} {path}, which leaves it out.") from error
    return DatasetInfo(
        name=path.stem,
        folder=path.parent,
        height=image.height,
        width=image.width,
        channels=len(image.getbands()),
        num_images=len(source),
        label_dim=source.label_dim,
        class_names=source.class_names,
        encoding=str(encodings.pop()),
        resize_filter="unknown",
        shards=(path.name,),
        shard_lengths=(len(source),),
    )


class ZipShard:
    """Pictures of an archive by number, as records.

    Args:
        path: The archive.
        size: (height, width) that every picture must have.

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
        """Serialised `tf.train.Example` with the picture's file and label. Safe to call from several threads.

        Raises:
            CorruptRecordError: The picture is damaged, or has another size.
        """
        name = self._source.name(index)
        problem = member_problem(self._archive.getinfo(name))
        if problem is not None:
            raise self._corrupt(index, name, problem)
        try:
            content = self._archive.read(name)
            with Image.open(io.BytesIO(content)) as header:
                width, height = header.size
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
        return CorruptRecordError(f"{where}: {name} {problem}; {_REMEDY} {self.path}, which leaves bad pictures out.")


def _open(path: Path) -> Source:
    try:
        return open_source(path, "zip")
    except SourceError as error:
        raise DatasetError(str(error)) from error
