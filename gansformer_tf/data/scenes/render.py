"""Scenes to images, masks and labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gansformer_tf.data.scenes.scene import COLORS, MAX_OBJECTS, Scene, make_scene
from gansformer_tf.data.scenes.tracer import trace

MAX_RESOLUTION = 256
MIN_RESOLUTION = 8


@dataclass(frozen=True)
class SceneBatch:
    """Rendered scenes.

    Attributes:
        images: uint8 `[scenes, height, width, 3]`.
        masks: bool `[scenes, 8, height, width]`: the pixels that mostly show object j (objects that stand in
            front are taken out); all False beyond the scene's number of objects.
        scenes: the `Scene` of every image, in order.
    """

    images: np.ndarray
    masks: np.ndarray
    scenes: tuple[Scene, ...]

    def labels(self) -> list[dict[str, object]]:
        """The labels table of all scenes, with `visible_pixels` of every object added."""
        table = []
        for scene, masks in zip(self.scenes, self.masks, strict=True):
            for row in scene.rows():
                table.append({**row, "visible_pixels": int(masks[row["object"]].sum())})
        return table


def render(
    seeds: int | Sequence[int], resolution: int = 64, *, height: int | None = None, width: int | None = None
) -> SceneBatch:
    """Renders scenes.

    Args:
        seeds: Number of scenes (seeds 0, 1, 2, ...) or the seeds themselves.
        resolution: Side of the square images in pixels, 8 to 256.
        height: Height in pixels for rectangular images (default: `resolution`).
        width: Width in pixels (default: `resolution`).

    Returns:
        A `SceneBatch` with images, per-object masks and labels.

    Raises:
        ValueError: A side is outside 8..256 or a seed is negative.

    Example:
        >>> batch = render(2, resolution=32)
        >>> batch.images.shape, batch.masks.shape
        ((2, 32, 32, 3), (2, 8, 32, 32))
    """
    height, width = height or resolution, width or resolution
    for side in (height, width):
        if not MIN_RESOLUTION <= side <= MAX_RESOLUTION:
            raise ValueError(
                f"scenes of {height}x{width} pixels; both sides must lie in {MIN_RESOLUTION}..{MAX_RESOLUTION}. "
                f"Choose a --resolution of at most {MAX_RESOLUTION}."
            )
    seeds = range(seeds) if isinstance(seeds, int | np.integer) else list(seeds)
    if any(not 0 <= seed < 2**32 for seed in seeds):
        raise ValueError("a scene seed must lie in 0..2**32-1.")
    scenes = tuple(make_scene(seed) for seed in seeds)
    images = np.empty((len(scenes), height, width, 3), np.uint8)
    masks = np.zeros((len(scenes), MAX_OBJECTS, height, width), bool)
    for index, scene in enumerate(scenes):
        colors = np.array([COLORS[item.color] for item in scene.objects])
        images[index], masks[index, : len(scene.objects)] = trace(scene, colors, height, width)
    return SceneBatch(images, masks, scenes)
