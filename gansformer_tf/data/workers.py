"""Work spread over processes: results in order, a bounded number under way, no process left behind."""

from __future__ import annotations

import collections
import contextlib
import multiprocessing
import os
import pickle
import signal
import sys
import threading
import types
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import connection
from typing import TypeVar

TaskT = TypeVar("TaskT")
ResultT = TypeVar("ResultT")

# Tasks under way per worker: enough to keep it busy, few enough to keep memory bounded.
TASKS_PER_WORKER = 3


class WorkerError(RuntimeError):
    """A worker process ended by itself."""


def default_workers() -> int:
    """Number of processor cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def ordered_map(
    function: Callable[[TaskT], ResultT],
    tasks: Iterable[TaskT],
    workers: int,
    initializer: Callable[..., None],
    arguments: tuple,
) -> Iterator[ResultT]:
    """Yields `function(task)` for every task, in order.

    Args:
        function: Called in a worker process.
        tasks: Taken from only as fast as results are consumed.
        workers: Number of processes; 0 runs everything in this one.
        initializer: Called once in every worker, with `arguments`.
        arguments: Sent to each worker once.

    Raises:
        WorkerError: A worker was killed, by the system's memory limit for example.
    """
    if workers == 0:
        initializer(*arguments)
        yield from map(function, tasks)
        return
    context = _context()
    pool = ProcessPoolExecutor(workers, context, _start, (initializer, arguments))
    forks = context.get_start_method() == "fork"
    hiding = contextlib.nullcontext if forks or _names_main((function, initializer, arguments)) else _without_main
    waiting: collections.deque[Future[ResultT]] = collections.deque()
    try:
        for task in tasks:
            with hiding():
                waiting.append(pool.submit(function, task))  # which starts processes as they are needed
            if len(waiting) >= workers * TASKS_PER_WORKER:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    except BrokenProcessPool as error:
        raise WorkerError(
            "a worker process was killed, most likely because memory ran out; use fewer --workers. "
            "Finished shards are kept: run the same command again."
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _context() -> multiprocessing.context.BaseContext:
    # Forking is the fastest start, but a process with running threads (TensorFlow's for example) must not fork.
    if sys.platform == "linux" and threading.active_count() == 1 and "tensorflow" not in sys.modules:
        return multiprocessing.get_context("fork")
    return multiprocessing.get_context("forkserver" if sys.platform == "linux" else "spawn")


def _names_main(value: object) -> bool:
    """Whether a value needs the user's script to be unpickled, such as an object of a class defined there."""
    return b"__main__" in pickle.dumps(value)


@contextlib.contextmanager
def _without_main() -> Iterator[None]:
    """Starts processes that do not run the user's script again.

    A new interpreter does so for the sake of what is defined there, of which these workers need nothing. A script
    without `if __name__ == "__main__":` would start over in each of them, and notebooks have a main module that it
    cannot deal with.
    """
    main = sys.modules["__main__"]
    blank = types.ModuleType("__main__")
    sys.modules["__main__"] = blank
    try:
        yield
    finally:
        sys.modules["__main__"] = main


def _start(initializer: Callable[..., None], arguments: tuple) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what Ctrl-C means
    threading.Thread(target=_end_with_parent, daemon=True).start()
    initializer(*arguments)


def _end_with_parent() -> None:
    """Ends this worker when the parent dies, be it by SIGKILL."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        with contextlib.suppress(OSError):
            connection.wait([parent.sentinel])
        os._exit(1)
