"""Lets go of iterators of tf.data without waiting long for them."""

from __future__ import annotations

import threading
from typing import Any

_PATIENCE_SECONDS = 1.0


def release(iterators: list[Any]) -> None:
    """Empties a list that holds the only references to iterators of tf.data.

    Their deletion waits for the thread that tunes the pipeline. TensorFlow 2.21 wakes that thread before it sets the
    flag that tells it to end, so a thread that looks too early sleeps out its period, which grows to a minute. The
    deletion therefore has a thread of its own: most are done at once, and a process that ends leaves the others alone.
    """
    thread = threading.Thread(target=iterators.clear, name="release", daemon=True)
    thread.start()
    thread.join(_PATIENCE_SECONDS)
