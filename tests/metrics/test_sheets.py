from __future__ import annotations

import numpy as np
import pytest

from gansformer_tf.drawing.sampler import Sampler
from gansformer_tf.metrics.errors import MetricError
from gansformer_tf.metrics.images import FolderImages
from gansformer_tf.visualize.generate import generate_images
from tests.visualize.fakes import FakeGenerator


def test_sheets_and_maps_beside_samples_are_left_out(tmp_path):
    samplers = [Sampler(FakeGenerator(), batch_size=2)]
    generate_images(samplers, range(3), tmp_path, grid=True, attention=True, progress=False)
    found = FolderImages(tmp_path, "generated")
    assert len(found) == 3
    drawn = np.stack([sample.pixels for sample in samplers[0].samples(range(3))])
    np.testing.assert_array_equal(found.read(0, 3), drawn)
    for number in range(3):
        (tmp_path / f"seed000{number}.png").unlink()
    with pytest.raises(MetricError, match="only sheets and attention maps"):
        FolderImages(tmp_path)
