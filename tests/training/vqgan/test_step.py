"""Both stages learn in one loop, and go on exactly where they were stopped."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from gansformer_tf.config import ConfigError, DiscriminatorConfig, ModelConfig
from gansformer_tf.files import read_json_lines
from gansformer_tf.models.snapshot import load_snapshot
from gansformer_tf.training.gradients import to_float
from gansformer_tf.training.overview import overview
from gansformer_tf.training.vqgan.step import VQGANStep
from tests.training.vqgan.tiny_vqgan import tiny_config, tiny_step, trainer_of

WIDE = {"resolution": 16, "base_height": 2, "base_width": 4}
NO_LABELS = np.zeros((4, 0), np.float32)
CLASSES = np.eye(2, dtype=np.float32)[[0, 1, 0, 1]]


def images(step: int, width: int = 8, batch: int = 4) -> np.ndarray:
    """Images of one colour each, with a stripe."""
    random = np.random.default_rng(step)
    made = np.tile(random.integers(0, 256, (batch, 1, 1, 3)), (1, 8, width, 1))
    made[:, :, 4:6] = 255 - made[:, :, 4:6]
    return made.astype(np.uint8)


def values(step: VQGANStep) -> dict[str, np.ndarray]:
    return {name: np.array(variable) for name, variable in step.state().items()}


def error(step: VQGANStep, shown: np.ndarray) -> float:
    x = to_float(tf.constant(shown))
    return float(tf.reduce_mean(tf.abs(step.generator.reconstruct(x) - x)))


def test_stage_1_learns_and_its_discriminator_starts_at_its_image():
    size = dict(WIDE)
    step = tiny_step(generator=size, discriminator=size, train={"total_kimg": 1.0}, stages={"discriminator_start": 100})
    shown = images(0, width=16)
    before = error(step, shown)
    logs = [step.run(number, shown, NO_LABELS) for number in range(30)]
    assert error(step, shown) < 0.6 * before
    judged = [float(log["loss/d"]) > 0 if "loss/d" in log else None for log in logs]
    assert judged == [None] * 25 + [True] * 5  # 4 images each
    assert {"loss/autoencoder", "reconstruction", "perceptual", "loss/codes", "adaptive_weight"} <= set(logs[0])
    assert int(step.optimizers["transformer"].step.numpy()) == 0


def test_stage_2_learns_the_codes_of_classes():
    changes = {"label_dim": 2}
    step = tiny_step(generator=changes, discriminator=changes, stages={"stage1_share": 0.0})
    step.autoencoder.quantizer.codebook.assign(np.random.default_rng(0).standard_normal((16, 4)))
    frozen = [np.array(variable) for variable in step.autoencoder.variables]
    measured = [float(step.held_out.means(tf.constant(images(100)), tf.constant(CLASSES))[1])]
    found = [step.run(number, images(number), CLASSES) for number in range(30)]
    measured.append(float(step.held_out.means(tf.constant(images(100)), tf.constant(CLASSES))[1]))
    assert measured[1] < measured[0] - 0.5
    assert set(found[0]) == {"cross_entropy", "gradient_norm/transformer"}
    for old, variable in zip(frozen, step.autoencoder.variables, strict=True):
        np.testing.assert_array_equal(old, variable)


def test_weights_decay_unless_a_step_is_skipped():
    still = {"stages": {"stage1_share": 0.0, "transformer_learning_rate": 1e-12, "weight_decay": 1e11}}
    step = tiny_step(**still)
    kernel = step.transformer.head.kernel
    before = np.array(kernel)
    step.run(0, images(0), NO_LABELS)
    np.testing.assert_allclose(kernel, 0.9 * before, rtol=1e-4, atol=1e-9)
    embedding = step.transformer.token_embedding
    embedding.assign(np.full(embedding.shape, np.nan))
    before = np.array(kernel)
    step.run(1, images(0), NO_LABELS)
    np.testing.assert_array_equal(kernel, before)
    assert int(step.skipped["transformer"].numpy()) == 1


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_parts_of_a_batch(share, eager):
    """Stage 2 does not depend on the cut, stage 1 learns with it."""
    quiet = {"generator": {"dropout": 0.0}, "stages": {"stage1_share": share}}
    whole, cut = tiny_step(**quiet), tiny_step(**quiet, train={"batch_size_per_replica": 2})
    ours, theirs = (step.run(0, images(0), NO_LABELS) for step in (cut, whole))
    for name in ("cross_entropy", "gradient_norm/transformer") if share == 0.0 else ("reconstruction", "loss/codes"):
        assert float(ours[name]) == pytest.approx(float(theirs[name]), rel=1e-4), name
    assert float(tf.reduce_sum(cut.usage)) == float(tf.reduce_sum(whole.usage)) == share * 4 * 16


@pytest.mark.parametrize("setting", [{"precision": "bfloat16"}, pytest.param({"jit": "on"}, marks=pytest.mark.slow)])
def test_other_ways_to_compute(setting):
    step = tiny_step(train=setting)
    found = [step.run(number, images(number), NO_LABELS) for number in range(6)]
    assert all(np.isfinite(float(value)) for logs in found for value in logs.values())
    assert "reconstruction" in found[3] and "cross_entropy" in found[4]


def test_codes_that_no_image_of_an_epoch_took_come_back():
    step = tiny_step(train={"total_kimg": 1.0}, stages={"kmeans_start": False})
    assert step.epoch_images == 20
    book = step.autoencoder.quantizer.codebook
    book.assign(np.concatenate([np.zeros((1, 4)), np.full((15, 4), 100.0)]))
    for number in range(5):
        step.run(number, images(number), NO_LABELS)
    assert int(tf.math.count_nonzero(step.usage)) == 1
    record = {"codes/used": 1, "adaptive_weight": 0.5}
    assert any("1 of 16 codes are in use, less than 10%. Try --restart-codes" in line for line in step.concerns(record))
    step.run(5, images(5), NO_LABELS)  # the first of the next epoch
    assert np.abs(np.asarray(book)).max() < 50.0
    assert int(tf.math.count_nonzero(step.usage_of_epoch)) == 1
    assert int(tf.math.count_nonzero(step.usage)) > 2


def test_a_weight_out_of_its_range_is_told():
    step = tiny_step()
    step.run(0, images(0), NO_LABELS)
    assert step.concerns({"codes/used": 16, "adaptive_weight": 0.5}) == []
    for weight in (0.0, 8000.0, float("nan")):
        (line,) = step.concerns({"codes/used": 16, "adaptive_weight": weight})
        assert f"the weight of the discriminator is {weight:g}, at the end of its range from 0 to 8000" in line
    step._judged = False  # it has not started, so its weight is no matter
    assert step.concerns({"codes/used": 16, "adaptive_weight": 0.0}) == []


def test_a_run_trains_both_stages(tmp_path, tiny_data, capsys):
    run = trainer_of(tmp_path / "run-000", tiny_data)
    run.train()
    records = read_json_lines(run.run_dir.metrics)
    assert [record["stage"] for record in records] == [1, 1, 2, 2]
    assert all(record["held_out/reconstruction"] > 0 and record["codes/used"] >= 1 for record in records)
    assert [("cross_entropy" in record, "held_out/cross_entropy" in record) for record in records] == [
        *((False, False),) * 2,
        *((True, True),) * 2,
    ]
    assert "stage 1  reconstruction" in capsys.readouterr().out
    report = (run.run_dir.path / "report.html").read_text()
    assert all(panel in report for panel in ("Reconstruction error", "Codes in use", "Cross-entropy"))
    snapshot = load_snapshot(run.run_dir.path)
    assert snapshot.config.stages == run.config.stages
    np.testing.assert_array_equal(snapshot.generator.encode(to_float(tf.constant(images(0)))).shape, (4, 16))
    for ours, theirs in zip(snapshot.discriminator.weights, run.train_step.discriminator.weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)

    longer = trainer_of(tmp_path / "run-000", tiny_data, train={"total_kimg": 0.2})
    assert longer.step == 8 and longer.train_step.stage_of(8) == 2  # and not stage 1 again
    assert longer.train_step.samples(2) is None  # the generator's, not reconstructions


def run(folder: Path, data: str, *options: object, status: int = 0) -> str:
    command = [sys.executable, "-m", "tests.training.vqgan.tiny_vqgan", str(folder), data, *map(str, options)]
    root = Path(__file__).parents[3]
    done = subprocess.run(command, capture_output=True, text=True, timeout=500, cwd=root)
    assert done.returncode == status, done.stdout + done.stderr[-3000:]
    return done.stdout


@pytest.mark.slow
def test_a_killed_run_goes_on_exactly_in_both_stages(tmp_path, tiny_data):
    whole = trainer_of(tmp_path / "whole-000", tiny_data)
    whole.train()
    cut = tmp_path / "cut-000"
    run(cut, tiny_data, "--kill-at-step", 3, status=-9)
    assert "resumed at 2" in run(cut, tiny_data, "--kill-at-step", 7, status=-9)
    again = trainer_of(cut, tiny_data)
    assert again.step == 6
    again.train()
    expected, found = values(whole.train_step), values(again.train_step)
    assert expected.keys() == found.keys() and len(found) > 100
    for name, value in expected.items():
        np.testing.assert_array_equal(found[name], value, err_msg=name)


@pytest.mark.slow
def test_two_devices(tmp_path, tiny_data):
    assert "ended at 8" in run(tmp_path / "two-000", tiny_data, "--devices", 2)
    assert trainer_of(tmp_path / "two-000", tiny_data).step == 8


def test_the_overview(tiny_data):
    text = overview(tiny_config())
    assert "codebook" in text and "conv0" in text and "Memory for training" in text


def test_bad_configurations():
    with pytest.raises(ConfigError, match="transformer_layers is 0, which leaves stage 2 without a network; give"):
        tiny_step(generator={"transformer_layers": 0})
    with pytest.raises(ConfigError, match="a vqgan generator is not trained against a stylegan2 discriminator; use"):
        ModelConfig(tiny_config().model.generator, DiscriminatorConfig(resolution=8)).check_pair()
