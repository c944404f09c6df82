"""StyleGAN3 moves and turns with its input, StyleGAN2 does not: models and metric checked together."""

from __future__ import annotations

import functools

import keras
import numpy as np
import pytest

from gansformer_tf.config import GANsformerConfig, StyleGAN3Config
from gansformer_tf.metrics.equivariance import draw_move, psnr, squared_error
from gansformer_tf.models.families import build_generator
from gansformer_tf.models.stylegan3.fourier import FourierInput

RESOLUTION, SAMPLES, CONTRAST = 32, 3, 0.5
SMALL = {"resolution": RESOLUTION, "channel_base": 256, "channel_max": 16, "latent_size": 16, "mapping_layers": 2}
BETTER = 10.0  # dB


def stylegan3(**options):
    """Random weights; the magnitudes are those of a first batch, as after the first steps of training."""
    keras.utils.set_random_seed(0)
    generator = build_generator(StyleGAN3Config(**SMALL, **options))
    z = np.random.default_rng(0).standard_normal((4, 1, 16)).astype(np.float32)
    generator.assign_magnitudes(generator.synthesize(generator.map(z), magnitude_decay=0.0)[1])
    return generator


class MovableStyleGAN2:
    """StyleGAN2 whose constant input is replaced by Fourier features (StyleGAN3's configuration B)."""

    def __init__(self) -> None:
        keras.utils.set_random_seed(0)
        self.generator = build_generator(GANsformerConfig(**SMALL, local_noise=False))
        self.map = self.generator.map
        channels = self.generator.synthesis.stem.constant.shape[-1]
        self.waves = FourierInput(StyleGAN3Config(**(SMALL | {"channel_max": channels, "margin_size": 0})))
        self.waves.build()

    def synthesize(self, w, transform=None):
        x = np.asarray(self.waves(w[:, 0, 0], transform))  # 16x16 samples of a band of 2 periods per image
        self.generator.synthesis.stem.constant.assign(x[:, 2::4, 2::4])
        return self.generator.synthesize(w)


@functools.cache
def decibels(name: str, metric: str) -> float:
    options = {"R": {"conv_kernel": 1, "radial_filters": True}, "T": {}}
    generator = MovableStyleGAN2() if name == "StyleGAN2" else stylegan3(**options[name])
    errors = count = 0.0
    for seed in range(SAMPLES):
        z = np.random.RandomState(seed).standard_normal((1, 1, 16)).astype(np.float32)
        w = generator.map(z)
        still = np.asarray(generator.synthesize(w))
        gain = CONTRAST / still.std()

        def draw(matrix, w=w, gain=gain):
            return np.asarray(generator.synthesize(w, transform=matrix.astype(np.float32))) * gain

        move = draw_move(metric, np.random.RandomState([seed, 2]), (RESOLUTION, RESOLUTION))
        found, compared = squared_error(metric, draw, move, still * gain)
        errors, count = errors + float(found[0]), count + compared
    return psnr(errors, count)


@pytest.mark.parametrize(("name", "metric"), [("T", "eqt"), ("T", "eqt_frac"), ("R", "eqt"), ("R", "eqr")])
def test_stylegan3_is_equivariant(name, metric):
    ours, theirs = decibels(name, metric), decibels("StyleGAN2", metric)
    assert ours > theirs + BETTER, f"{metric}: {ours:.1f} dB of StyleGAN3-{name}, {theirs:.1f} dB of StyleGAN2"


def test_configuration_t_does_not_turn():
    assert decibels("R", "eqr") > decibels("T", "eqr") + 3.0
