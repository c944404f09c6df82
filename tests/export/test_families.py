"""Generators of other families are exported too, those of any size also at another one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from gansformer_tf.config import CREPSConfig, StyleGAN3Config
from gansformer_tf.export import ExportError, export_onnx, export_saved_model
from gansformer_tf.models.coordinates import line_coordinates
from gansformer_tf.models.families import build_generator

SMALL = {"resolution": 16, "channel_base": 64, "channel_max": 6, "latent_size": 8}
CREPS = CREPSConfig(**(SMALL | {"latent_size": 9}), line_channels=4, transformer=True, num_components=3)
STYLEGAN3 = StyleGAN3Config(**SMALL, num_synthesis_layers=5, margin_size=3)
SCALE = 2.5


def latents(config: Any) -> np.ndarray:
    shape = (2, config.num_latents, config.latent_dim)
    return np.random.RandomState(0).standard_normal(shape).astype(np.float32)


def expected(generator: Any, scale: float) -> np.ndarray:
    lines = {}
    if scale != 1.0:
        lines = dict(zip(("rows", "columns"), line_coordinates(generator.config, scale), strict=True))
    return np.asarray(generator.synthesize(generator.map(latents(generator.config)), **lines))


@pytest.mark.parametrize(("config", "scale"), [(CREPS, SCALE), (STYLEGAN3, 1.0)], ids=["creps", "stylegan3"])
def test_saved_model(config: Any, scale: float, tmp_path: Path) -> None:
    generator = build_generator(config)
    folder = export_saved_model(generator, tmp_path / "exported", scale=scale)
    signatures = tf.saved_model.load(str(folder)).signatures
    given = {"z": tf.constant(latents(config)), "truncation_psi": tf.ones([2])}
    images = signatures["images_float_from_z"](**given)["images"].numpy()
    side = int(16 * scale)
    assert images.shape == (2, side, side, 3)
    wanted = expected(generator, scale)
    np.testing.assert_allclose(images, wanted, rtol=0, atol=1e-4 * np.abs(wanted).max())
    assert ("attention_maps" in signatures) == config.has_attention
    images = json.loads((folder / "model_card.json").read_text())["images"]
    assert (images["height"], images["width"]) == (side, side)


def test_onnx_at_another_size(tmp_path: Path) -> None:
    runtime = pytest.importorskip("onnxruntime", reason="pip install 'gansformer-tf[onnx]'")
    generator = build_generator(CREPS)
    folder = export_onnx(generator, tmp_path / "exported", scale=SCALE)
    session = runtime.InferenceSession(folder / "generator.onnx", providers=["CPUExecutionProvider"])
    (images,) = session.run(["images"], {"z": latents(CREPS), "truncation_psi": np.ones(2, np.float32)})
    wanted = expected(generator, SCALE)
    np.testing.assert_allclose(images, wanted, rtol=0, atol=1e-3 * np.abs(wanted).max())


@pytest.mark.parametrize(
    ("config", "scale", "message"),
    [(STYLEGAN3, 2.0, "draws images of one size"), (CREPS, 0.0, "greater than 0"), (CREPS, 0.01, "leaves no pixel")],
)
def test_a_scale_that_does_not_fit(config: Any, scale: float, message: str, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=message):
        export_saved_model(build_generator(config), tmp_path / "exported", scale=scale)
    assert not (tmp_path / "exported").exists()
