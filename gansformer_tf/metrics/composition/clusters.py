"""Segments that know nothing of attention, to compare with: k-means over places, colours and features."""

from __future__ import annotations

import numpy as np

ROUNDS = 20


def kmeans(points: np.ndarray, count: int, seed: int = 0) -> np.ndarray:
    """Cluster of every point, whole numbers `[N]` below `count`.

    Lloyd's rounds (1982) from k-means++ (Arthur and Vassilvitskii 2007); the same points give the same clusters.

    Args:
        points: `[N, D]`.
        count: Clusters; fewer are used where there are fewer distinct points.
        seed: Of the first middles.
    """
    points = np.asarray(points, np.float64)
    random, middles = np.random.RandomState(seed), [points[len(points) // 2]]
    near = np.square(points - middles[0]).sum(axis=1)
    while len(middles) < count and near.sum() > 0:
        middles.append(points[random.choice(len(points), p=near / near.sum())])
        near = np.minimum(near, np.square(points - middles[-1]).sum(axis=1))
    centres, names = np.stack(middles), np.zeros(len(points), int)
    for turn in range(ROUNDS):
        far = np.square(centres).sum(axis=1) - 2 * points @ centres.T  # but for a number of the point alone
        found = far.argmin(axis=1)
        if turn and np.array_equal(found, names):
            break
        names = found
        for name in np.unique(names):
            centres[name] = points[names == name].mean(axis=0)
    return names


def clusters_of_places(side: int, count: int) -> np.ndarray:
    """The image cut into regions of about one size, the same for every image, `[side, side]`."""
    return kmeans(np.argwhere(np.ones((side, side))), count).reshape(side, side)


def clusters_of_features(features: np.ndarray, count: int) -> np.ndarray:
    """Clusters of the features of one image, `[h, w, channels]`, each channel brought to a variance of 1; `[h, w]`."""
    points = np.asarray(features, np.float64).reshape(-1, features.shape[-1])
    deviation = points.std(axis=0)
    points = (points - points.mean(axis=0)) / np.where(deviation > 0, deviation, 1.0)
    return kmeans(points, count).reshape(features.shape[:2])
