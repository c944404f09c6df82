"""A folder of images as a dataset."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

import gansformer_tf as gf
from gansformer_tf.config import ConfigError
from gansformer_tf.config.data import PrepareConfig
from gansformer_tf.data.prepare.prepare import prepare
from gansformer_tf.data.sources.base import SourceError
from gansformer_tf.data.sources.folder import FolderSource


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """10 photos of 24x16 pixels in two classes."""
    place = tmp_path_factory.mktemp("birds")
    random = np.random.default_rng(0)
    for number in range(10):
        path = place / ("owl" if number % 5 == 0 else "wren") / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(random.integers(0, 255, (16, 24, 3), np.uint8)).save(path)
    return place


def batches(data):
    return [np.asarray(batch) for batch in data]


def test_batches_are_those_that_the_script_trains_with(folder, tmp_path):
    data = gf.data.images_from_directory(folder, 16, batch_size=4, mirror=True, seed=3)
    prepare(FolderSource(folder), PrepareConfig(name="birds", resolution=16, encoding="png"), tmp_path)
    scripts = gf.data.training_dataset(tmp_path / "birds", batch_size=4, seed=3, mirror=True)
    wanted = [batch["image"].numpy() for batch in scripts.take(6)]
    assert int(data.cardinality()) == 2 and data.element_spec.shape == (4, 16, 16, 3)
    np.testing.assert_array_equal(batches(data) + batches(data) + batches(data), wanted)
    data.position.step = 3
    np.testing.assert_array_equal(batches(data.take(1)), wanted[3:4])


def test_labels_of_sub_folders(folder):
    data = gf.data.images_from_directory(folder, (8, 16), batch_size=10, labels="inferred", shuffle=False)
    images, labels = next(iter(data))
    assert images.shape == (10, 8, 16, 3) and images.dtype == "uint8" and data.class_names == ["owl", "wren"]
    np.testing.assert_array_equal(labels, np.eye(2)[[0, 0, *[1] * 8]])
    assert data.file_paths[0] == str(folder / "owl" / "0.png")


def test_a_split_has_every_image_once(folder):
    parts = [
        gf.data.images_from_directory(folder, 8, 1, validation_split=0.3, subset=subset).file_paths
        for subset in ("training", "validation")
    ]
    assert [len(part) for part in parts] == [7, 3] and len(set(parts[0] + parts[1])) == 10


def test_what_is_left_out_or_converted_is_told(folder, tmp_path):
    Image.new("L", (8, 8)).save(tmp_path / "grey.png")
    Image.new("RGB", (8, 8)).save(tmp_path / "good.png")
    (tmp_path / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\nrubbish")
    (tmp_path / "notes.txt").write_text("no image")
    with pytest.warns(
        UserWarning, match="left out 1 .txt files; left out 1 images .*bad.png.*converted 1 grey"
    ) as told:
        data = gf.data.images_from_directory(tmp_path, 8, batch_size=2)
    assert len(data.file_paths) == 2 and len(told) == 1 and "\n" not in str(told[0].message)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"resolution": 20}, ConfigError, "resolution is 20; the longer side must be a power of two"),
        ({"resolution": (5, 16)}, ConfigError, "multiple of 4, a quarter"),
        ({"batch_size": 11}, SourceError, "gives 10 usable images for a batch_size of 11; add images, or lower it"),
        ({"validation_split": 0.5}, ConfigError, "give both, or neither"),
        ({"validation_split": 2.0, "subset": "training"}, ConfigError, "a share between 0 and 1"),
        ({"fit": "zoom"}, ConfigError, "fit is 'zoom'; it must be one of"),
        ({"directory": "nowhere"}, SourceError, "nowhere does not exist"),
    ],
)
def test_wrong_calls_are_told_in_one_line(folder, arguments, error, message):
    with pytest.raises(error, match=message) as told:
        gf.data.images_from_directory(**({"directory": folder, "resolution": 16, "batch_size": 2} | arguments))
    assert "\n" not in str(told.value) and "--" not in str(told.value)


def test_too_many_for_the_memory(folder, monkeypatch):
    monkeypatch.setattr("gansformer_tf.data.directory.MAX_BYTES", 100)
    with pytest.raises(SourceError, match=r"10 images of 16x16 take .* prepare_data.py"):
        gf.data.images_from_directory(folder, 16)
