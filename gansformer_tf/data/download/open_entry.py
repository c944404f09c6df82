"""A data set of the catalog as a source: downloaded or given, verified, unpacked, opened."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

from gansformer_tf.data.download.catalog import LMDB, RECORDS, TARRED_IMAGES, ZIPPED_IMAGES, Archive, Entry
from gansformer_tf.data.download.fetch import DownloadError, RefusedError, check_archive, download
from gansformer_tf.data.download.unpack import unpack
from gansformer_tf.data.records.original import holds_original
from gansformer_tf.data.sources.base import Source, SourceError
from gansformer_tf.data.sources.folder import FolderSource
from gansformer_tf.data.sources.lmdb import LmdbSource
from gansformer_tf.data.sources.original import OriginalSource
from gansformer_tf.data.sources.walk import walk
from gansformer_tf.data.sources.zip import ZipSource

DOWNLOADS = "downloads"
ReportBytes = Callable[[str, int, int | None], None]  # (what is being done, bytes done, bytes in all)


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
