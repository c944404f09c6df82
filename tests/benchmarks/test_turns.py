"""Processes that measure by turns: the protocol, the order, and what a line of the table says."""

from __future__ import annotations

import itertools
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks import train_step
from benchmarks.processes import ROOT, Worker
from benchmarks.turns import Found, Ratio, ratio_of, side_by_side, take_turns

# A library that talks more than a pipe holds, on both outputs, before and while it is asked.
TALKING = f"""
import itertools, os, sys
sys.path.insert(0, {str(ROOT)!r})
from benchmarks.processes import serve

def talk():
    os.write(1, b"chatter")
    print("more of it" * 20_000, flush=True)
    print("and warnings" * 20_000, file=sys.stderr, flush=True)

def fail():
    raise ValueError("out of something")

talk()
counter = itertools.count()
serve({{"start": lambda: None, "turn": lambda: talk() or next(counter), "fail": fail, "leave": lambda: os._exit(3)}})
"""


@pytest.fixture
def command(tmp_path: Path) -> list[str]:
    script = tmp_path / "worker.py"
    script.write_text(TALKING)
    return [sys.executable, str(script)]


def test_answers_come_through_whatever_is_printed(command: list[str]) -> None:
    with Worker(command, "talker") as worker:
        assert [worker.ask(request) for request in ("start", "turn", "turn")] == [None, 0, 1]
        assert worker.process.poll() is None
    assert worker.process.poll() is not None


def test_a_failing_process_ends_the_benchmark_in_a_line(command: list[str]) -> None:
    with Worker(command, "talker") as other, pytest.raises(SystemExit, match="^small failed: ValueError: out of"):
        other.ask("turn")
        with Worker(command, "small") as worker:
            worker.ask("fail")
    assert other.process.poll() is not None


def test_a_process_that_leaves_without_a_word(tmp_path: Path) -> None:
    with Worker([sys.executable, "-c", "raise SystemExit(3)"], "small") as worker:
        worker.process.wait()
        with pytest.raises(SystemExit, match="^small failed: no message, exit status 3$"):
            worker.ask("start")


def test_variables_are_defaults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the caller set stays."""
    script = "import sys, os; sys.exit(os.environ['FIRST'] + os.environ['SECOND'])"
    monkeypatch.setenv("SECOND", "theirs")
    with (
        Worker([sys.executable, "-c", script], "small", {"FIRST": "ours ", "SECOND": "ours"}) as worker,
        pytest.raises(SystemExit, match="ours theirs$"),
    ):
        worker.ask("start")


class Recorded:
    """Says its name, and the number of the request among those of all."""

    def __init__(self, name: str, clock: Any, wanted: Any = None) -> None:
        self.name, self.clock, self.wanted = name, clock, wanted

    def __enter__(self) -> Recorded:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def ask(self, request: str) -> Any:
        return self.wanted if request == "start" else {request: (self.name, next(self.clock))}


def test_the_first_comes_last_the_next_time() -> None:
    clock = itertools.count()
    ours, theirs = take_turns([Recorded("ours", clock), Recorded("theirs", clock)], 3)  # type: ignore[list-item]
    assert [answer["turn"][1] for answer in ours] == [0, 3, 4]
    assert [answer["turn"][1] for answer in theirs] == [1, 2, 5]


@pytest.mark.parametrize("wanted", [None, {"model": "small"}])
def test_a_peer_runs_if_there_is_one(wanted: dict[str, Any] | None) -> None:
    clock, asked = itertools.count(), []

    def peer(found: dict[str, Any]) -> Any:
        asked.append(found)
        return Recorded("theirs", clock)

    ours, theirs = side_by_side(Recorded("ours", clock, wanted), peer, 2)  # type: ignore[arg-type]
    assert len(ours.turns) == 2 and ours.end["end"][0] == "ours"
    assert asked == ([wanted] if wanted else [])
    assert (theirs is not None) == bool(wanted)


def test_ratios_are_those_of_pairs() -> None:
    """The processor became three times slower in between: neither medians nor bests would say that ours is twice as
    fast."""
    assert ratio_of([2.0, 6.0, 6.3], [1.0, 3.0, 3.0]) == Ratio(2.0, 2.0, 2.1)


def found(main: list[float], **end: float) -> Found:
    seconds = [{"G": time / 2, "D": time / 2, "D_reg": 0.1, "G_reg": 0.1, "EMA": 0.1} for time in main]
    memory = {"peak": 2.0, "private": 1.8, "imported": 1.0}
    return Found([{"seconds": one, "rate": 1e11} for one in seconds], memory | end)


def cells(line: str) -> dict[str, list[str]]:
    """By column; some names stand over several."""
    values = [value.strip() for value in line.strip("|").split("|")]
    columns: dict[str, list[str]] = {name: [] for name in train_step.COLUMNS}
    for name, value in zip(train_step.COLUMNS, values, strict=True):
        columns[name].append(value)
    return columns


def test_lines_of_a_pair() -> None:
    ours, theirs = found([1.0, 3.0, 2.0], flops=1e11, estimate=1.6), found([2.0, 9.0, 4.0], peak=4.0, private=3.6)
    first, second = map(cells, train_step.rows(("code", 64, "small"), ours, theirs))
    assert (first["G+D s"], first["best"], first["GFLOP"], first["of conv"]) == (["2.00"], ["1.00"], ["100"], ["50%"])
    assert (first["lowest"], first["highest"]) == (["2.00x"], ["3.00x"])
    assert first["peer"] == ["2.00x", "0.50x", "0.50x", "0.33x"]
    assert (first["estimate"], second["estimate"]) == (["0.80x"], ["-"])
    assert second["model"] == ["code 64 small, PyTorch"]
    assert (second["G+D s"], second["of conv"], second["peer"]) == (["4.00"], ["25%"], ["-"] * 4)


def test_a_line_alone_is_compared_with_the_known_figure() -> None:
    (line,) = train_step.rows(("code", 64, "small"), found([1.05, 1.05], flops=1e11), None)
    assert cells(line)["peer"] == ["2.00x", "1.11x", "-", "-"] and cells(line)["lowest"] == ["-"]
    (line,) = train_step.rows(("simplex", 64, "small"), found([1.05], flops=1e11), None)
    assert cells(line)["peer"] == ["-"] * 4
