"""One image at several strengths of truncation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from gansformer_tf.drawing.sampler import Sampler
from gansformer_tf.visualize.grids import labelled_sheet, readable
from gansformer_tf.visualize.image_folder import ImageFolder

SWEEP = (0.0, 0.25, 0.5, 0.7, 0.85, 1.0, 1.2)


def truncation_sweep(sampler: Sampler, seed: int, psis: Sequence[float] = SWEEP) -> list[np.ndarray]:
    """Images of one seed, from the average image (psi 0) to beyond the model's own variety (psi over 1).

    Args:
        sampler: Draws the images; its own truncation does not matter.
        seed: Seed of latents and noise.
        psis: Values of psi.

    Returns:
        One image `[height, width, channels]` per psi, float about [-1, 1].

    Source: StyleGAN (Karras et al. 2019), appendix B.

    Example:

    >>> images = gf.visualize.truncation_sweep(gf.load("scenes").sampler(), seed=0, psis=[0.0, 0.7, 1.0])
    >>> len(images), images[0].shape
    (3, (64, 64, 3))
    """
    full = sampler.latents_w([seed], truncation_psi=1.0)
    w = sampler.truncate(np.repeat(full, len(psis), axis=0), np.asarray(psis, np.float32))
    return list(sampler.images(w, sampler.noise([seed])))


def write_truncation_sweep(
    sampler: Sampler, seeds: Sequence[int], folder: ImageFolder, psis: Sequence[float] = SWEEP
) -> Iterator[Path]:
    """Writes one sheet with a row per seed and a column per psi. Yields its path."""
    rows = [[readable(image) for image in truncation_sweep(sampler, seed, psis)] for seed in seeds]
    sheet = labelled_sheet(rows, [f"seed {seed}" for seed in seeds], [f"psi {psi:g}" for psi in psis])
    yield folder.save("truncation", sheet)
