"""What the noise inputs change in an image."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from gansformer_tf.drawing.sampler import Sampler
from gansformer_tf.visualize.grids import READABLE_HEIGHT, enlarge, labelled_sheet, readable
from gansformer_tf.visualize.heat import heat_map
from gansformer_tf.visualize.image_folder import ImageFolder


def noise_variance(sampler: Sampler, seed: int, draws: int = 32) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of an image over draws of its noise, the latents being fixed.

    Args:
        sampler: Draws the images; its noise mode must be "random".
        seed: Seed of the latents.
        draws: How often the noise is drawn.

    Returns:
        Mean `[height, width, channels]`, float in [-1, 1], and standard deviation `[height, width]` over draws,
        averaged over the channels, in units of the range 0..255.

    Raises:
        ValueError: Less than 2 draws, or a sampler without random noise.
    """
    if draws < 2:
        raise ValueError(f"noise was to be drawn {draws} times; a deviation needs at least 2.")
    if sampler.noise_mode != "random":
        raise ValueError(f"noise mode is {sampler.noise_mode!r}; the noise variance needs --noise-mode random.")
    w = sampler.latents_w([seed])
    size = (sampler.config.height, sampler.config.width, sampler.config.image_channels)
    total, squares = np.zeros(size), np.zeros(size)
    # The draws are seeds of their own, far from those that images are usually made of.
    seeds = [(seed + 1 + index) * 7919 % 2**32 for index in range(draws)]
    for rows in sampler.parts(draws):
        noise_seeds = seeds[rows]
        images, _ = sampler.synthesize(np.repeat(w, len(noise_seeds), axis=0), sampler.noise(noise_seeds))
        images = np.clip(images, -1.0, 1.0).astype(np.float64)
        total += images.sum(axis=0)
        squares += (images**2).sum(axis=0)
    mean = total / draws
    deviation = np.sqrt(np.maximum(squares / draws - mean**2, 0.0)).mean(axis=-1) * 127.5
    return mean.astype(np.float32), deviation.astype(np.float32)


def write_noise_variance(
    sampler: Sampler, seeds: Sequence[int], folder: ImageFolder, draws: int = 32
) -> Iterator[Path]:
    """Writes for each seed its image, the mean over draws of the noise, and the deviation as a heat map.

    Yields:
        Each file.
    """
    for seed in seeds:
        mean, deviation = noise_variance(sampler, seed, draws)
        image = next(sampler.samples([seed])).pixels
        factor = max(1, READABLE_HEIGHT // image.shape[0])
        sheet = labelled_sheet(
            [[readable(image), readable(mean), enlarge(heat_map(deviation), factor)]],
            column_labels=[
                f"seed {seed}",
                f"mean of {draws} draws",
                f"deviation, black 0 to white {deviation.max():.1f} of 255",
            ],
        )
        yield folder.save(f"noise-variance/seed{seed:04d}", sheet, seed=seed)
