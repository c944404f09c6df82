"""Where a run is written: folders with awkward names, and who may read what is in them."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shutil
import stat

import numpy as np
import pytest

from gansformer_tf.models.snapshot import find_snapshot, read_snapshot
from gansformer_tf.training import trainer
from gansformer_tf.training.logs import Progress
from gansformer_tf.training.run_dir import RunDir
from tests.training.test_trainer import assert_equal, state, trainer_of

PLAIN = {"path_length": False, "d_reg": "none"}  # two phases to trace in place of four


@contextlib.contextmanager
def umask(mask: int):
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


@pytest.fixture(scope="module")
def awkward(tmp_path_factory, tiny_data):
    """A run of two steps whose folder, as that of its data, looks like a pattern; its state, and its modes."""
    place = tmp_path_factory.mktemp("place")
    data = place / "sets [1] {a,b}"
    shutil.copytree(tiny_data, data)
    with pytest.MonkeyPatch.context() as patch, umask(0o027):
        run = trainer_of(RunDir(place / "results [v2] *?" / "run-000"), data, patch, 16, **PLAIN)
        run.train()
        modes = {path: stat.S_IMODE(path.stat().st_mode) for path in run.run_dir.path.rglob("*") if path.is_file()}
        return run.run_dir, data, state(run), modes


def test_a_run_in_a_folder_that_looks_like_a_pattern_resumes(awkward, monkeypatch):
    run_dir, data, expected, _ = awkward
    resumed = trainer_of(run_dir, data, monkeypatch, 16, **PLAIN)
    assert resumed.step == 2
    assert_equal(state(resumed), expected)
    assert any(run_dir.tensorboard.iterdir())
    assert read_snapshot(find_snapshot(run_dir.path))[1]


def test_all_files_of_a_run_have_the_mode_that_the_umask_asks_for(awkward):
    modes = awkward[-1]
    assert {path.suffix for path in modes} >= {".json", ".jsonl", ".png", ".html", ".safetensors", ".index"}
    assert {path.name: oct(mode) for path, mode in modes.items() if mode != 0o640} == {}


def test_a_finished_run_that_is_asked_for_less_says_so(awkward, monkeypatch, capfd):
    run_dir, data, *_ = awkward
    run = trainer_of(run_dir, data, monkeypatch, 8, **PLAIN)
    run.show_progress = True
    assert run.train().images == 16
    found = capfd.readouterr()
    assert "This run has had 0.016 kimg of 0.008; raise --total-kimg to train on." in found.out
    assert "%" not in found.err and "tqdm" not in found.err


def test_the_bar_ends_its_note_with_the_first_step(capsys):
    bar = Progress(8, 0)
    bar.update(8, {"loss/g": 1.0})
    bar.close()
    lines = capsys.readouterr().err.strip().split("\r")
    assert "0%" in lines[-2] and "building the training step" in lines[-2]
    assert "100%" in lines[-1] and "building" not in lines[-1]


def test_the_data_are_read_as_configured(awkward, monkeypatch):
    """Every field of the configuration arrives, mirroring too."""
    run_dir, data, *_ = awkward
    run = trainer_of(run_dir, data, monkeypatch, 16, **PLAIN)
    read, asked = trainer.training_dataset, {}

    def noted(folder, **named):
        asked.update(named)
        return read(folder, **(named | {"ratio": None, "use_labels": False}))

    monkeypatch.setattr(trainer, "training_dataset", noted)
    mirrored = next(iter(run._dataset()))["image"]
    settings = {"mirror": False, "max_images": 40, "ratio": 0.5, "use_labels": True}
    run.config = dataclasses.replace(run.config, data=dataclasses.replace(run.config.data, num_threads=3, **settings))
    dataset = run._dataset()
    assert dataset.options().threading.private_threadpool_size == 3
    assert asked.items() >= (settings | {"seed": run.config.train.seed, "start_step": 2, "batch_size": 8}).items()
    assert np.any(next(iter(dataset))["image"] != mirrored)
