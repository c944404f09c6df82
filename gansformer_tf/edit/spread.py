"""Mean and spread of each latent's w: where a projection starts, and in what units it goes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from gansformer_tf.data.download.cache import cache_folder
from gansformer_tf.drawing.sampler import Sampler
from gansformer_tf.files import replacing
from gansformer_tf.models.base import require_w
from gansformer_tf.models.snapshot import network_weights

COUNT = 4096  # latents that they are estimated from
_BATCH = 256
_FOLDER = "w-spread"
_SHOWN_DIGITS = 16
_LEAST = 1e-3  # of the mean spread: a direction that w never takes can still be gone


@dataclass(frozen=True)
class Spread:
    """`mean` and `deviation`, float32 `[num_latents, style_dim]`, of w before truncation."""

    mean: np.ndarray
    deviation: np.ndarray


def spread_of(generator: Any, keep: bool = True) -> Spread:
    """Mean and spread of a generator's w over `COUNT` seeds; estimated once and kept in the cache.

    Args:
        generator: A `Generator`.
        keep: Whether the cache is read and written.

    Raises:
        ValueError: A family without w.
    """
    require_w(generator.config, "the spread of w was")
    file = cache_folder() / _FOLDER / f"{digest_of(generator)[:_SHOWN_DIGITS]}.npz"
    if keep and file.is_file():
        with np.load(file) as found:
            return Spread(found["mean"], found["deviation"])
    spread = _estimate(generator)
    if keep:
        file.parent.mkdir(parents=True, exist_ok=True)
        with replacing(file) as temporary:
            np.savez(temporary, mean=spread.mean, deviation=spread.deviation)
    return spread


def digest_of(generator: Any) -> str:
    """SHA-256 of a generator's weights and configuration, in hexadecimal."""
    digest = hashlib.sha256(repr(generator.config).encode())
    for name, array in sorted(network_weights(generator).items()):
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _estimate(generator: Any) -> Spread:
    sampler = Sampler(generator, truncation_psi=1.0, batch_size=_BATCH)
    total = square = 0.0
    for seeds, labels in sampler.batches(range(COUNT)):
        w = sampler.map(sampler.latents(seeds), labels)[:, :, 0].astype(np.float64)
        total, square = total + w.sum(0), square + np.square(w).sum(0)
    mean = total / COUNT
    deviation = np.sqrt(np.maximum(square / COUNT - np.square(mean), 0))
    least = _LEAST * max(float(deviation.mean()), np.finfo(np.float32).tiny)
    return Spread(np.float32(mean), np.float32(np.maximum(deviation, least)))
