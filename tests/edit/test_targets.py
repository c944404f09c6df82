from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from gansformer_tf.config import GANsformerConfig
from gansformer_tf.edit.targets import read_targets

CONFIG = GANsformerConfig(resolution=16)


def saved(path, shape=(16, 16, 3)):
    Image.fromarray(np.random.RandomState(0).randint(0, 256, shape).astype(np.uint8)).save(path)
    return path


def test_another_size_is_cropped_and_said(tmp_path):
    (target,) = read_targets([saved(tmp_path / "wide.png", (20, 40, 3))], CONFIG)
    assert target.name == "wide" and target.pixels.shape == (16, 16, 3) and target.pixels.dtype == np.uint8
    assert target.notes == ("40x20 (the middle was cut out)",)


def test_an_image_of_the_models_size_stays_as_it_is(tmp_path):
    path = saved(tmp_path / "a.png")
    for given in (path, np.asarray(Image.open(path))):
        (target,) = read_targets([given], CONFIG)
        np.testing.assert_array_equal(target.pixels, np.asarray(Image.open(path)))
        assert not target.notes


def test_channels_are_converted_and_said(tmp_path):
    (target,) = read_targets([saved(tmp_path / "grey.png", (16, 16))], CONFIG)
    assert target.pixels.shape == (16, 16, 3) and target.notes == ("grey (to RGB)",)
    (grey,) = read_targets([saved(tmp_path / "a.png")], GANsformerConfig(resolution=16, image_channels=1))
    assert grey.pixels.shape == (16, 16, 1) and grey.notes == ("coloured (to grey)",)


def test_folders_and_names_that_are_alike(tmp_path):
    (tmp_path / "b").mkdir()
    saved(tmp_path / "b" / "a.png"), saved(tmp_path / "b" / "c.png"), saved(tmp_path / "a.png")
    names = [target.name for target in read_targets([tmp_path / "a.png", tmp_path / "b"], CONFIG)]
    assert names == ["a", "a-1", "c"]


def test_what_is_no_image_in_a_folder_is_left_out_and_counted(tmp_path):
    saved(tmp_path / "a.png"), saved(tmp_path / ".hidden.png")
    (tmp_path / "notes.txt").write_text("no image")
    (target,) = read_targets([tmp_path], CONFIG)
    assert target.name == "a" and target.notes == (f"left out of {tmp_path}: 1 .txt, 1 hidden",)


def test_what_is_no_image(tmp_path):
    (tmp_path / "text.png").write_text("no image")
    for given, message in (
        ([tmp_path / "text.png"], r"text\.png: not a PNG.*; give a PNG"),
        ([tmp_path / "missing.png"], r"missing\.png cannot be read \(No such file.*\); give a PNG"),
        ([np.zeros((16, 16, 3), np.float32)], "image0000: an array of float32; pixels are uint8"),
        ([np.zeros((16, 16, 2), np.uint8)], "1, 3 or 4 channels"),
        ([], "there is no image to project"),
    ):
        with pytest.raises(ValueError, match=message):
            read_targets(given, CONFIG)
