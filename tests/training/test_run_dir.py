from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import pytest

from gansformer_tf.config import ConfigError, RunConfig, TrainConfig
from gansformer_tf.training.errors import TrainingError
from gansformer_tf.training.run_dir import RunDir, existing_runs


def test_the_newest_run_is_resumed_and_restart_makes_another(tmp_path):
    assert RunDir.select(tmp_path, "a").path.name == "a-000"
    RunDir.select(tmp_path, "a").create()
    assert RunDir.select(tmp_path, "a").path.name == "a-000"
    RunDir.select(tmp_path, "a", restart=True).create()
    assert RunDir.select(tmp_path, "a").path.name == "a-001"
    RunDir.select(tmp_path, "a-b").create()
    (tmp_path / "a-not-a-run").mkdir()
    assert existing_runs(tmp_path, "a") == [0, 1]


@pytest.mark.parametrize("name", ["", "../x", "a b", ".hidden"])
def test_names_that_are_no_folder_names(tmp_path, name):
    with pytest.raises(ConfigError, match="expname"):
        RunDir.select(tmp_path, name)


def test_a_second_process_is_refused_and_a_dead_one_is_not_in_the_way(tmp_path):
    run_dir = RunDir(tmp_path / "a-000")
    run_dir.create()
    code = (
        "import sys; from gansformer_tf.training.run_dir import RunDir; "
        "run = RunDir(sys.argv[1]); run.lock(); print('locked', flush=True); sys.stdin.read()"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", code, run_dir.path],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert other.stdout.readline() == "locked\n"
    with pytest.raises(TrainingError, match=f"trained by another process .pid {other.pid} on"):
        run_dir.lock()
    other.kill()
    other.wait()
    run_dir.lock()
    run_dir.unlock()


def test_what_fails_before_anything_is_trained_changes_nothing(tmp_path):
    run_dir = RunDir(tmp_path / "a-000")
    changed = dataclasses.replace(RunConfig(), train=TrainConfig(gamma=3.0))
    with pytest.raises(TrainingError, match="no such package"), run_dir.taken():
        run_dir.write_config(changed)
        run_dir.transfer.write_text("what was loaded")
        raise TrainingError("no such package")
    assert list(tmp_path.iterdir()) == []  # it was a new run

    with run_dir.taken():
        run_dir.write_config(RunConfig())
    with pytest.raises(KeyboardInterrupt), run_dir.taken():
        run_dir.write_config(changed)
        raise KeyboardInterrupt
    assert run_dir.saved_config() == RunConfig()
    with run_dir.taken():  # the lock was given back
        pass

    with pytest.raises(TrainingError), run_dir.taken():
        run_dir.write_config(changed)
        (run_dir.checkpoints / "step-00000008").mkdir()
        raise TrainingError("the disk is full")
    assert run_dir.saved_config() == changed  # this is what the checkpoint was trained with
    assert run_dir.has_checkpoints


def test_a_new_run_that_fails_keeps_what_it_logged(tmp_path):
    run_dir = RunDir(tmp_path / "a-000")
    with pytest.raises(TrainingError), run_dir.taken():
        run_dir.write_config(RunConfig())
        run_dir.metrics.write_text("{}")
        raise TrainingError("gradients")
    assert run_dir.metrics.exists() and not run_dir.started and not run_dir.has_checkpoints


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_write_permission(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(TrainingError, match="cannot be written to"):
        RunDir(tmp_path / "a-000").create()


def test_a_file_in_place_of_the_result_folder(tmp_path):
    (tmp_path / "results").write_text("x")
    with pytest.raises(TrainingError, match="cannot be written to"):
        RunDir(tmp_path / "results" / "a-000").create()


def test_configuration_is_saved_whole_or_not_at_all(tmp_path, monkeypatch):
    run_dir = RunDir(tmp_path)
    run_dir.write_config(RunConfig())
    assert run_dir.saved_config() == RunConfig()
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(OSError, match="No space left"):
        run_dir.write_config(RunConfig())
    assert run_dir.saved_config() == RunConfig()
    assert [path.name for path in tmp_path.iterdir()] == ["config.json"]
