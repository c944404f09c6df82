"""What is left out of the fast run follows from measured times."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests import durations


class Item:
    """As much of a test as the marking looks at."""

    def __init__(self, nodeid: str, *marks: str) -> None:
        self.nodeid, self.path, self.marks = nodeid, Path(nodeid.partition("::")[0]), list(marks)

    def get_closest_marker(self, name):
        return name if name in self.marks else None

    add_marker = property(lambda self: self.marks.append)


def fast(monkeypatch, tmp_path, noted, *items):
    path = tmp_path / "durations.json"
    path.write_text(json.dumps(noted))
    monkeypatch.setattr(durations, "FILE", path)
    durations.mark_slow(list(items))
    return [item.nodeid for item in items if "slow" not in item.marks]


def test_what_fits_into_the_budget_is_fast(monkeypatch, tmp_path):
    noted = {"test_a.py::test_long": 3.0, "test_a.py::test_many": 0.2}
    items = [Item("a/test_a.py::test_long"), Item("a/test_a.py::test_new")]
    items += [Item(f"a/test_a.py::test_many[{index}]") for index in range(5)]
    found = fast(monkeypatch, tmp_path, noted, *items)
    assert found == ["a/test_a.py::test_new", "a/test_a.py::test_many[0]", "a/test_a.py::test_many[1]"]


@pytest.mark.parametrize("by_hand", [False, True])
def test_every_folder_keeps_its_cheapest_test(by_hand, monkeypatch, tmp_path):
    noted = {"test_a.py::test_long": 3.0, "test_b.py::test_longer": 5.0}
    items = [Item("a/test_a.py::test_long"), Item("a/test_b.py::test_longer")]
    if by_hand:
        items.append(Item("a/test_b.py::test_heavy", "slow"))
        noted["test_b.py::test_heavy"] = 9.0
    assert fast(monkeypatch, tmp_path, noted, *items) == ["a/test_a.py::test_long"]


def test_what_ran_is_noted_and_the_rest_is_kept(monkeypatch, tmp_path):
    monkeypatch.setattr(durations, "FILE", tmp_path / "durations.json")
    durations.FILE.write_text(
        json.dumps({"test_a.py::test_x": 1.0, "test_a.py::test_y": 1.0, "test_a.py::test_z": 1.0})
    )
    times = {"b/test_a.py::test_x[1]": 2.0, "b/test_a.py::test_x[2]": 3.0, "b/test_a.py::test_y": 0.01}
    durations.record(
        [SimpleNamespace(nodeid=name, user_properties=[(durations._PROPERTY, s)]) for name, s in times.items()]
    )
    assert json.loads(durations.FILE.read_text()) == {"test_a.py::test_x": 2.5, "test_a.py::test_z": 1.0}
