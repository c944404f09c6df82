from __future__ import annotations

import keras
import numpy as np
import pytest
from PIL import Image

from gansformer_tf.cli.common import UsageError
from gansformer_tf.cli.generate import COMMAND, main
from gansformer_tf.config.base import ConfigError
from gansformer_tf.config.generate import EditConfig
from gansformer_tf.drawing.projected_w import read_projected_w
from gansformer_tf.models.snapshot import load_snapshot, save_snapshot


@pytest.fixture
def model(generator, tmp_path, monkeypatch):
    monkeypatch.setattr("gansformer_tf.edit.spread.COUNT", 64)
    return save_snapshot(tmp_path / "model.safetensors", generator=generator)


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "photo.png"
    Image.fromarray(np.random.RandomState(0).randint(0, 256, (20, 30, 3)).astype(np.uint8)).save(path)
    return path


def typed(text):
    return main(COMMAND.read([*text.split(), "--gpus", ""]))


def test_projected_and_drawn_again(model, photo, tmp_path, capsys):
    out = tmp_path / "out"
    typed(f"--model {model} --project {photo} --steps 3 --output-dir {out}")
    said = capsys.readouterr().out
    assert "photo: 30x20 (the middle was cut out)" in said and "photo: PSNR" in said and "SSIM" in said
    assert "too small for efficientnet-lite0" in said and f"1 projection written to {out}." in said
    assert sorted(path.name for path in out.iterdir()) == [
        "photo-projection.png",
        "photo-target.png",
        "projected_w.npz",
        "projection.mp4",
    ]
    typed(f"--model {model} --projected-w {out}/projected_w.npz --output-dir {tmp_path}/again --attention --grid")
    again = tmp_path / "again"
    assert sorted(path.name for path in again.iterdir()) == ["grid.png", "photo-attention.png", "photo.png"]
    np.testing.assert_array_equal(Image.open(again / "photo.png"), Image.open(out / "photo-projection.png"))
    with pytest.raises(UsageError, match=r"photo\.png is there already; choose another --output-dir"):
        typed(f"--model {model} --projected-w {out}/projected_w.npz --output-dir {again}")
    with pytest.raises(UsageError, match=r"projected_w\.npz is there already.*--overwrite"):
        typed(f"--model {model} --project {photo} --steps 3 --output-dir {out}")
    typed(f"--model {model} --project {photo} --steps 3 --output-dir {out} --overwrite")


def test_noise_that_was_found_is_drawn(model, photo, tmp_path):
    out = tmp_path / "out"
    typed(f"--model {model} --project {photo} --steps 2 --noise-maps --output-dir {out}")
    typed(f"--model {model} --projected-w {out}/projected_w.npz --output-dir {tmp_path}/again")
    typed(f"--model {model} --projected-w {out}/projected_w.npz --output-dir {tmp_path}/none --noise-mode none")
    drawn = [np.asarray(Image.open(tmp_path / name)) for name in ("out/photo-projection.png", "again/photo.png")]
    np.testing.assert_array_equal(*drawn)
    assert (np.asarray(Image.open(tmp_path / "none" / "photo.png")) != drawn[0]).any()


def test_a_tuned_model_is_kept(model, photo, tmp_path, monkeypatch):
    monkeypatch.setattr("gansformer_tf.config.generate.TUNE_STEPS", 2)
    typed(f"--model {model} --project {photo} --steps 2 --tune --output-dir {tmp_path}/out")
    tuned = load_snapshot(tmp_path / "out" / "tuned.safetensors").generator
    typed(
        f"--model {tmp_path}/out/tuned.safetensors --projected-w {tmp_path}/out/projected_w.npz "
        f"--output-dir {tmp_path}/again"
    )
    drawn = [np.asarray(Image.open(tmp_path / name)) for name in ("out/photo-projection.png", "again/photo.png")]
    np.testing.assert_array_equal(*drawn)
    assert keras.ops.any(tuned.synthesis.weights[0] != load_snapshot(model).generator.synthesis.weights[0])


def test_stopped_in_the_middle(model, photo, tmp_path, monkeypatch, capsys):
    from gansformer_tf.cli import project as script

    whole = script.project

    def stopping(*arguments, **settings):
        return whole(*arguments, **settings, proceed=lambda done: done < 2)

    command = f"--model {model} --project {photo} --steps 4 --output-dir {tmp_path}/out"
    monkeypatch.setattr(script, "project", stopping)
    typed(command)
    assert "Stopped after 2 steps; the same command goes on from there." in capsys.readouterr().out
    assert (tmp_path / "out" / "stopped" / "projected_w.npz").is_file()
    monkeypatch.setattr(script, "project", whole)
    typed(command)
    assert (tmp_path / "out" / "projected_w.npz").is_file() and not (tmp_path / "out" / ".projection").exists()


def test_w_that_cannot_be_drawn(generator, tmp_path):
    config, path = generator.config, tmp_path / "w.npz"
    shape = (1, config.num_latents, config.num_layers, config.style_dim)
    for arrays, message in (
        ({"x": np.zeros(shape)}, "has no array 'w'"),
        ({"w": np.zeros((1, 2, 3, 4))}, r"w has shape \(1, 2, 3, 4\); this model takes \[count, 3, "),
        ({"w": np.full(shape, np.nan)}, "holds values that are no numbers"),
        ({"w": np.zeros(shape, int)}, "holds values that are no numbers"),
        ({"w": np.zeros(shape), "names": np.asarray(["a", "b"])}, "2 names for 1 images"),
    ):
        np.savez(path, **arrays)
        with pytest.raises(ValueError, match=message):
            read_projected_w(path, config)
    path.write_text("no archive")
    with pytest.raises(ValueError, match=r"cannot be read \(it is no \.npz file\); name a projected_w\.npz"):
        read_projected_w(path, config)
    with pytest.raises(ValueError, match=r"cannot be read \(No such file or directory\)"):
        read_projected_w(tmp_path / "missing.npz", config)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("--steps 5", "--steps is about a projection; name an image with --project IMAGE"),
        ("--tune", "--tune is about a projection"),
        ("--project a.png --seeds 3", "--seeds does not go with --project; leave it out"),
        ("--project a.png --grid", "--grid does not go with --project"),
        ("--projected-w a.npz --truncation-psi 1", "--truncation-psi does not go with --projected-w"),
        ("--projected-w a.npz --project a.png", "leave one of them out"),
    ],
)
def test_flags_that_do_not_go_together(text, message):
    with pytest.raises(UsageError, match=message):
        COMMAND.read(["--model", "scenes", *text.split()])


def test_regions_of_images_and_projections(model, photo, tmp_path):
    out = tmp_path / "out"
    typed(f"--model {model} --seeds 3,4 --segment 3 --output-dir {out}")
    assert sorted(path.name for path in out.iterdir()) == [
        "regions.json",
        "seed0003-regions.png",
        "seed0003.png",
        "seed0004-regions.png",
        "seed0004.png",
    ]
    regions = Image.open(out / "seed0003-regions.png")
    assert regions.mode == "P" and regions.size == (16, 16) and np.asarray(regions).max() <= 2
    with pytest.raises(UsageError, match=r"regions\.json is there already"):
        typed(f"--model {model} --seeds 3,4 --segment --output-dir {out}")
    typed(f"--model {model} --project {photo} --steps 1 --output-dir {tmp_path}/p")
    typed(f"--model {model} --projected-w {tmp_path}/p/projected_w.npz --segment --output-dir {tmp_path}/s")
    assert (tmp_path / "s" / "photo-regions.png").is_file()
    with pytest.raises(ConfigError, match="--segment 1: give 2 to 32 regions, or no number"):
        typed(f"--model {model} --segment 1")


def test_edits_of_seeds_and_projections(model, photo, tmp_path, capsys):
    out = tmp_path / "out"
    typed(f"--model {model} --seeds 3,4 --edit take=0:7 --output-dir {out}")
    said = capsys.readouterr().out
    assert "seed0003: component 0 changed; " in said and "% of the change falls where it was meant." in said
    kinds = ("", "-edited", "-change")
    assert {path.name for path in out.iterdir()} == {f"seed000{seed}{kind}.png" for seed in (3, 4) for kind in kinds}
    assert (np.asarray(Image.open(out / "seed0003.png")) != np.asarray(Image.open(out / "seed0003-edited.png"))).any()
    with pytest.raises(UsageError, match=r"seed0003-edited\.png is there already"):
        typed(f"--model {model} --seeds 3,4 --edit remove=0 --output-dir {out}")
    typed(f"--model {model} --project {photo} --steps 1 --output-dir {tmp_path}/p")
    w, mask = tmp_path / "p" / "projected_w.npz", tmp_path / "mask.png"
    Image.fromarray(np.eye(16, dtype=np.uint8) * 255).save(mask)
    typed(f"--model {model} --projected-w {w} --edit resample=5 --mask {mask} --output-dir {tmp_path}/e")
    typed(f"--model {model} --seeds 3 --edit take=1:{w} --output-dir {tmp_path}/f")
    assert (tmp_path / "e" / "photo-edited.png").is_file() and (tmp_path / "f" / "seed0003-edited.png").is_file()
    with pytest.raises(UsageError, match="take: component is 9; this model has components 0 to 1"):
        typed(f"--model {model} --seeds 3 --edit take=9:7 --output-dir {tmp_path}/g")
    with pytest.raises(UsageError, match=r"--mask .*photo\.txt cannot be read"):
        typed(f"--model {model} --seeds 3 --edit resample=5 --mask {tmp_path}/photo.txt --output-dir {tmp_path}/g")
    assert not (tmp_path / "g").exists()


@pytest.mark.parametrize("text", ["paint=1", "take=1", "take=x:1", "swap=1", "remove", "remove=1:2", "resample="])
def test_edits_that_are_none(text):
    with pytest.raises(ConfigError, match=f"--edit {text} is none of: take=C:SOURCE"):
        EditConfig.read(text)


def test_edits_are_read():
    assert EditConfig.read("take=2:77") == EditConfig("take", 2, None, 77)
    assert EditConfig.read("take=2:a.npz") == EditConfig("take", 2, None, "a.npz")
    assert EditConfig.read("swap=2:5") == EditConfig("swap", 2, 5)
    assert EditConfig.read("resample=7", "m.png") == EditConfig("resample", source=7, mask="m.png")
    for text, mask in (("resample=7", None), ("remove=1", "m.png")):
        with pytest.raises(ConfigError, match="resample needs a mask, and nothing else takes one"):
            EditConfig.read(text, mask)
