"""Models by name, images from seeds: the Python API of drawing."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

import gansformer_tf as gf
from gansformer_tf.cli import generate
from gansformer_tf.models.snapshot import SnapshotError, save_snapshot
from tests.models import tiny


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    return save_snapshot(folder / "network-snapshot-000001.safetensors", generator=tiny.generator(tiny.PAPER))


@pytest.fixture(scope="module")
def model(path):
    return gf.load(path, batch_size=2)


def test_a_seed_gives_the_image_that_the_script_draws(model, path, tmp_path):
    flags = ["--model", str(path.parent), "--seeds", "1-3", "--truncation-psi", "0.5", "--output-dir", str(tmp_path)]
    assert generate.main(generate.COMMAND.read(flags)) == 0
    written = [np.asarray(Image.open(file)) for file in sorted(tmp_path.glob("*.png"))]
    np.testing.assert_array_equal(model.sample([1, 2, 3], truncation_psi=0.5), written)


def test_maps_come_with_the_images(model):
    images, maps = model.sample([3, 4, 5], attention=True)
    np.testing.assert_array_equal(images, model.sample([3, 4, 5]))
    assert all(layer.shape[0] == 3 and layer.shape[-1] == model.config.num_components for layer in maps) and maps


def test_sampling_in_steps_is_sampling(model):
    seeds = [7, 8, 9]
    w = model.map(model.z(seeds), truncation_psi=0.7)
    np.testing.assert_array_equal(model.synthesize(w, seeds=seeds), model.sample(seeds))
    images, maps = model.synthesize(w, attention=True)
    np.testing.assert_array_equal(images, model.sample(seeds, noise_mode="const"))
    assert maps[0].shape[0] == 3


def test_a_saved_model_is_the_same_model(model, tmp_path):
    written = model.save(tmp_path / "mine.safetensors")
    np.testing.assert_array_equal(gf.load(written).sample([1]), model.sample([1]))
    with pytest.raises(FileExistsError, match="is there already"):
        model.save(written)
    with pytest.raises(ValueError, match="does not end with .safetensors"):
        model.save(tmp_path / "mine.h5")


def test_no_seeds_give_no_images(model):
    assert model.sample([]).shape == (0, 8, 8, 3)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda model: model.sample(3), r"seeds is the number 3; give a list, such as \[3\]"),
        (lambda model: model.sample([-1]), "seed -1 is out of range"),
        (lambda model: model.sample([0], labels=[1]), "trained without labels"),
        (lambda model: model.sample([0], truncation_psi=float("nan")), "truncation psi is nan"),
        (lambda model: model.map(np.zeros((1, 3, 8))), r"z has shape \(1, 3, 8\)"),
        (lambda model: model.map(np.zeros((1, 5, 8)), labels=[0, 1]), "2 labels for 1 latents"),
        (lambda model: model.synthesize(np.zeros((1, 5, 8))), r"w has shape \(1, 5, 8\); this model takes \[batch, "),
        (lambda model: model.synthesize(model.map(model.z([1])), seeds=[1, 2]), "2 seeds for 1 images"),
    ],
)
def test_wrong_calls_are_told_in_one_line(model, call, message):
    with pytest.raises(ValueError, match=message) as error:
        call(model)
    assert "\n" not in str(error.value)


def test_maps_of_a_model_without_attention_are_refused(tmp_path):
    plain = save_snapshot(tmp_path / "plain.safetensors", generator=tiny.generator(tiny.PLAIN))
    with pytest.raises(ValueError, match="no attention"):
        gf.load(plain).sample([1], attention=True)


def test_a_model_that_is_not_there(tmp_path):
    with pytest.raises(SnapshotError, match="no snapshot or run folder"):
        gf.load(tmp_path / "nothing")


def test_names_of_the_package_are_known():
    assert {"Model", "load"} <= set(dir(gf))
    with pytest.raises(AttributeError, match="has no attribute 'lod'"):
        gf.lod  # noqa: B018
