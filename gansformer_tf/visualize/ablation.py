"""What each latent does: the image with that latent replaced by the mean."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from gansformer_tf.drawing.pixels import to_uint8
from gansformer_tf.drawing.sampler import Sampler, latent_names
from gansformer_tf.visualize.grids import READABLE_HEIGHT, enlarge, labelled_sheet, readable
from gansformer_tf.visualize.heat import change_map, heat_map
from gansformer_tf.visualize.image_folder import ImageFolder
from gansformer_tf.visualize.style_mixing import COMPONENT_AXIS, mix


def component_ablation(sampler: Sampler, seed: int) -> tuple[np.ndarray, list[np.ndarray], list[np.ndarray]]:
    """Replaces each latent in turn by the average w.

    Returns:
        The image, uint8 `[height, width, channels]`; per latent (the global one last) the image without it, alike;
        per latent the change it makes, float32 `[height, width]` in 0..255.
    """
    w = sampler.latents_w([seed])
    average = np.broadcast_to(sampler.average_w(), w.shape)
    without = [mix(w, average, COMPONENT_AXIS, [component]) for component in range(w.shape[COMPONENT_AXIS])]
    image, *ablated = [
        to_uint8(image) for image in sampler.images(np.concatenate([w, *without]), sampler.noise([seed]))
    ]
    return image, ablated, [change_map(image, other) for other in ablated]


def write_ablation(sampler: Sampler, seeds: Sequence[int], folder: ImageFolder) -> Iterator[Path]:
    """Writes for each seed the image without each latent, and below it what that changes. Yields each file."""
    names = latent_names(sampler.config)
    for seed in seeds:
        image, ablated, changes = component_ablation(sampler, seed)
        factor = max(1, READABLE_HEIGHT // image.shape[0])
        largest = max(float(change.max()) for change in changes)
        heat: list[np.ndarray | None] = [enlarge(heat_map(change, largest), factor) for change in changes]
        labels = [f"{name} ({change.mean():.1f})" for name, change in zip(names, changes, strict=True)]
        sheet = labelled_sheet(
            [[readable(image), *map(readable, ablated)], [None, *heat]],
            ["without", "change"],
            [f"seed {seed}", *labels],
            f"each latent replaced by the mean; in brackets the mean change, black 0 to white {largest:.0f} of 255",
        )
        yield folder.save(f"ablation/seed{seed:04d}", sheet, seed=seed)
