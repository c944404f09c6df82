"""Which rows and columns of an image are drawn, by families that draw any size: all of a size, or a window."""

from __future__ import annotations

from typing import Any

import numpy as np

Window = tuple[int, int, int, int]


def scaled_size(config: Any, scale: float) -> tuple[int, int]:
    """(height, width) of an image that is `scale` times as large as the ones of training.

    Raises:
        ValueError: The scale is not positive, or leaves no pixel.
    """
    if not (np.isfinite(scale) and scale > 0):
        raise ValueError(f"scale is {scale}; it must be greater than 0, and 1 is the size of training.")
    height, width = int(config.height * scale), int(config.width * scale)
    if min(height, width) < 1:
        raise ValueError(f"scale {scale} leaves no pixel of {config.height}x{config.width}; choose a larger one.")
    return height, width


def line_coordinates(config: Any, scale: float = 1.0, window: Window | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Where the rows and columns of an image lie: the longer side reaches from 0 to 1, both ends included.

    Args:
        config: Has the `height` and `width` of training.
        scale: Size of the image, as a factor.
        window: `(x0, y0, x1, y1)` in pixels of the scaled image, the last ones excluded; None: all of it.

    Returns:
        float32 `[rows]` and `[columns]`.

    Raises:
        ValueError: The scale leaves no pixel, or the window is empty or reaches beyond the image.
    """
    height, width = scaled_size(config, scale)
    last = max(height, width, 2) - 1
    x0, y0, x1, y1 = (0, 0, width, height) if window is None else window
    if not (0 <= x0 < x1 <= width and 0 <= y0 < y1 <= height):
        raise ValueError(
            f"the window {x0},{y0},{x1},{y1} does not lie in the image of {width}x{height} pixels; it is x0,y0,x1,y1 "
            f"with 0 <= x0 < x1 <= {width} and 0 <= y0 < y1 <= {height}."
        )
    rows, columns = np.arange(y0, y1) / last, np.arange(x0, x1) / last
    return rows.astype(np.float32), columns.astype(np.float32)
