"""Tiny generators to export, and what they draw in Python."""

from __future__ import annotations

import dataclasses
import functools
from pathlib import Path
from typing import Any

import numpy as np

from gansformer_tf.drawing.pixels import to_uint8
from gansformer_tf.drawing.sampler import Sampler
from gansformer_tf.models.snapshot import save_snapshot
from tests.models.tiny import DUPLEX, KGAN, PLAIN, generator

SEEDS = [0, 7, 2**32 - 1]
PSI = 0.7
CASES = {
    "attention": DUPLEX | {"num_heads": 2, "label_dim": 3},
    "labels": PLAIN | {"label_dim": 3, "base_width": 2, "resolution": 16},  # rectangular, without attention
    "kgan": KGAN | {"merge_layer": 3, "latent_stem": True, "image_channels": 1},
}


def model(name: str) -> Any:
    """A generator whose average w is not zero, so that truncation does something."""
    found = generator(CASES[name])
    found.w_avg.assign(np.random.RandomState(7).standard_normal(found.w_avg.shape))
    return found


def snapshot(name: str, folder: Path) -> Path:
    return save_snapshot(folder / "network-snapshot-000002.safetensors", generator=model(name), metadata={"kimg": "2"})


@functools.cache
def sampler(name: str) -> Sampler:
    return Sampler(model(name), batch_size=len(SEEDS))


@dataclasses.dataclass
class Drawn:
    """What the package draws: float images, uint8 images, attention maps per layer, class numbers."""

    images: np.ndarray
    pixels: np.ndarray
    maps: list[np.ndarray]
    labels: list[int] | None


def drawn(name: str, psi: float = PSI, labels: list[int] | None = None) -> Drawn:
    """Images of `SEEDS`; without labels their classes come from the seeds."""
    draw = sampler(name)
    one_hot = draw.labels(SEEDS) if labels is None else np.eye(draw.config.label_dim, dtype=np.float32)[labels]
    w = draw.map(draw.latents(SEEDS), one_hot, psi)
    images, maps = draw.synthesize(w, draw.noise(SEEDS), with_attention=draw.config.has_attention)
    classes = None if one_hot is None else [int(label) for label in one_hot.argmax(axis=1)]
    return Drawn(images, to_uint8(images), maps, classes)
