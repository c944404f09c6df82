"""Sheets of a generator that draws codes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gansformer_tf.config.visualize import VisualizeConfig
from gansformer_tf.drawing.pixels import to_uint8
from gansformer_tf.visualize.codes import Reals, code_map
from gansformer_tf.visualize.run import visualize
from tests.models.vqgan.test_family import CONFIG, made
from tests.visualize.fakes import FakeGenerator, tiny_config


def sheet(path: Path, columns: int, count: int) -> np.ndarray:
    """Cells of a sheet, `[rows, columns, height, width, 3]`, at their own size."""
    pixels = np.asarray(Image.open(path).convert("RGB"))
    rows = count
    height, width = CONFIG.height, CONFIG.width
    factor = pixels.shape[0] // (rows * (height + 2) - 2)
    pixels = pixels[::factor, ::factor]
    return np.stack(
        [
            np.stack(
                [pixels[row * (height + 2) :][:height, column * (width + 2) :][:, :width] for column in range(columns)]
            )
            for row in range(rows)
        ]
    )


def test_sheets_of_codes(tmp_path: Path) -> None:
    model = made(CONFIG)
    reals = Reals(np.random.default_rng(0).integers(0, 256, (2, CONFIG.height, CONFIG.width, 3)).astype(np.uint8))
    if CONFIG.label_dim:
        reals = Reals(reals.images, np.eye(CONFIG.label_dim, dtype=np.float32)[[0, 1]])
    only = dict.fromkeys(("images", "latents", "interpolations", "style_mixing", "truncation_sweep", "ablation"), False)
    visualize(model, tmp_path, VisualizeConfig(**only, noise_variance=False, rich_num=2), reals=reals, progress=False)
    again = sheet(tmp_path / "codes" / "reconstructions.png", 3, 2)
    np.testing.assert_array_equal(again[:, 0], reals.images)
    expected = to_uint8(np.asarray(model.reconstruct(reals.images.astype(np.float32) / 127.5 - 1.0)))
    assert np.abs(again[:, 1].astype(int) - expected).max() <= 1
    completed = sheet(tmp_path / "codes" / "completions.png", 5, 2)
    half = CONFIG.height // 2
    np.testing.assert_array_equal(completed[:, 1, :half], reals.images[:, :half])
    assert (completed[:, 1, half:] == 128).all()
    assert len(np.unique(completed[0, 2:], axis=0)) > 1  # several draws
    rows = sheet(tmp_path / "codes" / "temperatures.png", 2, 4)
    assert (rows[0] != rows[3]).any()


def test_codes_have_colours_of_their_own() -> None:
    codes = np.array([[0, 1], [1, 2]])
    colors = code_map(codes, (4, 6), 3)
    assert colors.shape == (4, 6, 3)
    np.testing.assert_array_equal(colors[0, 3], colors[2, 0])
    assert len(np.unique(colors.reshape(-1, 3), axis=0)) == 3


def test_a_generator_without_codes(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    model = FakeGenerator(tiny_config())
    with pytest.raises(ValueError, match="temperatures were asked for; a .* generator draws no codes, so leave them"):
        visualize(model, tmp_path, VisualizeConfig(temperatures=True), progress=False)
    visualize(made(CONFIG), tmp_path, VisualizeConfig(num=1, rich_num=1), progress=False)
    assert "reconstructions: there are no real images to draw again" in capsys.readouterr().out
