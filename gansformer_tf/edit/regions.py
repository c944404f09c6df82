"""Attention maps as a segmentation: masks of components, or pixels that listen alike over all layers.

Nothing is trained: the maps are those of the model as it draws.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gansformer_tf.visualize.attention_maps import enlarge_attention

MAX_REGIONS = 32  # as many colours can be told apart
_FITTED_PIXELS = 50_000  # that centres are found from; all are assigned then
_ROUNDS = 30


def masks(maps: Sequence[np.ndarray], height: int, width: int) -> np.ndarray:
    """The component that each pixel listens to most in the last layer.

    Args:
        maps: Per attended layer, from coarse to fine, `[batch, heads, h, w, components]`.
        height, width: Of the images.

    Returns:
        uint8 `[batch, height, width]`.
    """
    last = np.mean(maps[-1], axis=1)
    return np.stack([enlarge_attention(one, height, width).argmax(axis=-1) for one in last]).astype(np.uint8)


def cluster(maps: Sequence[np.ndarray], regions: int, height: int, width: int) -> np.ndarray:
    """K-means over the maps of all layers; a region has the same number in every image.

    Args:
        maps: As for `masks`.
        regions: How many, 2 to 32.
        height, width: Of the images.

    Returns:
        uint8 `[batch, height, width]`, regions numbered from the largest.

    Raises:
        ValueError: Another number of regions.
    """
    if not 2 <= regions <= MAX_REGIONS:
        raise ValueError(f"--segment {regions}: give 2 to {MAX_REGIONS} regions.")
    features = np.concatenate([_enlarged(layer, height, width) for layer in maps], axis=-1)
    # What an image attends to as a whole tells images apart, and not their places.
    features = features - features.mean(axis=(1, 2), keepdims=True)
    batch, size = len(features), features.shape[-1]
    points = features.reshape(-1, size)
    random = np.random.RandomState(0)
    chosen = points
    if len(points) > _FITTED_PIXELS:
        chosen = points[np.sort(random.choice(len(points), _FITTED_PIXELS, replace=False))]
    labels = _nearest(points, _centres(chosen, regions, random))
    order = np.argsort(-np.bincount(labels, minlength=regions), kind="stable")
    return np.argsort(order)[labels].astype(np.uint8).reshape(batch, height, width)


def coco(labels: np.ndarray, files: Sequence[str], names: Sequence[str]) -> dict[str, Any]:
    """Regions as COCO writes them: one annotation for each region of each image, its mask run-length encoded.

    Args:
        labels: uint8 `[batch, height, width]`.
        files: Name of each image.
        names: Name of each region.
    """
    height, width = labels.shape[1:]
    annotations: list[dict[str, Any]] = []
    for image, regions in enumerate(labels):
        for region in np.unique(regions):
            mask = regions == region
            rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
            x, y = int(columns[0]), int(rows[0])
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image + 1,
                    "category_id": int(region) + 1,
                    "segmentation": {"size": [height, width], "counts": run_lengths(mask)},
                    "area": int(mask.sum()),
                    "bbox": [x, y, int(columns[-1]) - x + 1, int(rows[-1]) - y + 1],
                    "iscrowd": 1,  # which is how COCO marks masks that are run-length encoded
                }
            )
    return {
        "images": [
            {"id": index + 1, "file_name": file, "height": height, "width": width} for index, file in enumerate(files)
        ],
        "categories": [{"id": index + 1, "name": name} for index, name in enumerate(names)],
        "annotations": annotations,
    }


def run_lengths(mask: np.ndarray) -> list[int]:
    """Lengths of runs of 0 and 1 in turn, column by column, beginning with 0: COCO's uncompressed RLE."""
    flat = np.concatenate([[0], np.asarray(mask, np.int8).ravel(order="F"), [0]])
    changes = np.flatnonzero(np.diff(flat)).tolist()
    ends = [*changes, mask.size] if not changes or changes[-1] != mask.size else changes
    return [int(count) for count in np.diff([0, *ends])]


def _enlarged(layer: np.ndarray, height: int, width: int) -> np.ndarray:
    """`[batch, heads, h, w, k]` as `[batch, height, width, k]`, the mean over heads."""
    return np.stack([enlarge_attention(one, height, width) for one in np.mean(layer, axis=1)])


def _centres(points: np.ndarray, count: int, random: np.random.RandomState) -> np.ndarray:
    """Lloyd's algorithm from the start of k-means++."""
    centres = points[[random.randint(len(points))]]
    while len(centres) < count:
        distance = _distances(points, centres).min(axis=1)
        total = distance.sum()
        place = random.choice(len(points), p=distance / total) if total > 0 else random.randint(len(points))
        centres = np.concatenate([centres, points[[place]]])
    for _ in range(_ROUNDS):
        labels = _nearest(points, centres)
        moved = np.stack(
            [points[labels == index].mean(0) if (labels == index).any() else centres[index] for index in range(count)]
        )
        if np.allclose(moved, centres, atol=1e-6):
            break
        centres = moved
    return centres


def _nearest(points: np.ndarray, centres: np.ndarray) -> np.ndarray:
    return _distances(points, centres).argmin(axis=1)


def _distances(points: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Squared distances `[points, centres]`."""
    squared = np.square(points).sum(1)[:, None] - 2 * points @ centres.T + np.square(centres).sum(1)
    return np.maximum(squared, 0)
