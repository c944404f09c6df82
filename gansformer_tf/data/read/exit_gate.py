"""Lets the interpreter end while tf.data still holds iterators that call Python.

When Python shuts down, a tf.data thread that is about to call Python never gets to run, and the deletion of its
iterator waits for it for ever: the process hangs after its last line. Before the shutdown begins, this gate turns
further calls away and waits until none is under way.
"""

from __future__ import annotations

import atexit
import threading
import time
from types import TracebackType

_QUIET_SECONDS = 0.1  # tf.data fills its buffers with a few more refused calls; no call for this long: it is done
_LIMIT_SECONDS = 10.0


class ExitGate:
    """A context manager around every call that comes from tf.data."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._closed = False
        self._last_call = 0.0
        atexit.register(self.close)

    def __enter__(self) -> None:
        with self._lock:
            self._last_call = time.monotonic()
            if self._closed:
                raise RuntimeError("the process is ending.")
            self._inside += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self._inside -= 1

    def close(self) -> None:
        """Refuses new calls and waits for those under way."""
        started = time.monotonic()
        with self._lock:
            self._closed = True
            idle = self._last_call == 0.0
        while not idle and time.monotonic() - started < _LIMIT_SECONDS:
            with self._lock:
                quiet = time.monotonic() - max(self._last_call, started) > _QUIET_SECONDS
                if self._inside == 0 and quiet:
                    return
            time.sleep(0.01)


GATE = ExitGate()
