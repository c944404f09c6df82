"""Which snapshot is kept as the best."""

from __future__ import annotations

import json
import math

import pytest

from gansformer_tf.metrics.best import BEST, RECORD, keep_best
from gansformer_tf.metrics.results import Result


@pytest.fixture
def measure(tmp_path):
    def build(kimg: int, name: str, value: float) -> bool:
        path = tmp_path / f"network-snapshot-{kimg:06d}.safetensors"
        path.write_text(str(kimg))
        return keep_best(path, Result(name, {name: value, "other": 0.0}, {}))

    return build


@pytest.mark.parametrize(("name", "values"), [("fid", (9.0, 7.0, 8.0)), ("is-inception-random-0", (1.0, 3.0, 2.0))])
def test_the_best_so_far_is_kept(tmp_path, measure, name, values):
    assert [measure(kimg, name, value) for kimg, value in enumerate(values)] == [True, True, False]
    assert (tmp_path / BEST).read_text() == "1"
    assert json.loads((tmp_path / RECORD).read_text()) == {
        "snapshot": "network-snapshot-000001.safetensors",
        "metric": name,
        "value": values[1],
    }
    assert not list(tmp_path.glob(".*"))


def test_numbers_of_another_metric_do_not_compare(tmp_path, measure):
    measure(0, "fid", 5.0)
    assert measure(1, "fid-inception-random-0", 900.0)
    assert not measure(2, "fid-inception-random-0", math.nan)
    assert (tmp_path / BEST).read_text() == "1"


def test_a_record_without_its_snapshot_counts_for_nothing(tmp_path, measure):
    measure(0, "fid", 5.0)
    (tmp_path / BEST).unlink()
    assert measure(1, "fid", 6.0)
