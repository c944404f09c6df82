"""The catalog: data sets of the papers, where they are, and how they are prepared."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gansformer_tf.data.download.fetch import DownloadError, RefusedError, check_archive, download
from gansformer_tf.data.download.unpack import unpack
from gansformer_tf.data.records.original import holds_original
from gansformer_tf.data.sources.base import Source, SourceError
from gansformer_tf.data.sources.folder import FolderSource
from gansformer_tf.data.sources.lmdb import LmdbSource
from gansformer_tf.data.sources.original import OriginalSource
from gansformer_tf.data.sources.walk import walk
from gansformer_tf.data.sources.zip import ZipSource

# What an archive holds.
RECORDS = "records"  # TFRecords of the original code, as a file or in a ZIP
ZIPPED_IMAGES = "zipped images"  # read in place
TARRED_IMAGES = "tarred images"
LMDB = "lmdb"

DOWNLOADS = "downloads"
ReportBytes = Callable[[str, int, int | None], None]  # (what is being done, bytes done, bytes in all)


@dataclass(frozen=True)
class Archive:
    """One file that can be downloaded.

    `below` is the folder of the pictures within it. `gigabytes` is rounded.
    """

    file: str
    url: str
    md5: str | None
    gigabytes: float
    content: str
    below: str = ""


@dataclass(frozen=True)
class Entry:
    """A data set: archives in the order in which they are tried, and settings that the user did not type.

    `gamma` is the weight of the R1 penalty that the paper used for it.
    """

    name: str
    title: str
    num_images: int
    archives: tuple[Archive, ...]
    resolution: int = 256
    ratio: float = 1.0
    num_shards: int | None = None
    gamma: float = 10.0


CATALOG = {
    entry.name: entry
    for entry in (
        Entry(
            "clevr",
            "CLEVR",
            100_000,
            (
                Archive(
                    "CLEVR_v1.0.zip",
                    "https://dl.fbaipublicfiles.com/clevr/CLEVR_v1.0.zip",
                    "b11922020e72d0cd9154779b2d3d07d2",
                    18,
                    ZIPPED_IMAGES,
                    below="CLEVR_v1.0/images/",
                ),
                Archive(
                    "clevr.zip",
                    "https://drive.google.com/uc?id=1lY4JE30yk26v0MWHNpXBOMzltufUcTXj",
                    "3040bb20a29cd2f0e1e9231aebddf2a1",
                    6,
                    RECORDS,
                ),
            ),
            ratio=0.75,
            num_shards=5,
            gamma=40.0,
        ),
        Entry(
            "ffhq",
            "FFHQ",
            70_000,
            (
                Archive(
                    "ffhq-r08.tfrecords1of1",
                    "http://downloads.cs.stanford.edu/nlp/data/dorarad/ffhq-r08.tfrecords1of1",
                    "74de4f07dc7bfb07c0ad4471fdac5e67",
                    13,
                    RECORDS,
                ),
            ),
        ),
        Entry(
            "cityscapes",
            "Cityscapes",
            25_000,
            (
                Archive(
                    "cityscapes.zip",
                    "https://drive.google.com/uc?id=1t9Qhxm0iHFd3k-xTYEbKosSx_DkyoLLJ",
                    "953d231046275120dc1f73a5aebc9087",
                    2,
                    RECORDS,
                ),
            ),
            ratio=0.5,
            num_shards=16,
            gamma=20.0,
        ),
        Entry(
            "bedrooms",
            "LSUN bedrooms",
            3_033_042,
            (
                Archive(
                    "bedroom_train_lmdb.zip",
                    "http://dl.yf.io/lsun/scenes/bedroom_train_lmdb.zip",
                    "f2c5d904a82a6295dbdccb322b4b0a99",
                    43,
                    LMDB,
                    below="bedroom_train_lmdb",
                ),
            ),
            ratio=188 / 256,
            num_shards=64,
            gamma=100.0,
        ),
        Entry(
            "cartoonset",
            "CartoonSet 10k",
            10_000,
            (
                Archive(
                    "cartoonset10k.tgz",
                    "https://storage.googleapis.com/cartoonset_public_files/cartoonset10k.tgz",
                    None,  # the publisher gives none
                    0.4,
                    TARRED_IMAGES,
                ),
            ),
            resolution=64,
        ),
    )
}


def open_entry(entry: Entry, data_dir: Path, archive: Path | None = None, report: ReportBytes | None = None) -> Source:
    """Downloads (or takes `archive`), verifies and unpacks what a catalog entry needs, and opens it.

    Raises:
        RefusedError: No host gives the file; the message names the step by hand.
        DownloadError: The file is not the published one, or the connection failed.
        UnpackError: The archive is damaged.
        SourceError: The archive holds something else.
    """
    report = report or (lambda what, done, total: None)
    folder = data_dir / DOWNLOADS
    if archive is not None:
        return _open_archive(*_recognise(entry, archive), folder, report)
    refusals = []
    for known in entry.archives:
        try:
            found = download(
                _direct(known.url),
                folder / known.file,
                md5=known.md5,
                on_progress=functools.partial(report, known.file),
            )
        except RefusedError as error:
            refusals.append(str(error))
            continue
        return _open_archive(known, found.path, folder, report)
    addresses = " or ".join(known.url for known in entry.archives)
    raise RefusedError(
        f"{' '.join(refusals)} Open {addresses} in a browser, save the file, and run the command again with "
        "--source-archive PATH."
    )


def _direct(url: str) -> str:
    """Google Drive's address of the file itself; the published one shows a page with a question for large files."""
    head, _, identifier = url.partition("drive.google.com/uc?id=")
    if not identifier or head != "https://":
        return url
    return f"https://drive.usercontent.google.com/download?id={identifier}&export=download&confirm=t"


def _recognise(entry: Entry, path: Path) -> tuple[Archive, Path]:
    """Which of the entry's archives a file is, by its name or, after renaming, by its checksum."""
    if not path.is_file():
        raise SourceError(f"the archive {path} does not exist; check --source-archive.")
    by_name = [known for known in entry.archives if known.file == path.name] or list(entry.archives)
    failure: DownloadError | None = None
    for known in by_name:
        try:
            check_archive(path, known.md5)
            return known, path
        except DownloadError as error:
            failure = error
    raise failure or SourceError(f"{path} is none of the files of {entry.name}.")


def _open_archive(known: Archive, path: Path, folder: Path, report: ReportBytes) -> Source:
    if known.content == ZIPPED_IMAGES:
        return ZipSource(path, known.below)
    if known.content == RECORDS and path.suffix != ".zip":
        return OriginalSource(path.parent, only=path.name)
    target = folder / f"{known.file}.unpacked"
    unpack(path, target, lambda done, total: report(f"unpacking {known.file}", done, total))
    if known.content == LMDB:
        return LmdbSource(target / known.below)
    if known.content == TARRED_IMAGES:
        return FolderSource(target, "images")
    return OriginalSource(_records_folder(target))


def _records_folder(folder: Path) -> Path:
    for place in sorted({(folder / name).parent for name in walk(folder)}):
        if holds_original(place):
            return place
    raise SourceError(f"{folder} holds no TFRecords; delete it and run the command again.")
