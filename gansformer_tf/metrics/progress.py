"""Progress bars of an evaluation."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from typing import Any

from tqdm import tqdm

# A terminal is refreshed often; a log file would only grow.
_REFRESH_SECONDS = 0.5
_REFRESH_SECONDS_IN_FILES = 15.0


@contextlib.contextmanager
def metric_bar(title: str, unit: str = "img") -> Iterator[Callable[[int, int | None], None]]:
    """A bar that is called with (done, in all); it appears with the first call and goes at the end."""
    bar: Any = None
    interval = _REFRESH_SECONDS if sys.stderr.isatty() else _REFRESH_SECONDS_IN_FILES

    def move(done: int, total: int | None) -> None:
        nonlocal bar
        if bar is None:
            bar = tqdm(total=total, initial=done, desc=title, unit=unit, unit_scale=unit == "B", mininterval=interval)
            bar.leave = False
        bar.total = total
        bar.update(done - bar.n)

    try:
        yield move
    finally:
        if bar is not None:
            bar.close()
