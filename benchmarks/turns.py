"""Ours and the PyTorch peer by turns, so that what else the machine does meets both.

The speed of a shared processor drifts by a third within minutes. Both processes are there at the same time, one
measures while the other waits, and every measurement of ours is compared with theirs right beside it.
"""

from __future__ import annotations

import contextlib
import json
import os
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.processes import ROOT, Worker

# PyTorch's threads wait for each other by spinning, and one that shares its core with another program keeps all of them
# waiting: beside busy programs small steps (16x16 pixels) took eight times as long as with threads that sleep.
THREADS = {"OMP_WAIT_POLICY": "passive"}


@dataclass(frozen=True)
class Found:
    """What a process answered: in each of its turns, and at the end."""

    turns: list[dict[str, Any]]
    end: dict[str, Any]


@dataclass(frozen=True)
class Ratio:
    """Of pairs: the median, and where it was measured in pairs their lowest and highest."""

    median: float
    lowest: float | None = None
    highest: float | None = None

    def cells(self) -> list[str]:
        return ["-" if value is None else f"{value:.2f}x" for value in (self.median, self.lowest, self.highest)]


def ratio_of(values: Sequence[float], references: Sequence[float]) -> Ratio:
    """Pair by pair."""
    ratios = [value / reference for value, reference in zip(values, references, strict=True)]
    return Ratio(statistics.median(ratios), min(ratios), max(ratios))


Peer = Callable[[dict[str, Any]], Worker]


def peer_maker(python: str | None, task: str, settings: dict[str, Any], name: str) -> Peer | None:
    """Makes the peer's process from what `models.torch_generator` says, with as many threads as TensorFlow takes.

    Args:
        python: An interpreter that has torch; None: no peer.
        task: "generate" or "train".
        settings: The other arguments of that function of `torch_peers/measure.py`.
        name: For messages.
    """
    if not python:
        return None
    settings = settings | {"threads": os.cpu_count()}
    script = str(ROOT / "benchmarks" / "torch_peers" / "measure.py")
    return lambda wanted: Worker([python, script, task, json.dumps(wanted | settings)], f"{name} in PyTorch", THREADS)


def side_by_side(ours: Worker, peer: Peer | None, count: int) -> tuple[Found, Found | None]:
    """Answers of our process and of the peer's, if there is one.

    Both answer "start" once they are ready (ours with what the peer has to be, or None), every "turn" with
    `timing.beside_rate`, at last "end".
    """
    with contextlib.ExitStack() as stack:
        workers = [stack.enter_context(ours)]
        wanted = ours.ask("start")
        if peer and wanted:
            workers.append(stack.enter_context(peer(wanted)))
            workers[-1].ask("start")
        turns = take_turns(workers, count)
        found = [Found(answers, worker.ask("end")) for answers, worker in zip(turns, workers, strict=True)]
    return found[0], found[1] if len(found) > 1 else None


def take_turns(workers: Sequence[Worker], count: int) -> list[list[dict[str, Any]]]:
    """Answers of each process. Whichever came first comes last the next time, so that a steady drift cancels."""
    found: list[list[dict[str, Any]]] = [[] for _ in workers]
    order = list(range(len(workers)))
    for _ in range(count):
        for index in order:
            found[index].append(workers[index].ask("turn"))
        order.reverse()
    return found
