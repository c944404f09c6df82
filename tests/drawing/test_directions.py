"""Directions in w: of the weights and of where w lies."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from gansformer_tf.config import GANsformerConfig
from gansformer_tf.config.creps import CREPSConfig
from gansformer_tf.config.stylegan3 import StyleGAN3Config
from gansformer_tf.drawing import directions as module
from gansformer_tf.drawing.directions import Directions, directions
from gansformer_tf.models.families import build_generator

SMALL = {"resolution": 16, "channel_base": 64, "channel_max": 8, "mapping_layers": 2, "latent_size": 16}


@pytest.fixture(scope="module")
def generators():
    keras.utils.set_random_seed(1)
    return {
        "gansformer": build_generator(GANsformerConfig(**SMALL, transformer=True, num_components=2)),
        "stylegan2": build_generator(GANsformerConfig(**SMALL)),
        "kgan": build_generator(GANsformerConfig(**SMALL, kgan=True, num_components=2)),
        "stylegan3": build_generator(StyleGAN3Config(**SMALL, num_synthesis_layers=4, margin_size=4)),
        "creps": build_generator(CREPSConfig(**SMALL, line_channels=4, rank=4)),
    }


@pytest.fixture(autouse=True)
def few(monkeypatch):
    monkeypatch.setattr(module, "COUNT", 64)


@pytest.mark.parametrize("family", ["gansformer", "stylegan2", "kgan", "stylegan3", "creps"])
def test_every_layer_is_read_once_at_least(family, generators):
    generator = generators[family]
    kernels = [item for item in generator.style_kernels() if not item.components]
    # The first entry of GANsformer's w is read by a latent stem alone.
    first = 0 if family in ("stylegan3", "creps") else 1
    assert sorted({item.layer for item in kernels}) == list(range(first, generator.config.num_layers))
    assert {item.kernel.shape[0] for item in kernels} == {generator.config.style_dim}
    names = {weight.path for weight in generator.weights if weight.path.endswith("affine/kernel")}
    assert {item.kernel.path for item in kernels} == names


def test_closed_form_directions_change_the_styles_most(generators):
    generator = generators["stylegan2"]
    found = directions(generator, "sefa", count=4, layers=(3, 5))
    kernel = np.concatenate(
        [np.asarray(item.kernel) for item in generator.style_kernels() if item.layer in (3, 4)], axis=1
    )
    kernel /= np.linalg.norm(kernel, axis=0)
    gains = np.linalg.norm(found.vectors @ kernel, axis=1)
    np.testing.assert_allclose(gains, np.linalg.svd(kernel)[1][:4], rtol=1e-4)
    np.testing.assert_allclose(found.vectors @ found.vectors.T, np.eye(4), atol=1e-5)


def test_principal_components_of_w(generators):
    generator = generators["gansformer"]
    found = directions(generator, "ganspace", count=8, component=1)
    z = np.stack([np.random.RandomState(seed).standard_normal((3, generator.config.latent_dim)) for seed in range(64)])
    w = np.asarray(generator.map(z.astype(np.float32)))[:, 1, 0]
    covariance = found.vectors @ np.cov(w, rowvar=False) @ found.vectors.T
    assert np.abs(covariance - np.diag(np.diag(covariance))).max() < 1e-4 * covariance.max()
    assert (np.diff(found.steps) <= 1e-6).all()
    np.testing.assert_allclose(found.steps, (w @ found.vectors.T).std(axis=0), rtol=1e-3, atol=1e-6)


def test_a_component_has_its_own(generators):
    generator = generators["gansformer"]
    apart = [directions(generator, "sefa", 1, component).vectors for component in (None, 0)]
    assert not np.allclose(*apart, atol=1e-2)


def test_move_touches_one_latent_and_its_layers(generators):
    generator = generators["gansformer"]
    config = generator.config
    found = directions(generator, "sefa", count=2, component=1, layers=(2, 4))
    w = np.zeros((2, config.num_latents, config.num_layers, config.style_dim))
    moved = found.move(w, 1, -2.0)
    assert not w.any() and {tuple(place) for place in np.argwhere(moved.any(axis=(0, 3)))} == {(1, 2), (1, 3)}
    np.testing.assert_allclose(moved[0, 1, 2], -2.0 * found.steps[1] * found.vectors[1], rtol=1e-5)
    with pytest.raises(ValueError, match="there is no direction 2; there are 2"):
        found.move(w, 2, 1.0)
    with pytest.raises(ValueError, match="Take those of the same model"):
        found.move(w[:, :1], 0, 1.0)


def test_saved_and_read(generators, tmp_path):
    found = directions(generators["gansformer"], "ganspace", 2, 0, (1, 3), ["light", "height"])
    again = Directions.load(found.save(tmp_path / "mine.safetensors"))
    np.testing.assert_array_equal(again.vectors, found.vectors)
    np.testing.assert_array_equal(again.steps, found.steps)
    about = (again.latent, again.layers, again.names, again.method)
    assert about == (0, (1, 3), ("light", "height"), "ganspace")
    with pytest.raises(ValueError, match=r"does not end with \.safetensors"):
        found.save(tmp_path / "mine.npz")
    (tmp_path / "text.safetensors").write_text("no file of ours")
    for name in ("text", "missing"):
        with pytest.raises(ValueError, match="cannot be read"):
            Directions.load(tmp_path / f"{name}.safetensors")


@pytest.mark.parametrize(
    ("family", "settings", "message"),
    [
        ("gansformer", {"method": "pca"}, "the method 'pca' is unknown; choose one of sefa, ganspace"),
        ("gansformer", {"component": 2}, "component 2 is unknown; this model has 0 to 1"),
        ("stylegan2", {"component": 0}, "component 0 is unknown; this model has none"),
        ("kgan", {}, "no latent behind its components; name one with component=0"),
        ("gansformer", {"layers": (3, 3)}, "layers 3 to 3 are none of this model"),
        ("gansformer", {"count": 99}, "99 directions were asked for; w has"),
        ("gansformer", {"component": 0, "layers": (0, 1)}, "nothing reads the w of components in layers 0 to 0"),
        ("gansformer", {"names": ["a"]}, "there are 1 names for 5 directions"),
    ],
)
def test_what_there_is_not(family, settings, message, generators):
    with pytest.raises(ValueError, match=message):
        directions(generators[family], **settings)
