"""A family that the package has never heard of trains, draws, is measured, exported and shown with no edit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from gansformer_tf.cli import run_network
from gansformer_tf.config import DiscriminatorConfig, ModelConfig, RunConfig
from gansformer_tf.config.families import GENERATOR_FAMILIES
from gansformer_tf.config.metric_records import METRICS
from gansformer_tf.drawing.sampler import Sampler
from gansformer_tf.export import export_saved_model
from gansformer_tf.models import Discriminator, build_generator
from gansformer_tf.models.snapshot import load_snapshot, save_snapshot
from gansformer_tf.training.step import TrainStep
from gansformer_tf.viewer.session import ImageState, ViewerSession
from tests.metrics.toy_metric import BRIGHTNESS
from tests.models.toy_family import ToyConfig
from tests.training.tiny_networks import tiny_train_config

SIZE = {"resolution": 8, "channel_base": 16, "channel_max": 4}


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(GENERATOR_FAMILIES, "toy", ToyConfig)
    monkeypatch.setitem(METRICS, BRIGHTNESS.name, BRIGHTNESS)


def test_a_toy_family_goes_the_whole_way(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    keras.utils.set_random_seed(0)
    config = RunConfig(model=ModelConfig(ToyConfig(**SIZE, latent_size=6), DiscriminatorConfig(**SIZE)))
    assert RunConfig.from_json(config.to_json()) == config
    generator, average = build_generator(config.model.generator), build_generator(config.model.generator)
    average.set_weights(generator.get_weights())
    train = tiny_train_config(batch_size=4, batch_size_per_replica=4, path_length=False)
    step = TrainStep(generator, Discriminator(config.model.discriminator), average, train)
    images = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 3), np.uint8)
    before = [weight.copy() for weight in generator.get_weights()]
    for number in range(2):
        statistics = step.run(number, images, np.zeros((4, 0), np.float32))
        assert all(np.isfinite(np.asarray(value)).all() for value in statistics.values())
    assert all(np.any(old != new) for old, new in zip(before, generator.get_weights(), strict=True))
    assert generator(np.zeros((2, 1, 6)), training=True).shape == (2, 8, 8, 3)
    assert sum(count for _, count, _, _ in generator.summary_rows()) == generator.count_params() - 6
    path = save_snapshot(tmp_path / "network-snapshot-000001.safetensors", generator=generator, config=config)
    loaded = load_snapshot(path).generator
    drawn = [[sample.pixels for sample in Sampler(model).samples(range(3))] for model in (generator, loaded)]
    np.testing.assert_array_equal(*drawn)
    _is_measured(path, capsys)
    _is_exported(loaded, tmp_path, drawn[0])
    _is_shown(loaded)


def _is_measured(path: Path, capsys: pytest.CaptureFixture) -> None:
    flags = ["--eval", "--pretrained-pkl", path, "--metrics", "brightness"]
    assert run_network.main(run_network.COMMAND.read([*flags, "--eval-images-num", 12, "--gpus", "none"])) == 0
    assert "brightness" in capsys.readouterr().out


def _is_exported(generator: Any, folder: Path, drawn: list[np.ndarray]) -> None:
    exported = export_saved_model(generator, folder / "exported")
    images = tf.saved_model.load(str(exported)).signatures["images"]
    found = images(seeds=tf.range(3, dtype=tf.int64), truncation_psi=tf.fill([3], 0.7))["images"]
    assert np.abs(found.numpy().astype(int) - np.stack(drawn)).max() <= 1


def _is_shown(generator: Any) -> None:
    session = ViewerSession(generator)
    assert session.draw(ImageState(seed=1)).pixels.shape == (8, 8, 3)
