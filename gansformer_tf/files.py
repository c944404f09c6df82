"""Files that are there in full or not at all, JSON lines, and checksums."""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

_CHUNK = 1 << 20
# TensorFlow's file systems take these for a pattern.
_PATTERN = re.compile(r"[*?\[\]\\{}]")


@contextmanager
def replacing(path: str | os.PathLike[str], durable: bool = True) -> Iterator[Path]:
    """Gives a temporary name beside `path`; what was written under it takes the place of `path` at the end.

    The temporary name starts with a dot and ends in `.tmp` and the suffix of `path`, which some writers go by. After
    an error `path` is as it was and no temporary file is left. `durable` waits until the content has reached the disk,
    so that it also outlives a power cut; images by the thousand do without. The file gets the permissions that the
    process gives to new files, whatever the writer gave it.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.stem}.{uuid.uuid4().hex[:8]}.tmp{path.suffix}")
    try:
        yield temporary
        _give_usual_mode(temporary)
        if durable:
            with open(temporary, "rb") as file:
                os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _give_usual_mode(path: Path) -> None:
    """Gives a new file the mode that files get here, where a library has chosen a narrower one."""
    probe = path.with_suffix(".mode")
    try:
        probe.touch(exist_ok=False)
        usual = probe.stat().st_mode
    finally:
        probe.unlink(missing_ok=True)
    if path.stat().st_mode != usual:
        path.chmod(stat.S_IMODE(usual))


@contextmanager
def without_pattern(folder: str | os.PathLike[str]) -> Iterator[Path]:
    """Gives a name of `folder` under which TensorFlow finds what is in it.

    TensorFlow takes some paths for patterns, that of a checkpoint to read for one: in a folder `results [v2]` it finds
    nothing, and no spelling escapes the bracket. Such a folder goes by a link in a temporary one meanwhile.

    Raises:
        OSError: The link cannot be made.
    """
    folder = Path(folder).absolute()
    if not is_pattern(folder):
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="gansformer-tf-") as place:
        link = Path(place) / "folder"
        link.symlink_to(folder, target_is_directory=True)
        yield link


def is_pattern(path: str | os.PathLike[str]) -> bool:
    """Whether TensorFlow would take a path for a pattern."""
    return _PATTERN.search(os.fspath(path)) is not None


def take_lock(file: IO[Any], wait: bool = False) -> bool:
    """Locks an open file for this process until it is closed, and tells whether it could.

    The lock is the kernel's: no file that stays behind can block a later start. Where the system has none (Windows)
    that is said in one line, and the file counts as locked.

    Args:
        file: Open for writing.
        wait: Whether to wait for a process that has it.
    """
    try:
        import fcntl
    except ImportError:
        print("This system has no file locks: let no second process write to the same folder.", file=sys.stderr)
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError:
        return False
    return True


def write_atomically(path: str | os.PathLike[str], content: bytes | str) -> None:
    """Writes a file under a temporary name and renames it. Text becomes UTF-8."""
    with replacing(path) as temporary:
        temporary.write_bytes(content.encode() if isinstance(content, str) else content)


def read_json_lines(path: str | os.PathLike[str]) -> list[dict[str, Any]]:
    """The records of a JSON-lines file, none if there is no file; lines that were cut short are left out."""
    path = Path(path)
    if not path.exists():
        return []
    records = []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            record = json.loads(line)
        except json.JSONDecodeError:
            continue
        if isinstance(record, dict):
            records.append(record)
    return records


def prepare_folder(path: str | Path) -> Path:
    """Makes the folder and checks that files can be written into it.

    Raises:
        OSError: It cannot be made or written to; the message names the folder and the remedy.
    """
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OSError(f"cannot write to the folder {folder} ({error.strerror}); choose another folder.") from error
    return folder


def sha256_of(path: str | os.PathLike[str]) -> str:
    """SHA-256 of a file's content in hexadecimal."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
