"""Pixels of images as uint8."""

from __future__ import annotations

import numpy as np


def to_uint8(images: np.ndarray) -> np.ndarray:
    """Images in [-1, 1] as uint8; uint8 images are passed on as they are.

    Args:
        images: `[..., height, width, channels]`, float in [-1, 1] (values outside are clipped) or uint8.

    Raises:
        ValueError: Another integer type, whose range is unknown.
    """
    images = np.asarray(images)
    if images.dtype == np.uint8:
        return images
    if not np.issubdtype(images.dtype, np.floating):
        raise ValueError(f"images are {images.dtype}; give float in [-1, 1] or uint8 in 0..255.")
    return np.clip(np.rint((images.astype(np.float32) + 1.0) * 127.5), 0, 255).astype(np.uint8)
