"""What moves in an image when one component is drawn again."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

CHANGED = 12.0  # grey levels, mean over channels: a pixel that differs by more has changed
MOST_OF_IT = 0.5  # share of an object's pixels: an object of which more have changed has changed


@dataclass(frozen=True)
class Change:
    """Of one image; all from 0 to 1.

    Attributes:
        in_one_object: Largest share of the change that lies within one object, of the image before or after.
        if_even: The same if the change were spread evenly: the largest share of the image that one object has.
        objects: Share of the objects before that changed.
        background: Share of the pixels that are background before and after and did not change.
        pixels: Share of all pixels that changed.
    """

    in_one_object: float
    if_even: float
    objects: float
    background: float
    pixels: float


def change(before: np.ndarray, after: np.ndarray, objects: np.ndarray, objects_after: np.ndarray) -> Change | None:
    """How an image changed; None where nothing did, or there are no objects before.

    Args:
        before, after: 0..255, `[h, w, channels]`.
        objects, objects_after: Whole numbers `[h, w]`: 0 is background, 1, 2, ... are the objects.
    """
    difference = np.abs(np.asarray(before, np.float64) - np.asarray(after, np.float64)).mean(axis=-1)
    count = int(objects.max(initial=0))
    if not count or not difference.sum():
        return None
    masks = [numbers == one for numbers in (objects, objects_after) for one in range(1, int(numbers.max()) + 1)]
    moved, empty = difference > CHANGED, (objects == 0) & (objects_after == 0)
    return Change(
        in_one_object=max(float(difference[mask].sum()) for mask in masks) / float(difference.sum()),
        if_even=max(float(mask.mean()) for mask in masks),
        objects=float(np.mean([moved[mask].mean() > MOST_OF_IT for mask in masks[:count]])),
        background=float(1.0 - moved[empty].mean()) if empty.any() else 1.0,
        pixels=float(moved.mean()),
    )
