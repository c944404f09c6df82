"""Downloads that continue where they were cut, and that are only kept when their checksum is right."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gansformer_tf.files import write_atomically

_CHUNK = 1 << 20
_TIMEOUT_SECONDS = 60
_TRIES_WITHOUT_PROGRESS = 6
_FIRST_WAIT_SECONDS = 1.0
_RANGE_NOT_SATISFIABLE = 416
_PERMANENT = (400, 401, 403, 404, 405, 410, 451)


class DownloadError(RuntimeError):
    """A download that failed; the message says what to do."""


class RefusedError(DownloadError):
    """The host will not give the file (quota, login, gone): it has to be fetched by hand."""


@dataclass(frozen=True)
class Download:
    """A verified file."""

    path: Path
    sha256: str


def download(
    url: str,
    target: Path,
    *,
    md5: str | None = None,
    on_progress: Callable[[int, int | None], None] | None = None,
    wait_seconds: float = _FIRST_WAIT_SECONDS,
) -> Download:
    """Fetches a file, or finds it there already.

    The data is collected in `<target>.part`, which a later call continues, and renamed when it is complete and its
    checksum is right. A record with its SHA-256 is written beside it.

    Args:
        url: Address.
        target: Final path.
        md5: Published checksum; None if there is none.
        on_progress: Called with (bytes there, bytes in all or None).
        wait_seconds: First pause before another try; it doubles each time.

    Raises:
        RefusedError: The host answered with a web page, or that the file cannot be had.
        DownloadError: The connection failed too often, or the file is not the published one.
    """
    known = _known(target, md5)
    if known is not None:
        return known
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    report = on_progress or (lambda done, total: None)
    tries, wait = 0, wait_seconds
    while True:
        before = _size(part)
        try:
            if _fetch(url, part, report):
                break
            reason = "the connection ended early"
        except urllib.error.HTTPError as error:
            if error.code in _PERMANENT:
                raise RefusedError(f"{url} cannot be had: HTTP {error.code} {error.reason}.") from error
            reason = f"HTTP {error.code} {error.reason}"
        except (urllib.error.URLError, http.client.HTTPException, ConnectionError, TimeoutError) as error:
            reason = str(getattr(error, "reason", error)) or type(error).__name__
        progressed = _size(part) > before
        tries, wait = (0, wait_seconds) if progressed else (tries + 1, wait * 2)
        if tries >= _TRIES_WITHOUT_PROGRESS:
            raise DownloadError(
                f"{url}: {reason}, {tries} times in a row with {_size(part)} bytes fetched. Check the connection and "
                "run the same command again: it goes on from there."
            )
        time.sleep(wait if not progressed else 0)
    return _verify(url, part, target, md5)


def check_archive(path: Path, md5: str | None) -> str:
    """SHA-256 of a file the user has.

    Raises:
        DownloadError: It is not the published file.
    """
    found_md5, sha256 = _checksums(path)
    if md5 is not None and found_md5 != md5:
        raise DownloadError(
            f"{path} has MD5 {found_md5} instead of the published {md5}: it is damaged or another file; "
            "download it again."
        )
    return sha256


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _validator(part: Path) -> Path:
    return part.with_name(part.name + ".etag")


def _fetch(url: str, part: Path, report: Callable[[int, int | None], None]) -> bool:
    """Fetches what is missing; returns whether the file is complete."""
    start = _size(part)
    request = urllib.request.Request(url, headers={"User-Agent": "gansformer-tf", "Accept-Encoding": "identity"})
    if start:
        request.add_header("Range", f"bytes={start}-")
        if _validator(part).exists():  # a changed file is sent from its start, instead of a mixture of two
            request.add_header("If-Range", _validator(part).read_text(encoding="utf-8"))
    try:
        response = urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS)
    except urllib.error.HTTPError as error:
        if error.code == _RANGE_NOT_SATISFIABLE and start:
            whole = error.headers.get("Content-Range", "").rpartition("/")[2]
            if whole == str(start):  # it was complete already
                return True
            part.unlink()
            return False
        raise
    with response:
        if response.headers.get_content_type() == "text/html":
            raise RefusedError(f"{url} gave a web page instead of the file (a quota or a question, most likely).")
        if response.status != http.HTTPStatus.PARTIAL_CONTENT:
            start = 0
        length = response.headers.get("Content-Length")
        total = start + int(length) if length is not None and length.isdecimal() else None
        etag = response.headers.get("ETag")
        if etag and not etag.startswith("W/"):
            _validator(part).write_text(etag, encoding="utf-8")
        else:
            _validator(part).unlink(missing_ok=True)
        with part.open("r+b" if start else "wb") as file:
            file.seek(start)
            done = start
            report(done, total)
            while chunk := response.read(_CHUNK):
                file.write(chunk)
                done += len(chunk)
                report(done, total)
    return total is None or done >= total


def _verify(url: str, part: Path, target: Path, md5: str | None) -> Download:
    found_md5, sha256 = _checksums(part)
    if md5 is not None and found_md5 != md5:
        part.unlink()
        _validator(part).unlink(missing_ok=True)
        raise DownloadError(
            f"{url} gave a file with MD5 {found_md5} instead of the published {md5}; it was removed. Run the command "
            "again, or give a good copy with --source-archive."
        )
    os.replace(part, target)
    _validator(part).unlink(missing_ok=True)
    record = {"url": url, "bytes": target.stat().st_size, "md5": found_md5, "sha256": sha256}
    write_atomically(_record(target), (json.dumps(record, indent=2) + "\n").encode())
    return Download(target, sha256)


def _record(target: Path) -> Path:
    return target.with_name(target.name + ".json")


def _known(target: Path, md5: str | None) -> Download | None:
    """A file that was downloaded and verified before."""
    try:
        record = json.loads(_record(target).read_text(encoding="utf-8"))
        if target.stat().st_size == record["bytes"] and md5 in (None, record["md5"]):
            return Download(target, record["sha256"])
    except (OSError, ValueError, KeyError):
        pass
    return None


def _checksums(path: Path) -> tuple[str, str]:
    md5, sha256 = hashlib.md5(usedforsecurity=False), hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            md5.update(chunk)
            sha256.update(chunk)
    return md5.hexdigest(), sha256.hexdigest()
