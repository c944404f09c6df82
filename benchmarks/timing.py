"""Time of a call and memory of a process, for benchmarks of every framework."""

from __future__ import annotations

import resource
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


def median_seconds(run: Callable[[], Any], repeats: int) -> float:
    """Median time of a call; `run` returns something to wait for."""
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        run()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def beside_rate(seconds: Callable[[], Any], rate: Callable[[], float]) -> dict[str, Any]:
    """What `seconds` measures, and the rate of a plain convolution around that: the mean of before and after."""
    before = rate()
    found = seconds()
    return {"seconds": found, "rate": (before + rate()) / 2}


def peak_gigabytes() -> float:
    """The most resident memory that this process ever had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


def memory() -> dict[str, float]:
    """GB: "peak", and of that "private": without the pages of files, such as libraries, that are in memory now.

    The system gives those pages up where memory is short. On other systems than Linux there is no such number.
    """
    peak = peak_gigabytes()
    status = Path("/proc/self/status")
    if not status.exists():
        return {"peak": peak}
    fields = dict(line.split(":", 1) for line in status.read_text().splitlines())
    return {"peak": peak, "private": peak - int(fields["RssFile"].split()[0]) * 1024 / 1e9}
