"""Several devices and several processes train one model."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from gansformer_tf.training.errors import TrainingError
from gansformer_tf.training.strategy import Agreement
from tests.training.family_steps import one_and_two_devices

SCRIPT = Path(__file__).parent / "tiny_run.py"
KILLED = -9


def start(results: Path, data: str, *options: object, task: int | None = None, ports: tuple[int, ...] = ()):
    environment = dict(os.environ)
    if task is not None:
        workers = [f"localhost:{port}" for port in ports]
        environment["TF_CONFIG"] = json.dumps(
            {"cluster": {"worker": workers}, "task": {"type": "worker", "index": task}}
        )
    command = [sys.executable, str(SCRIPT), str(results), data, *map(str, options)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment)


def finish(process: subprocess.Popen, status: int = 0) -> str:
    output = process.communicate(timeout=500)[0]
    assert process.returncode == status, output[-3000:]
    return output


def final_state(results: Path) -> dict[str, np.ndarray]:
    folder = sorted((results / "tiny-000" / "checkpoints").glob("step-*"))[-1]
    reader = tf.train.load_checkpoint(str(folder / "state"))
    return {n: reader.get_tensor(n) for n in reader.get_variable_to_shape_map() if "VARIABLE_VALUE" in n}


def free_ports(count: int) -> tuple[int, ...]:
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("localhost", 0))
    ports = tuple(one.getsockname()[1] for one in sockets)
    for one in sockets:
        one.close()
    return ports


@pytest.fixture(scope="module")
def one_device(tmp_path_factory, tiny_data):
    """State after 12 steps on one device."""
    results = tmp_path_factory.mktemp("one")
    finish(start(results, tiny_data, "--images", 96))
    return final_state(results)


@pytest.mark.parametrize(("family", "at_once", "steps"), [("gansformer", 4, 4), ("creps", 4, 2), ("stylegan3", 2, 2)])
def test_two_devices_train_the_networks_like_one(tmp_path, family, at_once, steps):
    """Nothing is compiled, which takes longer than the steps; tiny networks are, below.

    StyleGAN3 divides by averages of what one device holds at once: here two parts of the batch in both cases.
    """
    one, two = one_and_two_devices(tmp_path, family, "--steps", str(steps), at_once=at_once)
    assert one.keys() == two.keys()
    assert any("magnitude" in name for name in one) == (family == "stylegan3")
    for name in one:
        # Squares of path length's gradients, which are of second order and large here, summed in another order.
        rtol = 2e-3 if family == "gansformer" and name.startswith("adam/") else 1e-4
        np.testing.assert_allclose(two[name], one[name], atol=5e-5, rtol=rtol, err_msg=name)


def test_two_devices_stop_go_on_train_like_one_and_resume_on_one(tmp_path, tiny_data, one_device):
    """Penalties, path length, statistics groups, dropout and noise included.

    At a stop within a phase one of them may have got further than the other; neither changes anything.
    """
    options = ("--images", 96, "--devices", 2, "--at-once", 2)
    assert "ended at 5" in finish(start(tmp_path, tiny_data, *options, "--stop-within-step", 5))
    again = finish(start(tmp_path, tiny_data, *options))
    assert "resumed at 5" in again and "ended at 12" in again
    ours = final_state(tmp_path)
    assert ours.keys() == one_device.keys()
    for name, value in one_device.items():
        np.testing.assert_allclose(ours[name], value, atol=5e-5, rtol=1e-4, err_msg=name)
    assert "resumed at 12" in finish(start(tmp_path, tiny_data, "--images", 96))


def test_nan_on_one_replica_skips_the_step_on_all(tmp_path, tiny_data):
    finish(start(tmp_path, tiny_data, "--images", 64, "--devices", 2, "--nan-on-replica", 1))
    state = final_state(tmp_path)
    assert all(np.isfinite(value).all() for value in state.values())
    numbers = {name.split("/")[0]: value for name, value in state.items()}
    skipped = {name: int(value) for name, value in numbers.items() if name.startswith("variable:skipped.S")}
    assert skipped == {"variable:skipped.SD": 2, "variable:skipped.SG": 0}
    steps = [int(value) for name, value in numbers.items() if "adam" in name and name.endswith("step")]
    assert sorted(steps) == [8 - 2 + 3, 8 + 4]  # D with its penalties, G with its path length steps
    record = json.loads((tmp_path / "tiny-000" / "metrics.jsonl").read_text().splitlines()[-1])
    assert record["skipped_steps"] == 2


def test_two_processes_train_together_lose_one_and_resume(tmp_path, tiny_data, one_device):
    ports = free_ports(2)
    first = start(tmp_path, tiny_data, "--images", 96, task=0, ports=ports)
    second = start(tmp_path, tiny_data, "--images", 96, "--kill-at-step", 6, task=1, ports=ports)
    finish(second, KILLED)
    output = finish(first, 1)
    assert "another worker does not answer any more" in output

    ports = free_ports(2)
    both = [start(tmp_path, tiny_data, "--images", 96, task=task, ports=ports) for task in (0, 1)]
    for process in both:
        output = finish(process)
        assert "resumed at 4" in output
        assert "ended at 12" in output
    for name, value in final_state(tmp_path).items():
        np.testing.assert_allclose(value, one_device[name], atol=5e-5, rtol=1e-4, err_msg=name)


LOST = ("UnavailableError", "AbortedError", "DeadlineExceededError", "CancelledError")


@pytest.mark.parametrize("name", LOST)
def test_a_worker_lost_between_two_steps_is_one_line_too(name, monkeypatch):
    """The processes also wait for each other when they agree whether to stop."""
    cluster = {"cluster": {"worker": ["localhost:1", "localhost:2"]}, "task": {"type": "worker", "index": 0}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(cluster))
    agreement = Agreement(SimpleNamespace(cluster_resolver=SimpleNamespace(task_id=0), num_replicas_in_sync=2))

    def lost(part: tf.Tensor) -> tf.Tensor:
        raise getattr(tf.errors, name)(None, None, "Collective ops is aborted\nmore")

    monkeypatch.setattr(agreement, "_total", lost)
    with pytest.raises(TrainingError, match=r"does not answer any more \(Collective ops is aborted\)"):
        agreement.any(False)


def test_a_stop_of_one_process_stops_both_with_everything_saved(tmp_path, tiny_data):
    ports = free_ports(2)
    both = [start(tmp_path, tiny_data, "--images", 10**7, task=task, ports=ports) for task in (0, 1)]
    metrics = tmp_path / "tiny-000" / "metrics.jsonl"
    deadline = time.monotonic() + 450
    while not (metrics.exists() and metrics.stat().st_size):
        assert time.monotonic() < deadline
        assert all(process.poll() is None for process in both)
        time.sleep(0.2)
    both[1].send_signal(signal.SIGTERM)
    ends = [finish(process).split("ended at ")[1] for process in both]
    assert ends[0] == ends[1]
    assert (tmp_path / "tiny-000" / "checkpoints" / f"step-{int(ends[0]):08d}").exists()


def test_a_cluster_description_that_is_no_json_is_an_error(monkeypatch):
    from gansformer_tf.training.errors import TrainingError
    from gansformer_tf.training.strategy import make_strategy

    monkeypatch.setenv("TF_CONFIG", "{nonsense")
    with pytest.raises(TrainingError, match="TF_CONFIG is not valid"):
        make_strategy(["/CPU:0"])


def test_a_worker_that_nobody_answers_ends_with_advice(tmp_path):
    code = "from gansformer_tf.training.strategy import make_strategy; make_strategy(['/CPU:0'], connect_seconds=3.0)"
    workers = [f"localhost:{port}" for port in free_ports(2)]
    cluster = {"cluster": {"worker": workers}, "task": {"type": "worker", "index": 0}}
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | {"TF_CONFIG": json.dumps(cluster)},
        cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=500,
    )  # fmt: skip
    assert done.returncode != 0
    assert "error: no answer from the other workers within 3 s" in done.stderr
    assert workers[1] in done.stderr
