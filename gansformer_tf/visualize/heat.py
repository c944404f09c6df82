"""Numbers per pixel as colours."""

from __future__ import annotations

import matplotlib
import numpy as np


def heat_map(values: np.ndarray, maximum: float | None = None) -> np.ndarray:
    """Colours from black (0) over red and yellow to white (`maximum`), readable in print and without colour sight.

    Args:
        values: float `[height, width]`, not negative.
        maximum: Value of the brightest colour; None takes the largest value.

    Returns:
        uint8 `[height, width, 3]`.
    """
    maximum = float(values.max()) if maximum is None else maximum
    scaled = np.clip(values / max(maximum, 1e-12), 0.0, 1.0)
    return np.rint(matplotlib.colormaps["inferno"](scaled)[..., :3] * 255).astype(np.uint8)


def change_map(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """How much each pixel changed, averaged over the channels.

    Args:
        before: uint8 `[height, width, channels]`.
        after: Shaped as `before`.

    Returns:
        float32 `[height, width]` in 0..255.
    """
    return np.abs(after.astype(np.float32) - before.astype(np.float32)).mean(axis=-1)
