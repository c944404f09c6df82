"""Files written under another umask than usual, and whether they have the modes that it asks for."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MASK = 0o027  # nothing for others: neither the usual 022 nor a library's own choice


@contextmanager
def masked() -> Iterator[None]:
    before = os.umask(MASK)
    try:
        yield
    finally:
        os.umask(before)


def unusual_modes(folder: Path) -> dict[str, str]:
    """What was written below a folder while `masked` and has another mode than it asks for."""
    paths = [folder, *folder.rglob("*")]
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in paths}
    return {str(path): oct(mode) for path, mode in modes.items() if mode != (0o777 if path.is_dir() else 0o666) & ~MASK}
