"""The place of a process in its cluster, and the check before training."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
import tensorflow as tf

from gansformer_tf.training.errors import TrainingError
from gansformer_tf.training.strategy import _checked, is_chief, make_strategy, worker_shard

WORKERS = ["localhost:1", "localhost:2"]


def describe(monkeypatch, task: object, **cluster: list[str]) -> None:
    config = {"cluster": cluster or {"worker": WORKERS}} | ({} if task is None else {"task": task})
    monkeypatch.setenv("TF_CONFIG", json.dumps(config))


@pytest.mark.parametrize(
    "task",
    [None, 5, {}, {"type": "worker"}, {"type": "worker", "index": 2}, {"type": "worker", "index": -1},
     {"type": "worker", "index": "first"}, {"type": "chief", "index": 0}, {"type": "evaluator", "index": 0}],
)  # fmt: skip
def test_a_task_outside_the_cluster_is_an_error(monkeypatch, task):
    describe(monkeypatch, task)
    with pytest.raises(TrainingError, match=r"^TF_CONFIG has task .*, which is none of its cluster; every process"):
        make_strategy(["/CPU:0"])


@pytest.mark.parametrize(
    ("kind", "index", "position"), [("chief", 0, 0), ("worker", 0, 1), ("worker", 1, 2), ("worker", "1", 2)]
)
def test_one_process_is_the_chief(monkeypatch, kind, index, position):
    """Also where a worker beside a "chief" has the index 0 as well."""
    describe(monkeypatch, {"type": kind, "index": index}, chief=["localhost:3"], worker=WORKERS)
    strategy = SimpleNamespace(cluster_resolver=SimpleNamespace(task_id=int(index)))
    assert is_chief(strategy) == (position == 0)
    assert worker_shard(strategy) == (position, 3)


def devices(*sums: float) -> SimpleNamespace:
    """Two devices whose sums over both are these."""
    return SimpleNamespace(
        num_replicas_in_sync=2,
        run=lambda replica: None,
        experimental_local_results=lambda value: tuple(tf.constant(one) for one in sums),
    )


@pytest.mark.parametrize("sums", [(3.0, 2.0), (1.0, 2.0), (float("nan"), float("nan"))])
def test_devices_that_add_up_wrongly_are_an_error(sums):
    with pytest.raises(TrainingError, match=r"the 2 devices add 1 to 2 up to \[.*\], not to 3; their connection"):
        _checked(devices(*sums))


def test_devices_that_add_up_are_taken():
    strategy = devices(3.0, 3.0)
    assert _checked(strategy) is strategy
