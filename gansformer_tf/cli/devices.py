"""Which devices a script computes on."""

from __future__ import annotations

import ctypes
import functools
import os
import subprocess
import sys
from collections.abc import Sequence

from gansformer_tf.cli.common import UsageError
from gansformer_tf.quiet import import_tensorflow

VISIBLE = "CUDA_VISIBLE_DEVICES"
_DRIVER = "libcuda.so.1"
# Prints how many GPUs the driver shows to a process with this environment.
_COUNT = f"""
import ctypes
driver, count = ctypes.CDLL({_DRIVER!r}), ctypes.c_int(0)
if driver.cuInit(0) == 0:
    driver.cuDeviceGetCount(ctypes.byref(count))
print(count.value)
"""
_COUNT_SECONDS = 60.0


def select_devices(gpus: tuple[int, ...]) -> list[str]:
    """Restricts TensorFlow to the GPUs of `--gpus` and says in one line when there is none.

    Call it before TensorFlow is imported. Numbers count within the GPUs that this process was given: an outer
    CUDA_VISIBLE_DEVICES, of a job scheduler for example, is narrowed and not replaced.

    Args:
        gpus: Device numbers; empty computes on the CPU even where there are GPUs.

    Returns:
        TensorFlow device names, such as `["/GPU:0", "/GPU:1"]`, or `["/CPU:0"]`.

    Raises:
        UsageError: A device number that this machine does not have; without any GPU 0 is taken for the CPU.
    """
    names = chosen_gpus(gpus, _given_gpus()) if gpus else []
    os.environ[VISIBLE] = ",".join(names) or "-1"
    tf = import_tensorflow()

    if not gpus:
        return ["/CPU:0"]
    found = tf.config.list_physical_devices("GPU")
    if not found:
        print("No GPU found: computing on the CPU.", flush=True)
        return ["/CPU:0"]
    if len(found) < len(gpus):
        raise UsageError(f"--gpus {_listed(gpus)}: TensorFlow can use only {len(found)} of these; name fewer.")
    for device in found:
        tf.config.experimental.set_memory_growth(device, True)
    return [f"/GPU:{index}" for index in range(len(found))]


def chosen_gpus(gpus: Sequence[int], names: Sequence[str]) -> list[str]:
    """What CUDA calls the GPUs of `--gpus`; none where there is no GPU at all and the first one is asked for.

    Args:
        gpus: Device numbers.
        names: What CUDA calls the GPUs that there are.

    Raises:
        UsageError: A number that is not there, or there twice.
    """
    if len(set(gpus)) < len(gpus):
        raise UsageError(f"--gpus {_listed(gpus)} names a GPU twice; name each once.")
    if not names and tuple(gpus) == (0,):
        return []
    missing = [index for index in gpus if not 0 <= index < len(names)]
    if missing and not names:
        raise UsageError(f"--gpus {_listed(gpus)}: there is no GPU here; leave the flag out to compute on the CPU.")
    if missing:
        raise UsageError(
            f"--gpus {_listed(gpus)}: there is no GPU {missing[0]} here; name some of {_listed(range(len(names)))}, or "
            "none for the CPU."
        )
    return [names[index] for index in gpus]


@functools.cache  # once per process: the scripts narrow the environment, and may do so more than once
def _given_gpus() -> tuple[str, ...]:
    """What CUDA calls the GPUs that this process was given."""
    return names_of(os.environ.get(VISIBLE), _count_gpus())


def names_of(visible: str | None, count: int) -> tuple[str, ...]:
    """What CUDA calls its GPUs: entries of CUDA_VISIBLE_DEVICES where it is set, else their numbers.

    Args:
        visible: The variable; CUDA reads it up to the first entry that is not there.
        count: GPUs that CUDA finds with it.
    """
    if visible is None:
        return tuple(str(index) for index in range(count))
    return tuple(entry.strip() for entry in visible.split(","))[:count]


def _count_gpus() -> int:
    """GPUs that CUDA finds, asked in a process of its own: the driver reads its environment only once."""
    try:
        ctypes.CDLL(_DRIVER)
    except OSError:
        return 0
    command = [sys.executable, "-I", "-c", _COUNT]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_COUNT_SECONDS, check=True)
    except subprocess.SubprocessError:  # a driver that does not work
        return 0
    return int(done.stdout)


def _listed(gpus: Sequence[int]) -> str:
    return ",".join(str(index) for index in gpus)
