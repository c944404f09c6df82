"""The models that ship: small, with their cards, and found by name wherever a model is asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import gansformer_tf
from gansformer_tf import pretrained
from gansformer_tf.api.sources import model_file
from gansformer_tf.cli import generate
from gansformer_tf.models.snapshot import SnapshotError, read_snapshot, save_snapshot

LIMIT = 3_000_000  # bytes of one model in the wheel


@pytest.mark.parametrize("name", pretrained.names())
def test_what_ships_is_small_and_has_a_card(name):
    path = pretrained.shipped_snapshot(name)
    assert path.stat().st_size <= LIMIT
    config, weights, metadata = read_snapshot(path)
    assert config.data.data_dir == "datasets"
    assert {key.split("/")[0] for key in weights} == {"generator", "discriminator"}
    card = path.with_suffix(".md").read_text(encoding="utf-8")
    for part in ("**Data**", "**Licence**", "**Training**", "**Known faults**", "| fid |"):
        assert part in card
    assert f"{float(metadata['kimg']):g} kimg" in card


def test_a_shipped_model_draws():
    model = gansformer_tf.load("scenes")
    images, maps = model.sample([0, 1], attention=True)
    assert images.shape == (2, 64, 64, 3)
    assert images.std() > 20  # objects and shadows, not a plain wall
    assert maps[-1].shape[0] == 2 and maps[-1].shape[-1] == 8  # images, components
    # Without AVX-512 products of another size round otherwise, which may cross the border of a grey level.
    moved = np.abs(images[1].astype(int) - model.sample([1])[0])
    assert moved.max() <= 1 and moved.mean() < 1e-3


def test_a_file_of_the_user_goes_before(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shipped = model_file("scenes")
    assert shipped.title == "scenes" and shipped.path.name == "scenes.safetensors"
    assert shipped.folder == Path("results/scenes")  # where people may write, not within the package
    save_snapshot(tmp_path / "scenes", generator=gansformer_tf.load("scenes").generator)
    assert model_file("scenes").path.samefile(tmp_path / "scenes")


def test_an_unknown_name_is_told_the_names():
    with pytest.raises(SnapshotError, match="name a model that ships: .*scenes"):
        model_file("scnes")


def test_generate_draws_it_by_name(tmp_path):
    words = ("--model", "scenes", "--seeds", "3", "--output-dir", str(tmp_path), "--gpus", "0")
    assert generate.main(generate.COMMAND.read(words)) == 0
    assert (tmp_path / "seed0003.png").is_file()
