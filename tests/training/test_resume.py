"""A run that was stopped or killed goes on exactly as if nothing had happened."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tests.training.soak import soak

SCRIPT = Path(__file__).parent / "tiny_run.py"
KILLED = -9
IMAGES = 128  # 16 steps, a checkpoint every 4


def run(results: Path, data: str, *options: object, status: int = 0) -> str:
    command = [sys.executable, str(SCRIPT), str(results), data, "--images", str(IMAGES), "--eager", *map(str, options)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=500)
    assert done.returncode == status, done.stdout + done.stderr[-2000:]
    return done.stdout


def final_state(results: Path) -> dict[str, np.ndarray]:
    folder = sorted((results / "tiny-000" / "checkpoints").glob("step-*"))[-1]
    reader = tf.train.load_checkpoint(str(folder / "state"))
    names = [name for name in reader.get_variable_to_shape_map() if "VARIABLE_VALUE" in name]
    assert len(names) > 60  # both networks, the average, four optimizer states
    return {"step": folder.name} | {name: reader.get_tensor(name) for name in names}


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory, tiny_data):
    results = tmp_path_factory.mktemp("whole")
    assert "ended at 16" in run(results, tiny_data)
    return results


def test_no_fault_changes_what_a_run_becomes(tmp_path, tiny_data, uninterrupted):
    """One run meets every fault in turn; each time it goes on from the newest whole checkpoint."""
    checkpoints = tmp_path / "tiny-000" / "checkpoints"

    run(tmp_path, tiny_data, "--kill-in-checkpoint", 8, status=KILLED)
    assert list(checkpoints.glob(".step-*.tmp"))

    output = run(tmp_path, tiny_data, "--file-limit", 60_000, status=1)  # the disk is full
    assert "resumed at 4" in output
    assert "error: the checkpoint of step 8 could not be written" in output
    assert "the checkpoint of step 4 is untouched" in output
    assert not list(checkpoints.glob(".step-*.tmp"))

    assert "resumed at 4" in run(tmp_path, tiny_data, "--kill-at-step", 14, status=KILLED)
    data = checkpoints / "step-00000012" / "state.data-00000-of-00001"
    data.write_bytes(data.read_bytes()[:-100])

    output = run(tmp_path, tiny_data)
    assert "The checkpoint of step 12 cannot be used" in output
    assert "resumed at 8" in output

    ours, theirs = final_state(tmp_path), final_state(uninterrupted)
    assert ours.keys() == theirs.keys()
    for name, value in theirs.items():
        np.testing.assert_array_equal(ours[name], value, err_msg=name)
    metrics = [path / "tiny-000" / "metrics.jsonl" for path in (tmp_path, uninterrupted)]
    steps = [[line.split(",")[0] for line in path.read_text().splitlines()] for path in metrics]
    assert steps[0] == steps[1]


@pytest.mark.slow
def test_a_kill_at_a_random_moment(tmp_path, tiny_data):
    """`make soak` has many more of them."""
    assert soak(tmp_path, tiny_data, kills=1)[-1] > 0
