"""Stopping at the end of a step when asked to."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Callable
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
        when_heard: Called in another thread as soon as a signal arrives, and once more in the main thread when that
            comes back from what it computes outside of Python, which may take long.
    """

    def __init__(self, at_once: bool = True) -> None:
        self.requested = False
        self.at_once = at_once
        self.when_heard: Callable[[], None] = lambda: None
        self._previous: dict[int, Any] = {}
        self._listener: _Listener | None = None

    def __enter__(self) -> StopRequest:
        # Only the main thread may handle signals; a trainer in another thread is stopped by its owner.
        if threading.current_thread() is threading.main_thread():
            for number in _SIGNALS:
                self._previous[number] = signal.signal(number, self._handle)
            self._listener = _Listener(lambda: self.when_heard())
        return self

    def __exit__(self, *exception: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        if self._listener is not None:
            self._listener.close()

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self.requested = True
        outside = self._previous.pop(number)  # given back now, not once more at the end
        signal.signal(number, outside)
        if isinstance(getattr(outside, "__self__", None), StopRequest):
            outside(number, frame)
        self.when_heard()
        if self.at_once:
            raise Stopped


class _Listener:
    """Calls a function in a thread of its own when one of the signals arrives.

    Python's handlers run in the main thread between two instructions; that a signal has come is written into a socket
    right away.
    """

    def __init__(self, heard: Callable[[], None]) -> None:
        self._heard = heard
        self._socket, self._written = socket.socketpair()
        self._written.setblocking(False)
        self._outside = signal.set_wakeup_fd(self._written.fileno(), warn_on_full_buffer=False)
        self._thread = threading.Thread(target=self._listen, name="signals", daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        while number := self._socket.recv(1):
            if number[0] in _SIGNALS:
                self._heard()

    def close(self) -> None:
        signal.set_wakeup_fd(self._outside)
        self._written.close()  # ends the thread
        self._thread.join()
        self._socket.close()
