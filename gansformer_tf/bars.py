"""Progress bars."""

from __future__ import annotations

from types import TracebackType
from typing import Any


class Bar:
    """A progress bar that is told how much is done, and of how much.

    Args:
        title: What is done.
        unit: What is counted; "B" counts bytes.
    """

    def __init__(self, title: str, unit: str = "img") -> None:
        self.title, self.unit = title, unit
        self._bar: Any = None

    def __enter__(self) -> Bar:
        return self

    def __call__(self, done: int, total: int | None) -> None:
        """Moves the bar to `done`."""
        if self._bar is None:
            from tqdm import tqdm

            tqdm.monitor_interval = 0  # its thread would keep worker processes from being forked
            scale = {"unit_scale": True, "unit_divisor": 1000} if self.unit == "B" else {}
            self._bar = tqdm(
                total=total, initial=done, desc=self.title, unit=self.unit, smoothing=0.1, dynamic_ncols=True, **scale
            )
        self._bar.total = total
        self._bar.update(done - self._bar.n)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()
