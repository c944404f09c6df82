"""Latents z of seeds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gansformer_tf.drawing.seeds import check_seeds


def latents_from_seeds(seeds: Sequence[int], num_latents: int, latent_dim: int) -> np.ndarray:
    """Standard normal latents, one draw of `RandomState(seed)` per image (the convention of the field).

    Returns:
        float32 `[len(seeds), num_latents, latent_dim]`.
    """
    check_seeds(seeds)
    z = np.empty((len(seeds), num_latents, latent_dim), np.float32)
    for row, seed in enumerate(seeds):
        z[row] = np.random.RandomState(seed).standard_normal((num_latents, latent_dim))
    return z
