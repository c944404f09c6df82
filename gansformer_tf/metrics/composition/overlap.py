"""Objects matched to segments, one to one, so that their overlap is as large as it can be."""

from __future__ import annotations

import numpy as np


def assignment(gains: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows paired with columns so that the sum of the gains is largest; `min(rows, columns)` pairs.

    The Hungarian method with shortest augmenting paths (Kuhn 1955; Jonker and Volgenant 1987), O(n^2 m): the tables
    here have ten rows, so SciPy is not asked for.

    Args:
        gains: `[rows, columns]`, finite.

    Returns:
        The rows, sorted, and the column of each.
    """
    if gains.shape[0] > gains.shape[1]:
        columns, rows = assignment(gains.T)
        order = np.argsort(rows)
        return rows[order], columns[order]
    costs = -np.asarray(gains, np.float64)
    n, m = costs.shape
    row_price, column_price = np.zeros(n + 1), np.zeros(m + 1)
    owner = np.zeros(m + 1, int)  # the row (from 1) of each column (from 1); 0: free
    for row in range(1, n + 1):
        owner[0], column = row, 0
        shortest, before, visited = np.full(m + 1, np.inf), np.zeros(m + 1, int), np.zeros(m + 1, bool)
        while owner[column]:
            visited[column] = True
            reduced = costs[owner[column] - 1] - row_price[owner[column]] - column_price[1:]
            better = ~visited[1:] & (reduced < shortest[1:])
            shortest[1:][better], before[1:][better] = reduced[better], column
            following = int(np.argmin(np.where(visited, np.inf, np.append(np.inf, shortest[1:]))))
            step = shortest[following]
            row_price[owner[visited]] += step
            column_price[visited] -= step
            shortest[~visited] -= step
            column = following
        while column:
            owner[column] = owner[before[column]]
            column = before[column]
    taken = np.flatnonzero(owner[1:])
    order = np.argsort(owner[1:][taken])
    return owner[1:][taken][order] - 1, taken[order]


def iou_table(objects: np.ndarray, segments: np.ndarray, num_segments: int) -> np.ndarray:
    """Intersection over union of every object with every segment, float64 `[objects, num_segments]`.

    Args:
        objects: Whole numbers `[...]`: 0 is background, 1, 2, ... are the objects.
        segments: Of the same shape, 0 to `num_segments - 1`.
    """
    shared = overlap_table(objects, segments, num_segments)
    united = shared.sum(axis=1, keepdims=True) + shared.sum(axis=0, keepdims=True) - shared
    return (shared / np.maximum(united, 1))[1:]


def overlap_table(objects: np.ndarray, segments: np.ndarray, num_segments: int) -> np.ndarray:
    """Pixels that background (row 0) and objects share with every segment, `[objects + 1, num_segments]`."""
    rows = int(objects.max(initial=0)) + 1
    index = objects.reshape(-1).astype(np.int64) * num_segments + segments.reshape(-1)
    return np.bincount(index, minlength=rows * num_segments).reshape(rows, num_segments)


def matched_iou(objects: np.ndarray, segments: np.ndarray, num_segments: int) -> float:
    """Mean IoU of the objects of one image with the segments matched to them one to one; an object without one has 0.

    The matching maximises the sum of the IoU (Hungarian-matched mIoU, as in the literature of object discovery: Kipf
    et al. 2022, "Conditional Object-Centric Learning from Video"). The background is no object.

    Returns:
        0 to 1; NaN for an image without objects.
    """
    table = iou_table(objects, segments, num_segments)
    if not len(table):
        return float("nan")
    rows, columns = assignment(table)
    return float(table[rows, columns].sum() / len(table))
