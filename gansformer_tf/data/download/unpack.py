"""Archives to folders, for data that cannot be read in place. Nothing is written outside of the folder."""

from __future__ import annotations

import os
import shutil
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

_COPY_BYTES = 1 << 20
# Records, image files and LMDB hardly compress: far more than this is a decompression bomb.
MAX_EXPANSION = 20


class UnpackError(RuntimeError):
    """An archive that cannot or must not be unpacked."""


def unpack(archive: Path, folder: Path, on_progress: Callable[[int, int | None], None] | None = None) -> Path:
    """Unpacks a `.zip`, `.tar` or `.tgz` into a folder, which appears only when it is complete.

    Raises:
        UnpackError: The archive is damaged, leads outside of the folder, or expands too much.
    """
    if folder.is_dir():
        return folder
    temporary = folder.with_name(f".{folder.name}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    limit = archive.stat().st_size * MAX_EXPANSION
    done = 0
    report = on_progress or (lambda done, total: None)
    try:
        for name, source in _members(archive):
            target = _inside(temporary, name, archive)
            target.parent.mkdir(parents=True, exist_ok=True)
            with source, target.open("wb") as file:
                while chunk := source.read(_COPY_BYTES):
                    done += len(chunk)
                    if done > limit:
                        raise UnpackError(
                            f"{archive} expands to more than {MAX_EXPANSION} times its size; not unpacked."
                        )
                    file.write(chunk)
            report(done, None)
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, NotImplementedError, RuntimeError) as error:
        shutil.rmtree(temporary, ignore_errors=True)
        if isinstance(error, UnpackError):
            raise
        raise UnpackError(f"{archive} is damaged ({error}); download it again.") from error
    except OSError:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    os.replace(temporary, folder)
    return folder


def _members(archive: Path) -> Iterator[tuple[str, BinaryIO]]:
    """Names and contents of the files; links and devices are left out."""
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as opened:
            for info in opened.infolist():
                if not info.is_dir():
                    yield info.filename, opened.open(info)  # type: ignore[misc]
        return
    with tarfile.open(archive, "r|*") as stream:
        for member in stream:
            content = stream.extractfile(member) if member.isfile() else None
            if content is not None:
                yield member.name, content  # type: ignore[misc]


def _inside(folder: Path, name: str, archive: Path) -> Path:
    target = (folder / name.replace("\\", "/")).resolve()
    if not target.is_relative_to(folder.resolve()):
        raise UnpackError(f"{archive} holds {name!r}, which leads outside of the folder; not unpacked.")
    return target
