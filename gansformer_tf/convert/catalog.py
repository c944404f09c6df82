"""Published snapshots by name: `gdrive:NAME`."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from pathlib import Path

from gansformer_tf.convert.errors import ForeignFileError
from gansformer_tf.convert.foreign import PICKLE, kind_of
from gansformer_tf.data.download.cache import cache_folder
from gansformer_tf.data.download.fetch import DownloadError, RefusedError, download
from gansformer_tf.files import sha256_of

PREFIX = "gdrive:"
# Name -> number of the file. The publisher gives no checksums.
CATALOG = {
    "clevr-snapshot.pkl": "1sYtuNEi0HGBH1F8GW2JlF4mCRGGrtZa9",
    "cityscapes-snapshot.pkl": "1iL8S26IYCNAQmUS-6GYCVheKFtCE4ktQ",
    "ffhq-snapshot.pkl": "1-b0vwevUQs6LI_EybdO8XJ5uYSx63vEa",
    "bedrooms-snapshot.pkl": "1lrB4t3hOOpn8YiwHEduIZYzndHrsKX8z",
    "cityscapes-snapshot-2048.pkl": "1lJlbIuxF89-owG7vQSBYXc8y2RqqP_bP",
    "ffhq-snapshot-1024.pkl": "1OcsibUthk2y8y0slf2lQnrYBAtmdJYCQ",
}
# The first gives large files without a question in between; the second is the published address.
ADDRESSES = (
    "https://drive.usercontent.google.com/download?id={id}&export=download&confirm=t",
    "https://drive.google.com/uc?id={id}",
)
_FOLDER = "downloads"
_FIRST_WAIT_SECONDS = 0.1  # after a failure; the pauses double. Without a network the user is not kept waiting.


def published_snapshot(name: str, on_progress: Callable[[int, int | None], None] | None = None) -> Path:
    """The file of a published snapshot, from the cache or downloaded.

    Args:
        name: Such as "gdrive:ffhq-snapshot.pkl".
        on_progress: Called with (bytes there, bytes in all or None).

    Raises:
        ForeignFileError: The name is unknown, the file cannot be had, or the one in the cache was changed.
        OSError: The cache cannot be written.
    """
    short = name.removeprefix(PREFIX)
    if short not in CATALOG:
        close = difflib.get_close_matches(short, CATALOG, n=1)
        hint = f"did you mean {PREFIX}{close[0]}?" if close else f"known are {', '.join(PREFIX + n for n in CATALOG)}."
        raise ForeignFileError(f"{name} is no published snapshot; {hint}")
    target = cache_folder() / _FOLDER / short
    urls = [address.format(id=CATALOG[short]) for address in ADDRESSES]
    problem = ""
    for url in urls:
        try:
            found = download(url, target, on_progress=on_progress, wait_seconds=_FIRST_WAIT_SECONDS)
        except DownloadError as error:
            problem = problem or str(error).rstrip(".")
            if isinstance(error, RefusedError):
                continue
            break  # without a connection the other address is no better
        _check(target, found.sha256)
        return target
    raise ForeignFileError(
        f"{name} cannot be downloaded ({problem}). Fetch {urls[-1]} in a browser, and name the file in its place."
    )


def _check(path: Path, sha256: str) -> None:
    """A file that is no pickle, or no longer what was downloaded, is removed."""
    problem = None
    try:
        if kind_of(path) != PICKLE:
            problem = f"{path} is no pickle."
    except ForeignFileError as error:
        problem = str(error)
    if problem is None and sha256_of(path) != sha256:
        problem = f"{path} was changed after its download."
    if problem is not None:
        path.unlink()
        path.with_name(path.name + ".json").unlink(missing_ok=True)
        raise ForeignFileError(f"{problem} It was removed; run the command again to download it anew.")
