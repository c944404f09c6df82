"""The ways in which an image is cut into segments: by attention, and by controls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from gansformer_tf.metrics.composition.clusters import clusters_of_features
from gansformer_tf.metrics.composition.overlap import matched_iou
from gansformer_tf.metrics.composition.purity import component_purity
from gansformer_tf.metrics.composition.rand_index import foreground_ari
from gansformer_tf.metrics.composition.referee.scheme import SIDE

STANDARD_SEGMENTS = 8  # clusters where a model has no components
COMBINED, FEATURES, COLOURS, PLACES = "combined", "features", "colours", "places"
OTHER_IMAGE, UNTRAINED = "other image", "untrained"


def resized(segments: np.ndarray, side: int = SIDE) -> np.ndarray:
    """`[h, w]` to `[side, side]`, each pixel that of the place where it lies."""
    rows, columns = (np.arange(side) * have // side for have in segments.shape[:2])
    return segments[rows][:, columns]


def combined(maps: Sequence[np.ndarray], side: int = SIDE) -> np.ndarray:
    """The component that each pixel attends to most, over all layers: the arg-max of their mean, `[side, side]`.

    Args:
        maps: Per layer `[h, w, k]` of one image.
    """
    return np.mean([resized(layer, side) for layer in maps], axis=0).argmax(axis=-1)


def kinds_of(layers: int, has_features: bool) -> list[str]:
    """Names of the segments of a model; the first is what the model is judged by."""
    attended = [COMBINED, *(f"layer {index}" for index in range(layers)), OTHER_IMAGE, UNTRAINED] if layers else []
    return [*attended, *([FEATURES] if has_features else []), COLOURS, PLACES]


def segments_of(
    maps: Sequence[np.ndarray],
    others: Sequence[np.ndarray],
    fresh: Sequence[np.ndarray],
    features: np.ndarray | None,
    image: np.ndarray,
    places: np.ndarray,
    count: int,
) -> dict[str, np.ndarray]:
    """All segments of one image, `[64, 64]` each, below `count`.

    Args:
        maps, others, fresh: Per layer `[h, w, k]`: of the image, of another one, and of the untrained network.
        features: `[h, w, channels]` or None.
        image: uint8 `[64, 64, 3]`.
        places: Clusters of the position alone.
        count: Clusters of features and colours.
    """
    found = {}
    if maps:
        found = {COMBINED: combined(maps)}
        found |= {f"layer {index}": resized(layer.argmax(axis=-1)) for index, layer in enumerate(maps)}
        found |= {OTHER_IMAGE: combined(others), UNTRAINED: combined(fresh)}
    if features is not None:
        found[FEATURES] = resized(clusters_of_features(features, count))
    return found | {COLOURS: clusters_of_features(image, count), PLACES: places}


# Numbers of one kind of segments: overlap and Rand index, each with 1 where it is known and else twice 0; then per
# segment its pixels of the commonest object, and of all objects.
def width(count: int) -> int:
    """How many numbers `numbers_of` gives."""
    return 4 + 2 * count


def numbers_of(objects: np.ndarray, segments: np.ndarray, count: int) -> np.ndarray:
    """How segments fall on the objects of one image, float32 `[width(count)]`."""
    scores = []
    for value in (matched_iou(objects, segments, count), foreground_ari(objects, segments, count)):
        scores += [0.0, 0.0] if np.isnan(value) else [value, 1.0]
    return np.concatenate([scores, *component_purity(objects, segments, count)]).astype(np.float32)


def summary(rows: np.ndarray) -> dict[str, tuple[float, float]]:
    """(mean, half of the 95 % interval) over images of "iou", "ari" and "purity", from rows of `numbers_of`.

    Purity of an image is that over all its object pixels; images that do not say a number are left out of it.
    """
    best, everything = np.split(np.asarray(rows[:, 4:], np.float64), 2, axis=1)
    pixels = everything.sum(axis=1)
    purity = best.sum(axis=1) / np.maximum(pixels, 1)
    columns = {"iou": (rows[:, 0], rows[:, 1]), "ari": (rows[:, 2], rows[:, 3]), "purity": (purity, pixels)}
    return {name: mean_of(values[known > 0]) for name, (values, known) in columns.items()}


def components(rows: np.ndarray) -> Mapping[str, list[float]]:
    """Over all images, per component: its purity (0 where it has no object pixels), and its share of these pixels."""
    best, everything = np.split(np.asarray(rows[:, 4:], np.float64).sum(axis=0), 2)
    return {
        "purity": (best / np.maximum(everything, 1)).tolist(),
        "share": (everything / max(everything.sum(), 1)).tolist(),
    }


def mean_of(values: np.ndarray) -> tuple[float, float]:
    """Mean, and half of its 95 % interval by the normal distribution; 0 and 0 of nothing."""
    if not len(values):
        return 0.0, 0.0
    values = np.asarray(values, np.float64)
    spread = values.std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else 0.0
    return float(values.mean()), float(1.96 * spread)
