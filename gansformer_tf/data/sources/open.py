"""Which source a `--format` stands for, and what a place holds when no format is given."""

from __future__ import annotations

import os
from pathlib import Path

from gansformer_tf.config.data import SOURCE_FORMATS, SourceOptions
from gansformer_tf.data.records.original import holds_original
from gansformer_tf.data.sources.base import Source, SourceError
from gansformer_tf.data.sources.folder import FolderSource
from gansformer_tf.data.sources.hdf5 import Hdf5Source
from gansformer_tf.data.sources.labels import (
    FOLDERS,
    NONE,
    with_file_labels,
    with_folder_labels,
    with_own_labels,
    without_labels,
)
from gansformer_tf.data.sources.lmdb import LmdbSource
from gansformer_tf.data.sources.npy import ARRAY_EXTENSIONS, NpySource
from gansformer_tf.data.sources.original import OriginalSource
from gansformer_tf.data.sources.tfds import INFO, TfdsSource
from gansformer_tf.data.sources.walk import EXTENSIONS, extension_of, walk
from gansformer_tf.data.sources.zip import ZipSource

# Which formats read an option; elsewhere it would be ignored.
_READ_BY = {
    "array_key": ("npy", "hdf5"),
    "tfds_key": ("tfds",),
    "split": ("tfds",),
    "value_range": ("npy", "hdf5", "lmdb"),
    "array_shape": ("lmdb",),
}


def open_source(
    place: str | os.PathLike[str], format: str | None = None, options: SourceOptions | None = None
) -> Source:
    """Opens a source of images.

    Args:
        place: Folder, file or TFDS name.
        format: One of `SOURCE_FORMATS`; None looks at the place.
        options: Details of single formats, and labels.

    Raises:
        SourceError: The place is missing, empty or not of that format, labels do not fit, or an option is given that
            the format does not read.
    """
    options = options or SourceOptions()
    format = format or guess_format(place)
    for name, formats in _READ_BY.items():
        if getattr(options, name) != getattr(SourceOptions, name) and format not in formats:
            flag = f"--{name.replace('_', '-')}"
            raise SourceError(f"{flag} belongs to --format {' or '.join(formats)}, {place} is {format}; leave it out.")
    source = _open(place, format, options)
    if options.labels == NONE:
        return without_labels(source)
    if options.labels == FOLDERS:
        return with_folder_labels(source)
    if options.labels is not None:
        return with_file_labels(source, options.labels)
    if isinstance(source, FolderSource | ZipSource):
        return with_own_labels(source)
    return source


def _open(place: str | os.PathLike[str], format: str, options: SourceOptions) -> Source:
    if format in ("png", "jpg", "images"):
        return FolderSource(place, format)
    if format == "npy":
        return NpySource(place, options.value_range, options.array_key)
    if format == "hdf5":
        return Hdf5Source(place, options.array_key, options.value_range)
    if format == "lmdb":
        return LmdbSource(place, options.array_shape)
    if format == "tfds":
        return TfdsSource(place, options.tfds_key, options.split)
    if format == "zip":
        return ZipSource(place)
    if format == "tfrecords":
        return OriginalSource(place)
    raise ValueError(f"format {format!r}; it must be one of: {', '.join(SOURCE_FORMATS)}.")


def guess_format(place: str | os.PathLike[str]) -> str:
    """The format of a place, from what it is and holds.

    Raises:
        SourceError: There is nothing, or nothing known.
    """
    path = Path(place)
    suffixes = {".zip": "zip", ".npy": "npy", ".npz": "npy", ".h5": "hdf5", ".hdf5": "hdf5", ".mdb": "lmdb"}
    if path.is_file() and path.suffix.lower() in suffixes:
        return suffixes[path.suffix.lower()]
    if not path.is_dir():
        raise SourceError(f"{place} does not exist or is of no known kind; check --images-dir, or give --format.")
    if (path / INFO).is_file():
        return "tfds"
    if (path / "data.mdb").is_file():
        return "lmdb"
    if holds_original(path):
        return "tfrecords"
    if any(extension_of(entry.name) in ARRAY_EXTENSIONS for entry in path.iterdir()):
        return _images_or_arrays(path)
    return "images"


def _images_or_arrays(folder: Path) -> str:
    """A stray array among images is left out; images among arrays may be anything, so the user has to say."""
    names = [name.lower() for name in walk(folder)]
    arrays = sum(name.endswith(ARRAY_EXTENSIONS) for name in names)
    images = sum(name.endswith(EXTENSIONS["images"]) for name in names)
    if not images:
        return "npy"
    if images >= arrays:
        return "images"
    raise SourceError(
        f"{folder} holds {arrays} array(s) and {images} image(s); say which are meant with --format npy or "
        "--format images."
    )
