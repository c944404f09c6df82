"""Golden files of the published VQGAN code, and our networks with their numbers."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from gansformer_tf.config.vqgan import AutoencoderConfig, PatchDiscriminatorConfig
from gansformer_tf.convert.vqgan_names import (
    TABLES,
    assign,
    autoencoder_names,
    discriminator_names,
    laid_out,
    perceptual_names,
)
from gansformer_tf.models.vqgan.autoencoder import VQAutoencoder
from gansformer_tf.models.vqgan.discriminator import PatchDiscriminator
from gansformer_tf.models.vqgan.perceptual import PerceptualDistance

# Complete files can be checked in place of ours.
FOLDER = Path(os.environ.get("GANSFORMER_TF_GOLDEN_VQGAN", Path(__file__).parents[2] / "golden" / "vqgan"))

FORWARD = 1e-4  # of the standard deviation
GRADIENT = 1e-3  # of the norm


class Golden:
    """One case."""

    def __init__(self, name: str) -> None:
        with np.load(FOLDER / f"{name}.npz") as arrays:
            self.arrays = dict(arrays)
        self.about: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text())

    def __getitem__(self, key: str) -> np.ndarray:
        return self.arrays[key]

    def __contains__(self, key: str) -> bool:
        return key in self.arrays

    def under(self, prefix: str) -> dict[str, np.ndarray]:
        return {key[len(prefix) :]: value for key, value in self.arrays.items() if key.startswith(prefix)}

    def images(self, key: str) -> tf.Tensor:
        """An array NCHW as NHWC."""
        return tf.constant(self.arrays[key].transpose(0, 2, 3, 1))


def config_of(kwargs: dict[str, Any], **changes: Any) -> AutoencoderConfig:
    """Our configuration for the arguments of theirs."""
    theirs = kwargs["ddconfig"]
    values = {
        "height": theirs["resolution"],
        "width": theirs["resolution"],
        "image_channels": theirs["in_channels"],
        "channels": theirs["ch"],
        "channel_multipliers": tuple(theirs["ch_mult"]),
        "blocks_per_level": theirs["num_res_blocks"],
        "attention_sizes": tuple(theirs["attn_resolutions"]),
        "resample_with_conv": theirs.get("resamp_with_conv", True),
        "latent_channels": theirs["z_channels"],
        "num_codes": kwargs["n_embed"],
        "code_dim": kwargs["embed_dim"],
        "commitment_form": "legacy",
    }
    return AutoencoderConfig(**(values | changes))


def autoencoder(golden: Golden, **changes: Any) -> VQAutoencoder:
    model = VQAutoencoder(config_of(golden.about["kwargs"], **changes))
    assign(autoencoder_names(model), golden.under("param/"))
    return model


def discriminator(golden: Golden, prefix: str = "", **options: Any) -> PatchDiscriminator:
    """A discriminator with the arrays under `<prefix>param/` and `<prefix>buffer/`."""
    model = PatchDiscriminator(PatchDiscriminatorConfig(**options))
    assign(discriminator_names(model), golden.under(f"{prefix}param/") | golden.under(f"{prefix}buffer/"))
    return model


def distance(golden: Golden) -> PerceptualDistance:
    model = PerceptualDistance(tuple(golden.about["perceptual_widths"]))
    assign(perceptual_names(model), golden.under("perceptual_param/"))
    return model


def as_ours(name: str, array: np.ndarray) -> np.ndarray:
    return array if name.endswith(TABLES) else laid_out(array)


def check_forward(found: Any, expected: np.ndarray) -> None:
    """Equal within `FORWARD` of the standard deviation; images and features of theirs are NCHW."""
    found = np.asarray(found)
    if expected.ndim == 4:
        expected = expected.transpose(0, 2, 3, 1)
    assert found.shape == expected.shape
    scale = expected.std() if expected.size > 1 else abs(expected)
    assert np.abs(found - expected).max() <= FORWARD * max(scale, 1e-6)


def check_gradient(name: str, found: Any, expected: np.ndarray, tolerance: float = GRADIENT) -> None:
    """Equal within `tolerance` of the norm."""
    expected = as_ours(name, expected) if not name.startswith("@") else expected.transpose(0, 2, 3, 1)
    found = np.asarray(tf.convert_to_tensor(found)).reshape(expected.shape)
    difference, norm = np.linalg.norm(found - expected), np.linalg.norm(expected)
    assert difference <= tolerance * max(norm, 1e-6), f"{name}: {difference / norm:.2g} of the norm"
