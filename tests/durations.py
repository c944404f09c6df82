"""Which tests are slow: measured, not listed by hand.

`pytest --record-durations` notes the computing time of every test that it runs in `durations.json`. What has been noted
there decides which tests get the mark `slow`, so that `make test-fast` is `pytest -m "not slow"`. Tests that have never
been measured are fast.
"""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

FILE = Path(__file__).with_name("durations.json")
# Seconds of computing that one test function may take in the fast run; of more parameters the first few run.
BUDGET = 0.5
# A test function below this, with all of its parameters, is not noted.
_NEGLIGIBLE = 0.2

_PROPERTY = "computing_seconds"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--record-durations", action="store_true", help="note the computing time of tests in " + FILE.name)


def function_of(nodeid: str) -> str:
    """The name in `durations.json`: a test's file, which may move to another folder, and its function."""
    path, _, name = nodeid.partition("[")[0].partition("::")
    return f"{Path(path).name}::{name}"


def mark_slow(items: list[pytest.Item]) -> None:
    """Marks what does not fit into the fast run, where every folder keeps at least one test."""
    noted = json.loads(FILE.read_text()) if FILE.exists() else {}
    folders: dict[Path, list[list[pytest.Item]]] = defaultdict(list)
    groups: dict[tuple[Path, str], list[pytest.Item]] = defaultdict(list)
    for item in items:
        groups[item.path, function_of(item.nodeid)].append(item)
    for (path, _), group in groups.items():
        folders[path.parent].append(group)
    for groups_of_folder in folders.values():
        fast = [group[: _fitting(group, noted)] for group in groups_of_folder]
        if not any(item.get_closest_marker("slow") is None for group in fast for item in group):
            fast = [min(groups_of_folder, key=lambda group: noted.get(function_of(group[0].nodeid), 0.0))[:1]]
        kept = {id(item) for group in fast for item in group}
        for item in (item for group in groups_of_folder for item in group):
            if id(item) not in kept:
                item.add_marker("slow")


def _fitting(group: list[pytest.Item], noted: dict[str, float]) -> int:
    """How many of a function's tests, which differ in their parameters, fit into the budget."""
    seconds = noted.get(function_of(group[0].nodeid), 0.0)
    return len(group) if seconds * len(group) <= BUDGET else int(BUDGET / seconds)


_START = pytest.StashKey[float]()


def start(item: pytest.Item) -> None:
    """A test begins, before its fixtures."""
    item.stash[_START] = _computed()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Iterator[None]:
    try:
        return (yield)
    finally:
        item.user_properties.append((_PROPERTY, _computed() - item.stash[_START]))


def _computed() -> float:
    """Seconds of computing of this process and those that it has waited for."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def record(reports: list[Any]) -> None:
    """Notes the mean of every function's tests; functions that did not run keep what was noted before."""
    found: dict[str, list[float]] = defaultdict(list)
    for report in reports:
        seconds = dict(report.user_properties).get(_PROPERTY)
        if seconds is not None:
            found[function_of(report.nodeid)].append(seconds)
    noted = json.loads(FILE.read_text()) if FILE.exists() else {}
    for name, seconds in found.items():
        noted.pop(name, None)
        if sum(seconds) >= _NEGLIGIBLE:
            noted[name] = max(round(sum(seconds) / len(seconds), 2), 0.01)
    FILE.write_text(json.dumps(noted, indent=0, sort_keys=True) + "\n")
