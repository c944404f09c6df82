"""Training with a projected discriminator: every family, every way to compute, and going on exactly."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from gansformer_tf.config import ConfigError, ModelConfig, ProjectedConfig
from gansformer_tf.layers.precision import dtype_policy
from gansformer_tf.training import step, trainer
from gansformer_tf.training.run_dir import RunDir
from gansformer_tf.training.variables import network_state
from tests.training.family_steps import GENERATORS, PROJECTED, make_step, one_and_two_devices
from tests.training.tiny_networks import TinyGenerator
from tests.training.tiny_run import tiny_run_config

IMAGES = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 3), np.uint8)
NO_LABELS = np.zeros((4, 0), np.float32)


def moments(step) -> dict[str, np.ndarray]:
    """First moments behind one step: the gradient of every variable, but for a factor."""
    step.run(0, IMAGES, NO_LABELS)
    return {name: variable.numpy() for name, variable in step.state().items() if "/m/" in name}


def difference(ours: dict[str, np.ndarray], theirs: dict[str, np.ndarray]) -> float:
    square = [(np.sum((ours[name] - value) ** 2), np.sum(value**2)) for name, value in theirs.items()]
    apart, size = np.sum(square, axis=0)
    return float(np.sqrt(apart / size))


@pytest.mark.parametrize("family", GENERATORS)
def test_every_family_learns_from_it(family, eager):
    step = make_step(family, judge="projected", g_reg_interval=None)
    before = {name: variable.numpy() for name, variable in network_state(step.discriminator, "d").items()}
    weights = [weight.numpy() for weight in step.discriminator.features.model.weights]
    found = moments(step)
    assert all(np.isfinite(value).all() for value in found.values())
    # every weight of the generator hears of the features, but strengths of noise and what is behind a zero
    heard = [np.any(value) for name, value in found.items() if name.startswith("adam/G/")]
    assert np.mean(heard) > 0.7
    after = network_state(step.discriminator, "d")
    kept = {name for name in before if np.array_equal(before[name], after[name].numpy())}
    assert {name for name in kept if name.endswith("kernel") or "mix_" in name} == {
        name for name in before if "mix_" in name
    }
    for old, new in zip(weights, step.discriminator.features.model.weights, strict=True):
        np.testing.assert_array_equal(old, new)


def test_the_ways_to_compute_agree(eager):
    options = {"judge": "projected", "g_reg_interval": None, "adam_beta1": 0.5, "style_mixing": 0.5}
    plain = moments(make_step("gansformer", **options))
    assert difference(moments(make_step("gansformer", **options, batch_size_per_replica=2)), plain) < 1e-4
    found = moments(make_step("gansformer", **options, dtype=dtype_policy("bfloat16")))
    assert all(np.isfinite(value).all() for value in found.values())
    tf.config.run_functions_eagerly(False)  # what is computed again is a graph
    # It rounds otherwise, and normalising eight numbers of a coarse head amplifies that; other draws would give 0.1.
    assert difference(moments(make_step("gansformer", **options, recompute=True)), plain) < 2e-3


def test_devices_train_as_one(tmp_path):
    """A step on one device, and the same on two."""
    one, two = one_and_two_devices(tmp_path, "creps", "--judge", "projected", "--steps", "1")
    assert one.keys() == two.keys()
    names = [name for name in one if "/v/" in name]
    assert difference({name: two[name] for name in names}, {name: one[name] for name in names}) < 1e-3


def test_what_makes_no_sense_is_refused():
    with pytest.raises(ConfigError, match="d_reg is r1; a projected discriminator .* Give --d-reg none"):
        make_step("creps", judge="projected", d_reg="r1")
    with pytest.raises(ConfigError, match="freeze_d is 1; the features of a projected discriminator"):
        make_step("creps", judge="projected", freeze_d=1)


def trained(folder: Path, data: str, *images: int) -> trainer.Trainer:
    """A run, once started for each number of images."""
    run_dir = RunDir(folder)
    run_dir.create()
    for total in images:
        config = tiny_run_config(data, total, tick_kimg=0.016, path_length=False, **PROJECTED)
        judge = ProjectedConfig(resolution=8, channel_base=32, channel_max=4, feature_size=64)
        config = dataclasses.replace(config, model=ModelConfig(config.model.generator, judge))
        run = trainer.Trainer(config, run_dir, progress=False)
        run.restore()
        run.train()
    return run


def test_a_run_goes_on_exactly(tmp_path, tiny_data, monkeypatch, eager):
    monkeypatch.setattr(step, "build_generator", TinyGenerator)
    whole, cut = trained(tmp_path / "a", tiny_data, 16), trained(tmp_path / "b", tiny_data, 8, 16)
    assert whole.step == cut.step == 2
    ours, theirs = cut.train_step.state(), whole.train_step.state()
    for name, variable in theirs.items():
        np.testing.assert_array_equal(ours[name].numpy(), variable.numpy(), err_msg=name)
    # a checkpoint holds heads and mixing, and nothing of the frozen network
    stored = tf.train.list_variables(str(cut.run_dir.checkpoints / "step-00000002" / "state"))
    names = [name for name, _ in stored if "discriminator" in name]
    assert len(names) == len(cut.train_step.discriminator.weights)
    assert sum(int(np.prod(shape)) for _, shape in stored) < 100_000  # its weights are 4.6 millions
