"""What the referee should answer for rendered scenes."""

from __future__ import annotations

import numpy as np

from gansformer_tf.data.scenes.render import SceneBatch
from gansformer_tf.metrics.composition.referee.scheme import (
    ATTRIBUTES,
    CHANNELS,
    LEAST_PIXELS,
    OFFSET_UNIT,
    channels_of,
)

HEAT = 1.5  # pixels: standard deviation of the heat around a middle


def objects_of(masks: np.ndarray) -> np.ndarray:
    """Masks `[scenes, objects, h, w]` as uint8 `[scenes, h, w]`: 0 is background, 1, 2, ... the objects seen."""
    seen = masks.sum(axis=(2, 3)) >= LEAST_PIXELS
    numbers = np.where(seen, seen.cumsum(axis=1), 0).astype(np.uint8)
    return (masks * numbers[:, :, None, None]).max(axis=1)


def targets(batch: SceneBatch) -> np.ndarray:
    """The wanted output, with classes as one-hot scores, float32 `[scenes, h, w, channels]`."""
    wanted = np.zeros((*batch.masks.shape[:1], *batch.masks.shape[2:], sum(CHANNELS.values())), np.float32)
    rows, columns = np.mgrid[: wanted.shape[1], : wanted.shape[2]]
    foreground, centre, offset = (channels_of(name) for name in ("foreground", "centre", "offset"))
    for image, masks, scene in zip(wanted, batch.masks, batch.scenes, strict=True):
        for item, mask in zip(scene.objects, masks, strict=False):
            if mask.sum() < LEAST_PIXELS:
                continue
            row, column = rows[mask].mean(), columns[mask].mean()
            heat = np.exp(-((rows - row) ** 2 + (columns - column) ** 2) / (2 * HEAT**2))
            image[..., centre] = np.maximum(image[..., centre], heat[..., None])
            image[mask, foreground] = 1.0
            image[mask, offset] = np.stack([row - rows[mask], column - columns[mask]], axis=-1) / OFFSET_UNIT
            for name, values in ATTRIBUTES.items():
                image[mask, channels_of(name).start + values.index(getattr(item, name))] = 1.0
    return wanted
