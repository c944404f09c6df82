"""Folders that exports go to: filled under a temporary name, renamed when complete, never overwritten."""

from __future__ import annotations

import errno
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gansformer_tf.export.errors import ExportError
from gansformer_tf.files import is_pattern, prepare_folder

_TEMPORARY = ".export-"  # TensorFlow Serving looks at names that are numbers only


@contextmanager
def new_version(base: str | Path) -> Iterator[tuple[Path, list[Path]]]:
    """The next version folder `base/<number>` as TensorFlow Serving wants it.

    Gives a temporary folder to fill, and a list that holds the final one once the block is left without an error.

    Raises:
        ExportError: `base` holds something else than versions, or TensorFlow could not load it.
        OSError: It cannot be written to.
    """
    if is_pattern(Path(base).absolute()):
        raise ExportError(
            f"TensorFlow takes {base} for a pattern of names and could not load a model from there; name a folder "
            "without * ? [ ] { } and backslash with --output-dir."
        )
    base = prepare_folder(base)
    strange = sorted(entry.name for entry in base.iterdir() if not _expected(entry))
    if strange:
        raise ExportError(
            f"{base} holds {strange[0]!r}, which is no version of a model; name a new folder, or one with versions "
            "(1, 2, ...) only."
        )
    done: list[Path] = []
    with _temporary(base) as folder:
        yield folder, done
        _sync(folder)
        while not done:
            target = base / str(1 + max((int(entry.name) for entry in base.iterdir() if _is_version(entry)), default=0))
            done += _renamed(folder, target)


@contextmanager
def new_folder(path: str | Path) -> Iterator[Path]:
    """Gives a temporary folder to fill, whose files go into `path`, a new or empty folder, at the end.

    Raises:
        ExportError: `path` holds something already.
        OSError: It cannot be written to.
    """
    target = prepare_folder(path)
    found = sorted(entry.name for entry in target.iterdir() if not entry.name.startswith(_TEMPORARY))
    if found:
        raise ExportError(f"{target} is not empty (it holds {found[0]!r}); name a new folder with --output-dir.")
    with _temporary(target) as folder:
        yield folder
        _sync(folder)
        for file in sorted(folder.iterdir()):
            os.rename(file, target / file.name)


@contextmanager
def _temporary(parent: Path) -> Iterator[Path]:
    folder = parent / f"{_TEMPORARY}{uuid.uuid4().hex[:8]}"
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _sync(folder: Path) -> None:
    """Waits until everything has reached the disk, so that a name never stands for half a model."""
    for path in folder.rglob("*"):
        if path.is_file():
            with open(path, "rb") as file:
                os.fsync(file.fileno())


def _renamed(folder: Path, target: Path) -> list[Path]:
    """[target], or nothing if another export has taken that number meanwhile."""
    try:
        os.rename(folder, target)
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
            return []
        raise
    return [target]


def _is_version(entry: Path) -> bool:
    return entry.is_dir() and entry.name.isdecimal()


def _expected(entry: Path) -> bool:
    return _is_version(entry) or entry.name.startswith(_TEMPORARY)
