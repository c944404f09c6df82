"""Starting from a snapshot, with layers of the discriminator frozen."""

from __future__ import annotations

import numpy as np
import pytest

from gansformer_tf.config import ConfigError, ModelConfig, RunConfig
from gansformer_tf.models.snapshot import SnapshotError, save_snapshot
from gansformer_tf.training.errors import TrainingError
from gansformer_tf.training.transfer import transfer
from gansformer_tf.training.variables import unfrozen_variables
from tests.models.tiny import KGAN, PLAIN, SCORING, discriminator, generator


def fresh(values: dict, **changes: object):
    """A generator of its own, which the cache of the helper does not share."""
    from gansformer_tf.models import Generator

    return Generator(generator(values, **changes).config)


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
    for network, source in ((ours, g), (average, g), (critic, d)):
        for value, expected in zip(network.get_weights(), source.get_weights(), strict=True):
            np.testing.assert_array_equal(value, expected)


def test_a_larger_network_takes_what_fits_and_names_the_rest(snapshot):
    path, g, _ = snapshot
    larger = fresh(PLAIN, resolution=16, label_dim=3)
    lines = transfer(path, larger, discriminator(SCORING, label_dim=3), fresh(PLAIN, resolution=16, label_dim=3))
    text = "\n".join(lines)
    assert "not in the snapshot" in text and "synthesis/block4" in text
    assert "of another shape" in text and "(1,) -> (3,)" in text
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
