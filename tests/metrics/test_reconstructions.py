"""rFID: the real images, against what a generator's codes make of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gansformer_tf.config import DataConfig, GANsformerConfig, MetricConfig
from gansformer_tf.config.metric_records import METRICS
from gansformer_tf.drawing.pixels import to_uint8
from gansformer_tf.drawing.sampler import Sampler
from gansformer_tf.metrics.errors import MetricError
from gansformer_tf.metrics.evaluate import Evaluation, require_capability
from gansformer_tf.metrics.fid import fid
from gansformer_tf.metrics.images import DatasetImages, GeneratedImages
from tests.metrics.tiny import tiny_dataset, tiny_network
from tests.models.vqgan.test_family import CONFIG, made


def test_rfid_compares_images_with_their_reconstructions(tmp_path: Path) -> None:
    tiny_dataset(tmp_path)
    real = DatasetImages(DataConfig(dataset="scenes", data_dir=str(tmp_path), ratio=0.5))
    model, network = made(CONFIG), tiny_network()

    def measured(batch_size: int, folder: str) -> float:
        fake = GeneratedImages([Sampler(model, batch_size=batch_size)], 4, model_hash="m")
        evaluation = Evaluation(
            MetricConfig(metrics=("rfid",), images_num=4), fake, real, [network], tmp_path / folder, tmp_path / "cache"
        )
        (result,) = evaluation.run()
        assert result.name == "rfid-tiny" and result.manifest["real"]["count"] == 24
        return result.values["rfid"]

    shown = real.read(0, 24)
    made_again = to_uint8(np.asarray(model.reconstruct(shown.astype(np.float32) / 127.5 - 1.0)))
    expected = fid(network(shown)[0], network(made_again)[0])
    assert expected > 0.1
    assert measured(5, "a") == pytest.approx(expected, rel=1e-2)  # products of another size round otherwise
    assert measured(24, "b") == pytest.approx(expected, rel=1e-2)


def test_a_generator_without_codes() -> None:
    with pytest.raises(MetricError, match="metric rfid: this model has no codes that draw an image again; leave rfid"):
        require_capability(METRICS["rfid"], GANsformerConfig())
