"""TensorFlow's errors as what a user can act on."""

from __future__ import annotations

import contextlib
import errno
import os
import re
from collections.abc import Iterator
from pathlib import Path

import tensorflow as tf

from gansformer_tf.training.errors import MemoryExhausted

# What errors of other kinds say when an allocation failed: oneDNN's primitives, cuDNN, CUDA.
_OUT_OF_MEMORY = re.compile(
    r"could not create a (?:primitive|memory object)|out[ _]of[ _]memory|RESOURCE_EXHAUSTED|STATUS_ALLOC_FAILED", re.I
)
# Lines of an error in a graph that say only where it was met.
_WHERE = re.compile(r"$|Graph execution error|Detected at node|<stack traces|\d+ root error|\s+(?![\s(])")
_AROUND = re.compile(r"^\s*\(\d+\) [A-Z_]+: *|^\{\{.*?\}\} |\s*\[Op:\w+\](?: name:.*)?$")
_NUMBERS = {
    tf.errors.PermissionDeniedError: errno.EACCES,
    tf.errors.ResourceExhaustedError: errno.ENOSPC,
    tf.errors.NotFoundError: errno.ENOENT,
}


def told(error: Exception) -> str:
    """The line of an error that says what happened."""
    lines = str(error).splitlines()
    line = next((line for line in lines if not _WHERE.match(line)), lines[0] if lines else type(error).__name__)
    return _AROUND.sub("", line).strip()


def is_out_of_memory(error: Exception) -> bool:
    """Whether an allocation failed, on a device or on the host."""
    if isinstance(error, MemoryError | tf.errors.ResourceExhaustedError):
        return True
    return isinstance(error, tf.errors.OpError) and _OUT_OF_MEMORY.search(str(error)) is not None


@contextlib.contextmanager
def memory_suffices(where: str) -> Iterator[None]:
    """Around what computes: too little memory is a `MemoryExhausted` that names the flags to turn.

    Args:
        where: Completes "out of memory", such as "at step 8".
    """
    try:
        yield
    except (MemoryError, tf.errors.OpError) as error:
        if not is_out_of_memory(error):
            raise
        raise MemoryExhausted(
            f"out of memory {where}. Use a smaller --batch-gpu (same gradients; down to one --mbstd-group-size), "
            "--recompute, or fewer channels (--channel-base, --channel-max); run_network.py without --train estimates "
            "the need."
        ) from error


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Around what TensorFlow writes: its errors are an `OSError` with the path."""
    try:
        yield
    except tf.errors.OpError as error:
        number = next((number for kind, number in _NUMBERS.items() if isinstance(error, kind)), errno.EIO)
        reason = told(error) if number == errno.EIO else os.strerror(number)
        raise OSError(number, reason, str(path)) from error
