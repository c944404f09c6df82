"""Stopping at the end of a step when asked to."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stopped(BaseException):
    """Raised where a stop was asked for while there was nothing to save."""


class StopRequest:
    """Context in which Ctrl-C and SIGTERM ask for a stop instead of ending the process.

    `requested` tells whether they did. A second signal of the same kind acts as it would outside. Of two contexts, one
    inside the other, both hear of the signal.

    Attributes:
        at_once: While True, a signal raises `Stopped` where it arrives; set it to False as soon as there is work that
            must be saved.
    """

    def __init__(self, at_once: bool = True) -> None:
        self.requested = False
        self.at_once = at_once
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> StopRequest:
        # Only the main thread may handle signals; a trainer in another thread is stopped by its owner.
        if threading.current_thread() is threading.main_thread():
            for number in _SIGNALS:
                self._previous[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *exception: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self.requested = True
        outside = self._previous.pop(number)  # given back now, not once more at the end
        signal.signal(number, outside)
        if isinstance(getattr(outside, "__self__", None), StopRequest):
            outside(number, frame)
        if self.at_once:
            raise Stopped
