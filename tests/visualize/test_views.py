"""Images of other sizes, windows, motions; images in bands; videos of a way through w."""

from __future__ import annotations

import json

import av
import keras
import numpy as np
import pytest
from PIL import Image

from gansformer_tf.cli.common import UsageError
from gansformer_tf.cli.generate import COMMAND, main
from gansformer_tf.config import CREPSConfig, StyleGAN3Config
from gansformer_tf.drawing.pixels import to_uint8
from gansformer_tf.drawing.sampler import Sampler
from gansformer_tf.drawing.view import View
from gansformer_tf.image_files import read_metadata, save_image
from gansformer_tf.models.families import build_generator
from gansformer_tf.models.snapshot import save_snapshot
from gansformer_tf.visualize import large
from gansformer_tf.visualize.banded_files import write_in_bands
from gansformer_tf.visualize.latent_walk import periodic_bends, spline, write_walk
from tests.visualize.fakes import FakeGenerator

SMALL = {"resolution": 16, "channel_base": 64, "channel_max": 8, "latent_size": 8, "mapping_layers": 2}


@pytest.fixture(scope="module")
def creps():
    keras.utils.set_random_seed(1)
    return build_generator(CREPSConfig(**SMALL, line_channels=4, rank=4))


@pytest.fixture(scope="module")
def stylegan3():
    keras.utils.set_random_seed(1)
    return build_generator(StyleGAN3Config(**SMALL, num_synthesis_layers=4, margin_size=4))


@pytest.fixture(scope="module")
def creps_file(creps, tmp_path_factory):
    return save_snapshot(tmp_path_factory.mktemp("creps") / "network.safetensors", generator=creps)


def pixels(generator, seed=3, **view):
    return next(Sampler(generator, view=View(**view)).samples([seed])).pixels


def call(*flags):
    return main(COMMAND.read(flags))


# -- any size --------------------------------------------------------------------------------------------------------


def test_sizes_agree_where_their_coordinates_do(creps):
    """With the ends included, 46 lines hold the 16 of training: every third."""
    whole, larger = pixels(creps), pixels(creps, scale=46 / 16)
    assert larger.shape == (46, 46, 3)
    np.testing.assert_allclose(larger[::3, ::3].astype(int), whole.astype(int), atol=1)
    assert len(np.unique(whole)) > 20


def test_a_window_is_a_part_of_the_whole(creps):
    whole = pixels(creps, scale=2.5)
    part = pixels(creps, scale=2.5, window=(5, 7, 31, 18))
    np.testing.assert_allclose(part.astype(int), whole[7:18, 5:31].astype(int), atol=1)


def test_bands_are_the_untiled_image(creps):
    sampler = Sampler(creps, view=View(scale=3.3))
    w = sampler.map(sampler.latents([3]))
    whole = to_uint8(sampler.synthesize(w, None)[0])[0]
    found = list(large.bands(sampler, w, band_pixels=52 * 9))
    assert [len(band) for band in found] == [9, 9, 9, 9, 9, 7]
    np.testing.assert_array_equal(np.concatenate(found), whole)


@pytest.mark.parametrize("form", ["png", "tiff"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_files_in_bands(tmp_path, form, channels):
    image = np.random.default_rng(0).integers(0, 256, (23, 9, channels), np.uint8)
    path = tmp_path / f"image.{form}"
    write_in_bands(path, (image[start : start + 5] for start in range(0, 23, 5)), 23, 9, channels, {"seed": 3})
    with Image.open(path) as stored:
        np.testing.assert_array_equal(np.asarray(stored).reshape(image.shape), image)
    assert read_metadata(path) == {"seed": 3}
    save_image(tmp_path / f"whole.{form}", image, {"seed": 3})
    assert read_metadata(tmp_path / f"whole.{form}") == {"seed": 3}


def test_a_broken_band_leaves_no_file(tmp_path):
    def bands():
        yield np.zeros((2, 4, 3), np.uint8)
        raise KeyError

    for form in ("png", "tiff"):
        with pytest.raises(KeyError):
            write_in_bands(tmp_path / f"image.{form}", bands(), 4, 4, 3, {})
    assert not list(tmp_path.iterdir())


def test_large_images_by_command(creps_file, tmp_path, monkeypatch, capsys):
    flags = ("--model", creps_file, "--seeds", "3,4", "--scale", "3", "--gpus", "0")
    assert call(*flags, "--output-dir", tmp_path / "whole") == 0
    monkeypatch.setattr(large, "LARGE_PIXELS", 1000)
    monkeypatch.setattr(large, "BAND_PIXELS", 500)
    assert call(*flags, "--output-dir", tmp_path / "bands") == 0
    for name in ("seed0003.png", "seed0004.png"):
        whole, bands = (tmp_path / folder / name for folder in ("whole", "bands"))
        assert read_metadata(whole) == read_metadata(bands)
        assert read_metadata(bands)["scale"] == 3.0
        np.testing.assert_array_equal(np.asarray(Image.open(whole)), np.asarray(Image.open(bands)))
    capsys.readouterr()
    assert call(*flags, "--output-dir", tmp_path / "bands") == 0
    assert "2 were there already" in capsys.readouterr().out
    for flag in ("--grid", "--ratio=0.5", "--format=jpg"):
        with pytest.raises(UsageError, match="band"):
            call(*flags, "--output-dir", tmp_path / "other", flag)


# -- motion ----------------------------------------------------------------------------------------------------------


def test_a_turn_by_a_full_circle_is_none(stylegan3):
    still = pixels(stylegan3)
    np.testing.assert_allclose(pixels(stylegan3, turn=360.0).astype(int), still.astype(int), atol=1)
    assert np.abs(pixels(stylegan3, turn=90.0).astype(int) - still).max() > 3


def test_transform_is_the_inverse_of_the_motion():
    turn = View(turn=90.0, shift=(0.25, 0.5)).transform()
    np.testing.assert_allclose(turn @ [[0, 1, 0.25], [-1, 0, 0.5], [0, 0, 1]], np.eye(3), atol=1e-6)
    assert View().metadata() == {}
    view = View(scale=2.0, window=(0, 0, 1, 1))
    assert json.loads(json.dumps(view.metadata())) == {"scale": 2.0, "window": [0, 0, 1, 1]}


# -- bad values ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--scale", "0"], "scale is 0.0; it must be greater than 0"),
        (["--scale", "-1"], "must be greater than 0"),
        (["--scale", "0.05"], "scale 0.05 leaves no pixel of 16x16"),
        (["--crop", "0,0,17,16"], "window 0,0,17,16 does not lie in the"),
        (["--crop", "3,3,3,9"], "does not lie in the"),
        (["--rotate", "30"], "no input that can be moved"),
        (["--translate", "0.1,0"], "no input that can be moved"),
        (["--video", "walk.avi"], "no name of a video"),
        (["--video", "walk.mp4", "--w-frames", "0"], "video without frames"),
        (["--video", "walk.mp4", "--grid", "0x2"], "--grid 0x2 has no cell"),
        (["--video", "walk.mp4", "--grid"], "columns x rows"),
        (["--video", "walk.mp4", "--ratio", "1"], "--ratio is about images"),
        (["--w-frames", "3"], "--w-frames is about a video"),
        (["--grid", "4x2"], "add --video FILE"),
    ],
)
def test_bad_flags(creps_file, tmp_path, monkeypatch, flags, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=message):
        call("--model", creps_file, "--seeds", "1", "--gpus", "0", *flags)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    ("flag", "value"),
    [("--crop", "1,2,3"), ("--crop", "a,b,c,d"), ("--translate", "1"), ("--grid", "4by2"), ("--labels", "x")],
)
def test_flags_that_cannot_be_read(capsys, flag, value):
    with pytest.raises(SystemExit):
        call("--model", "x", flag, value)
    assert value in capsys.readouterr().err


def test_what_only_some_generators_draw(stylegan3):
    with pytest.raises(ValueError, match="draws images of one size"):
        Sampler(stylegan3, view=View(scale=2.0))
    with pytest.raises(ValueError, match="finite"):
        Sampler(stylegan3, view=View(turn=float("nan")))


# -- video -----------------------------------------------------------------------------------------------------------


def test_the_way_is_closed_and_smooth():
    points = np.random.default_rng(0).standard_normal((5, 2, 3))
    bends = periodic_bends(points)
    for index, point in enumerate(points):
        np.testing.assert_allclose(spline(points, bends, float(index)), point, atol=1e-6)
    times = np.arange(0.0, 5.0, 1e-3)
    way = np.stack([spline(points, bends, time) for time in (*times, 0.0, 1e-3)]).astype(np.float64)
    speed = np.diff(way, axis=0) / 1e-3
    assert np.abs(np.diff(speed, axis=0)).max() < 0.05, "it jumps or has a corner"
    still = np.ones((1, 4))
    np.testing.assert_array_equal(spline(still, periodic_bends(still), 0.5), still[0])


def test_video(tmp_path):
    sampler = Sampler(FakeGenerator(), batch_size=3)
    path = tmp_path / "walk.mp4"
    count = write_walk(sampler, range(8), path, grid=(4, 1), frames_between=3, progress=False)
    assert count == 2 * 3
    with av.open(str(path)) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert len(frames) == count
    assert frames[0].shape == (16, 64, 3)
    expected = np.concatenate([next(sampler.samples([seed])).pixels for seed in (0, 2, 4, 6)], axis=1)
    assert np.abs(frames[0].astype(int) - expected).mean() < 6  # H.264 is not exact
