"""Starting from a snapshot, with layers of the discriminator frozen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gansformer_tf.config import ConfigError, ModelConfig, RunConfig
from gansformer_tf.models.snapshot import SnapshotError, save_snapshot, weight_name
from gansformer_tf.training.errors import TrainingError
from gansformer_tf.training.step import TrainStep
from gansformer_tf.training.transfer import shortened, transfer
from gansformer_tf.training.variables import unfrozen_variables
from tests.models.tiny import KGAN, PLAIN, SCORING, discriminator, generator
from tests.training.tiny_networks import tiny_train_config


def fresh(values: dict, **changes: object):
    """A generator of its own, which the cache of the helper does not share."""
    from gansformer_tf.models import build_generator

    return build_generator(generator(values, **changes).config)


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory):
    path = tmp_path_factory.mktemp("snapshot") / "network-snapshot-000007.safetensors"
    g, d = generator(PLAIN), discriminator(SCORING)
    config = RunConfig(model=ModelConfig(g.config, d.config))
    save_snapshot(path, generator=g, discriminator=d, config=config, metadata={"kimg": "7.000"})
    return path, g, d


def test_the_same_networks_take_every_weight(snapshot):
    path, g, d = snapshot
    ours, average, critic = fresh(PLAIN), fresh(PLAIN), discriminator(SCORING)
    critic.set_weights([np.zeros_like(weight) for weight in critic.get_weights()])
    lines = transfer(path, ours, critic, average)
    assert lines[0] == f"Starting from {path} (7.000 kimg):"
    assert all("loaded" in line for line in lines[1:]) and len(lines) == 3
    assert shortened(lines, Path("transfer.txt")) == lines
    for network, source in ((ours, g), (average, g), (critic, d)):
        for value, expected in zip(network.get_weights(), source.get_weights(), strict=True):
            np.testing.assert_array_equal(value, expected)


def test_a_larger_network_takes_what_fits_and_names_the_rest(snapshot):
    path, g, _ = snapshot
    larger = fresh(PLAIN, resolution=16, label_dim=3)
    critic = discriminator(SCORING, label_dim=3)
    lines = transfer(path, larger, critic, fresh(PLAIN, resolution=16, label_dim=3))
    text = "\n".join(lines)
    assert "not in the snapshot" in text and "synthesis/block4" in text
    assert "of another shape" in text and "(1,) -> (3,)" in text
    weights = [weight_name(variable) for network in (larger, critic) for variable in network.weights]
    loaded = sum(int(line.split()[1]) for line in lines if line.endswith("weights loaded"))
    left_out = [line.split()[0] for line in lines if line.startswith("    ")]
    unused = sum(int(line.split()[0]) for line in lines if line.endswith("of the snapshot not used:"))
    assert len(weights) == loaded + len(left_out) - unused > loaded + 6  # every one of them is named
    short = shortened(lines, Path("run/transfer.txt"))
    names = [line for line in short if line.startswith("    ") and "more, listed in run/transfer.txt" not in line]
    more = [int(line.split()[1]) for line in short if line.endswith("more, listed in run/transfer.txt")]
    assert more and len(names) + sum(more) == len(left_out)
    np.testing.assert_array_equal(larger.mapping.get_weights()[-1], g.mapping.get_weights()[-1])


def test_a_snapshot_of_other_networks_is_an_error(snapshot):
    path, *_ = snapshot
    other = fresh(KGAN, mapping_layers=1, channel_max=4, channel_base=16)
    with pytest.raises((TrainingError, ConfigError)) as caught:
        transfer(path, other, discriminator(SCORING), other)
    assert "fits" in str(caught.value)


def test_a_missing_snapshot_is_an_error(tmp_path):
    with pytest.raises(SnapshotError, match="nothing"):
        transfer(tmp_path / "nothing.safetensors", fresh(PLAIN), discriminator(SCORING), fresh(PLAIN))


def test_frozen_layers_come_first_from_the_image():
    network = discriminator(SCORING)
    everything = network.trainable_variables
    kept = unfrozen_variables(network, 1)
    gone = {variable.path for variable in everything} - {variable.path for variable in kept}
    assert gone and all("from_rgb" in path for path in gone)
    assert len(unfrozen_variables(network, 2)) < len(kept)
    with pytest.raises(ConfigError, match="freeze_d is 99; this discriminator has"):
        unfrozen_variables(network, 99)


def test_frozen_layers_stay_as_they_are():
    """Under the loss and the penalty; every other layer moves."""
    network = discriminator(SCORING)
    config = tiny_train_config(
        batch_size=4, batch_size_per_replica=4, path_length=False, component_mixing=0.0, freeze_d=2
    )
    average = fresh(PLAIN)
    average.set_weights(fresh(PLAIN).get_weights())
    step = TrainStep(fresh(PLAIN), network, average, config)
    before = [variable.numpy() for variable in network.trainable_variables]
    images = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 3), np.uint8)
    for index in range(2):
        step.run(index, images, np.zeros((4, 0), np.float32))
    moving = {variable.path for variable in unfrozen_variables(network, 2)}
    assert 0 < len(moving) < len(before)
    for variable, value in zip(network.trainable_variables, before, strict=True):
        assert np.array_equal(variable.numpy(), value) != (variable.path in moving), variable.path
