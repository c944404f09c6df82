"""An item of a source as an image of the wanted size and channels."""

from __future__ import annotations

import numpy as np
from PIL import Image

from gansformer_tf.data.images.conversions import conversions
from gansformer_tf.data.images.decode import decode, from_array, is_deep_png
from gansformer_tf.data.images.fit import fit


def fitted(
    encoded: bytes | None,
    array: np.ndarray | None,
    size: tuple[int, int],
    *,
    channels: int,
    mode: str,
    resize_filter: str,
    value_range: tuple[float, float] | None = None,
) -> tuple[Image.Image, tuple[str, ...]]:
    """The image, and what was changed of it, in words.

    Args:
        encoded, array: A file or pixels; exactly one of them.
        size: (height, width).
        channels, mode, resize_filter: See `fit`.
        value_range: See `from_array`.

    Raises:
        BadImageError: It cannot be decoded or used.
    """
    if encoded is not None:
        image, deep = decode(encoded), is_deep_png(encoded)
    else:
        assert array is not None
        image, deep = from_array(array, value_range), array.dtype == np.uint16
    converted = conversions(image, channels, deep)
    return fit(image, size, channels=channels, mode=mode, resize_filter=resize_filter), converted
