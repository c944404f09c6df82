"""A few of many images, spread evenly."""

from __future__ import annotations

import numpy as np


def spread(total: int, limit: int | None) -> range | np.ndarray:
    """Indices of `limit` images spread evenly over all, so that a sorted source keeps all of its classes."""
    if limit is None or limit >= total:
        return range(total)
    return np.arange(limit, dtype=np.int64) * total // limit
