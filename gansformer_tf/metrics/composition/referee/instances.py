"""The network's output to objects."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gansformer_tf.metrics.composition.referee.scheme import ATTRIBUTES, LEAST_PIXELS, MOST, OFFSET_UNIT, channels_of

PEAK = 0.25  # least heat of a middle
REACH = 2  # pixels around a middle in which there is no other


@dataclass(frozen=True)
class Found:
    """What was found in one image.

    Attributes:
        objects: uint8 `[h, w]`: 0 is background, 1, 2, ... are the objects.
        classes: By attribute, the class number of every object, `[objects]`.
        places: Middle of the pixels of every object, row and column, `[objects, 2]`.
    """

    objects: np.ndarray
    classes: dict[str, np.ndarray]
    places: np.ndarray

    def __len__(self) -> int:
        return len(self.places)


def found_in(output: np.ndarray) -> Found:
    """Objects from the output for one image, `[h, w, channels]`.

    Middles are peaks of the heat; every foreground pixel goes to the middle that its offset points closest to; what
    is then smaller than 12 pixels is none.
    """
    mask = output[..., 0] > 0
    heat = 1 / (1 + np.exp(-output[..., channels_of("centre").start]))
    peaks = np.argwhere((heat >= _largest_around(heat)) & (heat > PEAK))
    peaks = peaks[np.argsort(-heat[tuple(peaks.T)], kind="stable")][:MOST]
    peaks = peaks[np.lexsort(peaks.T[::-1])]  # by row, so that roundings of the heat do not move the names
    objects = np.zeros(mask.shape, np.uint8)
    if len(peaks) and mask.any():
        places = np.argwhere(mask)
        pointed = places + output[mask][:, channels_of("offset")] * OFFSET_UNIT
        nearest = np.square(pointed[:, None] - peaks[None]).sum(axis=-1).argmin(axis=1)
        counts = np.bincount(nearest, minlength=len(peaks))
        names = np.where(counts >= LEAST_PIXELS, np.cumsum(counts >= LEAST_PIXELS), 0)
        objects[mask] = names[nearest]
    return _described(objects, output)


def _described(objects: np.ndarray, output: np.ndarray) -> Found:
    """Classes by the mean of the log-probabilities of an object's pixels."""
    count = int(objects.max(initial=0))
    masks = [objects == number for number in range(1, count + 1)]
    classes = {}
    for name in ATTRIBUTES:
        scores = output[..., channels_of(name)]
        scores = scores - np.logaddexp.reduce(scores, axis=-1, keepdims=True)
        classes[name] = np.array([scores[mask].mean(axis=0).argmax() for mask in masks], int)
    places = np.array([np.argwhere(mask).mean(axis=0) for mask in masks]).reshape(count, 2)
    return Found(objects, classes, places)


def _largest_around(values: np.ndarray) -> np.ndarray:
    padded = np.pad(values, REACH, constant_values=-np.inf)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (2 * REACH + 1, 2 * REACH + 1))
    return windows.max(axis=(2, 3))
