"""`visualize`: every kind of image in one folder."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from gansformer_tf.config import ConfigError
from gansformer_tf.config.visualize import VisualizeConfig
from gansformer_tf.drawing.noise import METHOD
from gansformer_tf.image_files import read_metadata
from gansformer_tf.visualize.run import visualize
from tests.visualize.fakes import FakeGenerator, tiny_config

NOTHING = dict.fromkeys((field for field, kind in VisualizeConfig.__annotations__.items() if "bool" in kind), False)


def names(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_everything_on_a_real_model(tiny_generator, tmp_path, monkeypatch):
    monkeypatch.setattr("gansformer_tf.drawing.directions.COUNT", 32)
    config = VisualizeConfig(
        num=3, rich_num=1, layer_maps=True, directions=True, interpolation_density=1, section_size=2
    )
    visualize(tiny_generator, tmp_path, config, model="abc", progress=False)
    written = names(tmp_path)
    for seed in ("seed0000", "seed0001", "seed0002"):
        kinds = ("hard", "soft", "blended", "components", "panels")
        assert {f"images/{seed}.png", f"layer-maps/{seed}.png"} | {f"maps/{k}/{seed}.png" for k in kinds} <= written
    assert {
        "images/grid-000.png",
        "images/grid-001.png",
        "maps/legend.png",
        "latents/z.npy",
        "latents/w.npy",
        "latents/seeds.npy",
        "interpolations/seed0000-seed0001-z/all-latents/interpolation.mp4",
        "interpolations/seed0000-seed0001-w/all-latents/sheet.png",
        "noise-variance/seed0000.png",
        "style-mixing/layers-coarse.png",
        "style-mixing/layers-middle.png",
        "style-mixing/components-seed0000-seed0001.png",
        "truncation.png",
        "ablation/seed0000.png",
        "directions/sefa-component-0.png",
        "directions/sefa-global.safetensors",
        "directions/ganspace-global.png",
    } <= written
    assert not [name for name in written if "tmp" in name]
    assert read_metadata(tmp_path / "images/seed0002.png") == {
        "model": "abc",
        "kind": "image",
        "seed": 2,
        "software": "gansformer-tf",
        "truncation_psi": 0.7,
        "noise_mode": "random",
        "noise": METHOD,
    }
    z, w = np.load(tmp_path / "latents/z.npy"), np.load(tmp_path / "latents/w.npy")
    assert z.shape == (3, 5, 8) and w.shape == (3, 5, 7, 8)
    np.testing.assert_array_equal(z[2], np.random.RandomState(2).standard_normal((5, 8)).astype(np.float32))


def test_projections(tmp_path):
    config = tiny_config()
    w = np.zeros((2, config.num_latents, config.num_layers, config.style_dim), np.float32)
    w[1] = 0.5
    np.savez(tmp_path / "projected_w.npz", w=w, names=np.asarray(["a", "b"]))
    asked = VisualizeConfig(projected_w=str(tmp_path / "projected_w.npz"), interpolation_density=1, **NOTHING)
    visualize(FakeGenerator(config), tmp_path / "out", asked, progress=False)
    written = {f"projections/{name}" for name in ("a.png", "a-attention.png", "b.png", "b-attention.png", "a-b.mp4")}
    assert names(tmp_path / "out") == written
    assert np.asarray(Image.open(tmp_path / "out/projections/b.png")).mean() == 191
    np.savez(tmp_path / "projected_w.npz", w=w[:, :1])
    with pytest.raises(ValueError, match="Draw it with the model that it was found for"):
        visualize(FakeGenerator(config), tmp_path / "none", asked, progress=False)
    assert not (tmp_path / "none").exists()


def test_only_what_was_asked_for(tmp_path):
    visualize(
        FakeGenerator(), tmp_path, VisualizeConfig(num=2, **{**NOTHING, "images": True, "grid": True}), progress=False
    )
    assert names(tmp_path) == {"images/seed0000.png", "images/seed0001.png", "images/grid-000.png"}


def test_sections_bound_the_sheets(tmp_path):
    config = VisualizeConfig(num=5, section_size=2, **{**NOTHING, "images": True, "grid": True})
    visualize(FakeGenerator(), tmp_path, config, progress=False)
    sizes = [Image.open(tmp_path / f"images/grid-00{index}.png").size for index in range(3)]
    assert sizes == [(32, 16), (32, 16), (16, 16)]


def test_a_model_without_attention(tmp_path):
    generator = FakeGenerator(tiny_config(transformer=False, num_components=1))
    with pytest.raises(ValueError, match="no attention"):
        visualize(generator, tmp_path / "a", VisualizeConfig(maps=True), progress=False)
    assert not (tmp_path / "a").exists()
    config = VisualizeConfig(num=1, **{**NOTHING, "maps": None, "images": True})
    assert names(visualize(generator, tmp_path / "b", config, progress=False)) == {"images/seed0000.png"}


def test_more_components_than_colors(tmp_path):
    generator = FakeGenerator(tiny_config(num_components=33, latent_size=66))
    with pytest.raises(ValueError, match="33 components, but only 32 colours"):
        visualize(generator, tmp_path / "a", VisualizeConfig(), progress=False)


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("num", 0, "greater than 0"),
        ("blending_alpha", 1.5, "between 0 and 1"),
        ("interpolation_density", -1, "0 or more"),
    ],
)
def test_bad_values(field, value, reason):
    with pytest.raises(ConfigError, match=reason):
        VisualizeConfig(**{field: value})
