"""Moved images and equivariance: equal to the reference, operator by operator and for a whole generator."""

from __future__ import annotations

import numpy as np
import pytest

from gansformer_tf.config import GANsformerConfig, StyleGAN3Config
from gansformer_tf.config.metric_records import METRICS
from gansformer_tf.drawing.sampler import Sampler
from gansformer_tf.metrics.equivariance import draw_move, equivariance_task, psnr, squared_error
from gansformer_tf.metrics.errors import MetricError
from gansformer_tf.metrics.evaluate import require_capability
from gansformer_tf.metrics.moved_images import pseudo_rotate, rotate, rotation_filter, shift_fraction, shift_whole
from tests.metrics.golden import arrays, relative, values
from tests.models.family_golden import FamilyGolden
from tests.visualize.fakes import FakeGenerator

DATA, EXPECTED = arrays("equivariance"), values("equivariance")
X = DATA["x"].transpose(0, 2, 3, 1)


def compare(case, found, golden_row, bound):
    images, mask = found
    expected = DATA[f"{case}/z"].transpose(0, 2, 3, 1)
    error = np.abs(images - expected).max() / max(np.abs(expected).max(), 1e-6)
    golden_row(f"moved {case}", "image", float(error), bound)
    np.testing.assert_array_equal(mask, DATA[f"{case}/m"][0, 0])


@pytest.mark.parametrize("index", (0, 1, 3, 4))
def test_shifts(index, golden_row):
    shift = EXPECTED["translations"][index]
    if f"int{index}/z" in DATA:
        compare(f"int{index}", shift_whole(X, shift), golden_row, 1e-6)
    compare(f"frac{index}", shift_fraction(X, shift), golden_row, 2e-6)


@pytest.mark.parametrize("index", (0, 2))
def test_turns(index, golden_row):
    angle = EXPECTED["angles"][index]
    for case, kernel in ((f"rot{index}/filter_up4", (angle, 4)), (f"prot{index}/filter_up1", (-angle, 1))):
        if case in DATA:
            golden_row(f"moved {case}", "filter", float(np.abs(rotation_filter(*kernel) - DATA[case]).max()), 1e-6)
    compare(f"rot{index}", rotate(X, angle), golden_row, 1e-5)
    compare(f"prot{index}", pseudo_rotate(X, angle), golden_row, 1e-5)


@pytest.fixture(scope="module")
def generator():
    """The reference's StyleGAN3-R: latents `[batch, dim]` and a transform to images."""
    model = FamilyGolden("sg3_r_16").load()
    return lambda z, matrix: np.asarray(model.synthesize(model.map(z[:, None]), transform=matrix.astype(np.float32)))


def moves(draws, metric):
    """The reference's moves from its uniform draws."""
    if metric == "eqr":
        return ((float(draws) * 2 - 1) * np.pi,)
    shift = (draws.astype(np.float64) * 2 - 1) / 8
    return tuple(np.rint(shift * 16) / 16) if metric == "eqt" else tuple(shift)


@pytest.mark.parametrize(("metric", "run"), [("eqt", "eqt_int"), ("eqt_frac", "eqt_frac"), ("eqr", "eqr")])
def test_a_whole_generator(generator, metric, run, golden_row):
    total, compared = 0.0, 0.0
    for batch in range(2):
        z, draws = DATA[f"{run}/draw{2 * batch:02d}_randn"], DATA[f"{run}/draw{2 * batch + 1:02d}_rand"]
        upright = generator(z, np.eye(3))
        move = moves(draws, metric)
        errors, count = squared_error(metric, lambda matrix, z=z: generator(z, matrix), move, upright)
        total, compared = total + errors.sum(), compared + count * len(z)
    expected = EXPECTED["results_psnr_db"][run]
    golden_row("stylegan3 r 16", f"{metric} (dB)", relative(psnr(total, compared), expected), 1e-4)


def test_moves_are_those_of_the_metric():
    random = np.random.RandomState(0)
    shifts = np.array([draw_move("eqt", random, (64, 32)) for _ in range(200)])
    assert np.abs(shifts).max() <= 1 / 8
    np.testing.assert_allclose(shifts * [32, 64], np.rint(shifts * [32, 64]), atol=1e-9)
    angles = np.array([draw_move("eqr", random, (64, 32)) for _ in range(200)])
    assert -np.pi <= angles.min() < -2 < 2 < angles.max() <= np.pi


class Movable(FakeGenerator):
    """A pattern that is exactly shifted with the input, so that only the masks matter; or one that stays."""

    def __init__(self, follows):
        super().__init__()
        self.follows = follows

    def synthesize(self, w, noise_mode="const", transform=None):
        height, width = self.config.height, self.config.width
        shift = np.asarray(transform)[:2, 2] if self.follows else np.zeros(2)
        x = (np.arange(width) + 0.5) / width + shift[0]
        y = (np.arange(height) + 0.5) / height + shift[1]
        wave = np.sin(2 * np.pi * x)[None] * np.cos(2 * np.pi * y)[:, None]
        return np.tile(wave[None, :, :, None], (len(w), 1, 1, 3)).astype(np.float32)


def test_the_task_tells_a_generator_that_follows_from_one_that_does_not():
    scores = {}
    for follows in (True, False):
        task = equivariance_task("eqt", [Sampler(Movable(follows), noise_mode="const")], 6, None, "x")
        rows = np.concatenate([task.work(0, start, start + 2)[0] for start in (0, 2, 4)])
        np.testing.assert_array_equal(rows, task.work(0, 0, 6)[0])
        scores[follows] = psnr(*rows.sum(axis=0, dtype=np.float64))
    assert scores[True] > 100
    assert scores[False] < 40


def test_a_generator_that_cannot_be_moved_is_refused():
    with pytest.raises(MetricError, match="metric eqr: this generator's input cannot be moved"):
        require_capability(METRICS["eqr"], GANsformerConfig())
    require_capability(METRICS["eqr"], StyleGAN3Config())
    with pytest.raises(MetricError, match="no pixel is left"):
        psnr(0.0, 0.0)
