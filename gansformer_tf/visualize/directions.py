"""Sheets of directions in w: rows of images that move along each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gansformer_tf.drawing.directions import METHODS, Directions, directions
from gansformer_tf.drawing.sampler import Sampler, latent_names
from gansformer_tf.visualize.grids import labelled_sheet, readable
from gansformer_tf.visualize.image_folder import ImageFolder

AMOUNTS = (-3.0, -1.5, 0.0, 1.5, 3.0)  # standard deviations
_COUNT = 5
_SEED = 0


def write_directions(sampler: Sampler, folder: ImageFolder) -> Iterator[Path]:
    """One sheet for each method and latent, `directions/sefa-component-0.png`, and the directions beside it.

    Yields:
        Paths of the sheets.
    """
    w, noise = sampler.latents_w([_SEED]), sampler.noise([_SEED])
    for method in METHODS:
        for name, component in latents(sampler.config):
            found = directions(sampler.generator, method, min(_COUNT, sampler.config.style_dim), component)
            stem = f"directions/{method}-{name.replace(' ', '-')}"
            found.save(folder.file(f"{stem}.safetensors"))
            rows = [[readable(image) for image in row] for row in moved(sampler, found, w, noise)]
            title = f"{method}, {name}, seed {_SEED}: standard deviations"
            yield folder.save(stem, labelled_sheet(rows, found.names, [f"{amount:g}" for amount in AMOUNTS], title))


def moved(
    sampler: Sampler,
    found: Directions,
    w: np.ndarray,
    noise: list[np.ndarray] | None,
    amounts: Sequence[float] = AMOUNTS,
) -> list[list[np.ndarray]]:
    """For each direction the images of one w `[1, num_latents, num_layers, style_dim]`, moved by the amounts."""
    return [
        list(sampler.images(np.concatenate([found.move(w, index, amount) for amount in amounts]), noise))
        for index in range(len(found.vectors))
    ]


def latents(config: Any) -> list[tuple[str, int | None]]:
    """(name, component) of every latent; the one that is no component has None."""
    if config.num_latents == 1:
        return [("w", None)]
    return [(name, index if index < config.num_components else None) for index, name in enumerate(latent_names(config))]
