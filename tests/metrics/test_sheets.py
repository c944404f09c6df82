from __future__ import annotations

import zipfile

import numpy as np
import pytest
from PIL import Image

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


def test_sheets_in_an_archive_are_left_out(tmp_path):
    generate_images([Sampler(FakeGenerator(), batch_size=2)], range(3), tmp_path / "in", grid=True, progress=False)
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        for path in (tmp_path / "in").iterdir():
            archive.write(path, path.name)
    found = FolderImages(tmp_path / "all.zip", "generated")
    assert len(found) == 3
    assert found.notes == [f"{tmp_path}/all.zip: 1 sheet(s) and map(s) of generate.py left out."]


def test_what_is_converted_is_counted(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 255, (16, 16), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "grey.png")
    Image.fromarray(np.dstack([pixels] * 4)).save(tmp_path / "clear.png")
    Image.fromarray(np.dstack([pixels] * 3)).save(tmp_path / "plain.png")
    found = FolderImages(tmp_path)
    for _ in range(2):  # read by two metrics, counted once
        found.read(0, 3)
    assert found.converted() == f"{tmp_path}: converted: 1 grey (to RGB), 1 transparent (over white)."
