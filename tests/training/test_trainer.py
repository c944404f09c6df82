"""The order in which a run saves, and what it does when something stops it. Tiny networks, in this process."""

from __future__ import annotations

import functools
import os
import signal
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from safetensors import SafetensorError

from gansformer_tf.drawing.sampler import Sampler
from gansformer_tf.files import read_json_lines
from gansformer_tf.models import snapshot
from gansformer_tf.training import recorder, step, trainer
from gansformer_tf.training.checkpoint import CheckpointStore
from gansformer_tf.training.errors import TrainingError
from gansformer_tf.training.logs import MetricsLog, Progress
from gansformer_tf.training.plan import PHASES
from gansformer_tf.training.run_dir import RunDir
from gansformer_tf.training.samples import SampleWriter
from tests.training.tiny_networks import TinyDiscriminator, TinyGenerator
from tests.training.tiny_run import stop_within_phase, tiny_run_config

# Nothing is compiled, which takes longer than a few steps.
pytestmark = pytest.mark.usefixtures("eager_module")

IMAGES = 80  # 10 steps; a tick and a checkpoint every 2 of them, a snapshot every 4


def trainer_of(run_dir, data, patch, images=IMAGES, meter=None, **train):
    """A trainer of a run, from its newest checkpoint on."""
    patch.setattr(step, "build_generator", TinyGenerator)
    patch.setattr(step, "build_discriminator", TinyDiscriminator)
    run_dir.create()
    config = tiny_run_config(data, images, **({"tick_kimg": 0.016} | train))
    run_dir.write_config(config)
    run = trainer.Trainer(config, run_dir, progress=False, meter=meter)
    run.restore()
    return run


@pytest.fixture
def begin(tmp_path, tiny_data, monkeypatch):
    """Makes a trainer of one and the same run, as a new start would."""
    return functools.partial(trainer_of, RunDir(tmp_path / "run-000"), tiny_data, monkeypatch)


def state(run: trainer.Trainer) -> dict[str, np.ndarray]:
    return {name: variable.numpy() for name, variable in run.train_step.state().items()}


def before_step(run: trainer.Trainer, number: int, action) -> None:
    """Calls `action` before step `number` is made."""
    make_step = run.train_step.run

    def step(index, *arguments):
        if index == number:
            action()
        return make_step(index, *arguments)

    run.train_step.run = step


def after_phase(run: trainer.Trainer, number: int, phase: str, action) -> None:
    """Calls `action` after a phase of step `number`."""
    compute = run.train_step._phases[phase]

    def computed(counter, *arguments):
        found = compute(counter, *arguments)
        if int(counter) == number:
            action()
        return found

    run.train_step._phases[phase] = computed


def terminate() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def spoil(run: trainer.Trainer, first: int) -> None:
    """Makes the loss of D NaN from step `first` on."""
    loss_of = run.train_step.losses.discriminator_main

    def spoiled(batch):
        loss, statistics = loss_of(batch)
        return tf.where(batch.images_seen >= first * batch.global_size, float("nan"), 1.0) * loss, statistics

    run.train_step.losses.discriminator_main = spoiled


def full(tensors: object, path: Path, metadata: object) -> None:
    """Fails as `safetensors` does on a full disk."""
    raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")


def assert_equal(ours: dict[str, np.ndarray], theirs: dict[str, np.ndarray]) -> None:
    assert ours.keys() == theirs.keys()
    for name, value in theirs.items():
        np.testing.assert_array_equal(ours[name], value, err_msg=name)


@pytest.fixture(scope="module")
def whole(tmp_path_factory, tiny_data) -> dict[str, np.ndarray]:
    """State at the end of a run that nothing disturbed."""
    with pytest.MonkeyPatch.context() as patch:
        run = trainer_of(RunDir(tmp_path_factory.mktemp("whole") / "run-000"), tiny_data, patch)
        run.train()
        return state(run)


@pytest.fixture
def calls(monkeypatch):
    """Names of what is written, in order; what takes long among them."""
    found = []

    def watch(owner, name, label):
        original = getattr(owner, name)

        def noted(*arguments, **named):
            found.append(label)
            return original(*arguments, **named)

        monkeypatch.setattr(owner, name, noted)

    watch(CheckpointStore, "save", "checkpoint")
    watch(SampleWriter, "write", "samples")
    watch(MetricsLog, "histograms", "histograms")
    watch(MetricsLog, "write", "tick")
    watch(recorder, "save_snapshot", "snapshot")
    watch(recorder, "write_report", "report")
    return found


def test_a_stop_saves_before_all_else_and_leaves_out_what_takes_long(begin, calls):
    run = begin(meter=lambda path: calls.append("metrics") or {})

    def stop() -> None:
        calls.clear()
        terminate()

    before_step(run, 7, stop)
    assert run.train().stopped
    assert (run.step, run.train_step.phases_done) == (7, 0)
    assert calls == ["checkpoint", "tick", "snapshot", "report"]
    (record,) = [record for record in read_json_lines(run.run_dir.snapshots) if record["step"] == 7]
    assert "diversity" not in record


def test_in_every_tick_the_checkpoint_comes_before_what_takes_long(begin, calls):
    run = begin(images=32, meter=lambda path: calls.append("metrics") or {})
    run.train()
    last = ["tick", "checkpoint", "snapshot", "samples", "histograms", "metrics", "report"]
    assert calls == ["samples", "tick", "checkpoint", *last]


def test_a_stop_while_metrics_are_computed_finds_the_checkpoint_there(begin):
    kept = []

    def measure(path):
        kept.extend(run.checkpoints.steps())
        terminate()
        return {}

    run = begin(meter=measure)
    assert run.train().stopped
    assert run.step == kept[-1] == 4


def test_a_stop_while_samples_are_drawn_leaves_out_the_rest(begin, calls, monkeypatch):
    run = begin(sample_rows=8, batch_size_per_replica=4, meter=lambda path: calls.append("metrics") or {})
    draw, portions = Sampler.draw, []

    def drawn(self, *portion):
        portions.append(run.step)
        if run.step:
            terminate()
        return draw(self, *portion)

    monkeypatch.setattr(Sampler, "draw", drawn)
    assert run.train().stopped
    assert portions == [0, 0, 0, 0, 4]
    assert calls[-4:] == ["tick", "checkpoint", "snapshot", "report"]


@pytest.mark.parametrize("phase", ["G", "D"])
def test_a_step_that_was_stopped_between_two_phases_goes_on_there(begin, whole, phase):
    run = begin(checkpoint_ticks=100)
    after_phase(run, 6, phase, terminate)  # step 6 has all four
    assert run.train().stopped
    assert run.checkpoints.steps() == [6]
    run = begin(checkpoint_ticks=100)
    assert (run.step, run.train_step.phases_done) == (6, PHASES.index(phase) + 1)
    run.train()
    assert_equal(state(run), whole)


def test_a_step_that_began_at_a_checkpoint_is_not_saved_in_the_middle(begin, whole):
    """It is made again; the checkpoint that is there is as good."""
    run = begin()
    after_phase(run, 6, "G", terminate)
    assert run.train().stopped
    run = begin()
    assert (run.step, run.train_step.phases_done) == (6, 0)
    run.train()
    assert_equal(state(run), whole)


def test_a_stop_does_not_wait_for_the_end_of_a_phase(begin, tmp_path, tiny_data, monkeypatch):
    """The phase is left after the micro-batch at hand, and made again from its beginning."""
    whole = trainer_of(RunDir(tmp_path / "whole-000"), tiny_data, monkeypatch, batch_size_per_replica=2)
    whole.train()
    run = begin(checkpoint_ticks=100, batch_size_per_replica=2)
    parts = stop_within_phase(run, 6)
    assert run.train().stopped
    assert run.checkpoints.steps() == [6]
    assert parts == [0]
    run = begin(checkpoint_ticks=100, batch_size_per_replica=2)
    assert (run.step, run.train_step.phases_done) == (6, PHASES.index("D"))
    run.train()
    assert_equal(state(run), state(whole))


def test_the_data_pipeline_is_let_go_after_everything_is_saved(begin, monkeypatch):
    """Its deletion may take long, and happens where the last reference goes."""
    run, seen = begin(), []

    def release(batches):
        seen.append((run.checkpoints.steps()[-1], sys.getrefcount(batches[0])))

    monkeypatch.setattr(trainer, "release", release)
    after_phase(run, 6, "D", terminate)
    run.train()
    assert seen == [(6, 2)]  # the list's reference, and that of the call


def test_no_checkpoint_is_written_while_gradients_are_not_finite(begin):
    """After the stop the newest one is from before, and trains on."""
    settings = {"d_reg": "none", "path_length": False, "max_skipped_steps": 3, "snapshot_ticks": 1}
    run = begin(**settings)
    spoil(run, 5)
    line = r"gradients of D were not finite 3 times in a row \(limit 3, step 8\)\. The checkpoint of step 4 is kept\."
    with pytest.raises(TrainingError, match=line):
        run.train()
    assert run.checkpoints.steps() == [2, 4]
    assert [record["step"] for record in read_json_lines(run.run_dir.snapshots)] == [2, 4]

    run = begin(**settings)
    assert run.step == 4
    run.train()
    assert run.step == 10 and run.checkpoints.steps() == [8, 10]
    assert all(np.all(np.isfinite(value)) for value in state(run).values())
    assert [record["skipped_steps"] for record in read_json_lines(run.run_dir.metrics)] == [0] * 5


def test_an_end_with_gradients_that_are_not_finite_keeps_the_last_good_checkpoint(begin, capsys):
    run = begin(images=48, d_reg="none", path_length=False)
    spoil(run, 5)
    run.train()
    assert run.checkpoints.steps() == [2, 4]
    assert "so nothing is saved. The checkpoint of step 4 is kept." in capsys.readouterr().out


def test_a_disk_that_is_full_when_a_snapshot_is_due(begin, monkeypatch):
    """The checkpoint of that tick is there; the snapshot follows when there is room."""
    run = begin()
    with monkeypatch.context() as patch:
        patch.setattr(snapshot, "save_file", full)
        line = r"while writing the snapshot of step 4 \(No space left on device: .*network-snapshot-000000\.032\."
        with pytest.raises(TrainingError, match=line + r".*\)\. The checkpoint of step 4 is kept\. Make room"):
            run.train()
    run = begin()
    assert run.step == 4
    run.train()
    assert [record["step"] for record in read_json_lines(run.run_dir.snapshots)] == [4, 8, 10]


def test_records_that_cannot_be_written_are_one_line(begin):
    run = begin()
    run.run_dir.tensorboard.write_text("a file in the way")
    with pytest.raises(TrainingError, match=r"while opening the records of the run \(.*tensorboard\)\. There is no"):
        run.train()


@pytest.mark.parametrize("where", ["at step 2", "while drawing the first samples", "while writing the snapshot of"])
def test_too_little_memory_is_told_wherever_it_is_met(begin, monkeypatch, where):
    """On one machine this is no lost worker."""

    def fail(*_: object, **__: object) -> None:
        message = "Graph execution error:\n\nStatus: 1, message: could not create a primitive, in file x.cc:1"
        raise tf.errors.AbortedError(None, None, message)

    # Closing runs ops, which can bring down a process without memory before the line is told.
    monkeypatch.setattr(recorder.Recorder, "close", lambda self: pytest.fail("the records were closed"))
    monkeypatch.setattr(trainer, "release", lambda batches: pytest.fail("the pipeline was deleted"))
    run = begin(meter=fail if "snapshot" in where else None)
    if "step 2" in where:
        before_step(run, 2, fail)
    elif "first" in where:
        monkeypatch.setattr(SampleWriter, "draw", fail)
    with pytest.raises(TrainingError, match=f"^out of memory {where}.*--batch-gpu"):
        run.train()


def test_an_error_gets_a_line_of_its_own(begin, monkeypatch, capsys):
    def fail(*_: object, **__: object) -> None:
        raise TrainingError("no room")

    monkeypatch.setattr(trainer, "Recorder", fail)
    run = begin()
    run.show_progress = True
    with pytest.raises(TrainingError):
        run.train()
    bar = capsys.readouterr().err
    assert "building the training step" in bar and bar.endswith("\n")


@pytest.mark.parametrize(("total", "left"), [(1000, "2:00"), (10, "0:00")])  # the last step may go beyond the total
def test_the_bar_shows_speed_both_ways(total, left, monkeypatch, capsys):
    bar = Progress(total, 0)
    bar._interval = 0.0
    for seconds, images in ((100.0, 8), (104.0, 40)):
        monkeypatch.setattr("gansformer_tf.training.logs.time.monotonic", lambda now=seconds: now)
        bar.update(images, {"loss/g": 1.0, "loss/d": 0.5})
    bar.close()
    assert f"8.0 img/s, 125.0 s/kimg, ETA {left}, G 1.000 D 0.500" in capsys.readouterr().err
