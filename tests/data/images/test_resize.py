"""Resizing agrees with Pillow."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from gansformer_tf.data.images.resize import resize

FILTERS = {"lanczos": Image.Resampling.LANCZOS, "bicubic": Image.Resampling.BICUBIC}


@pytest.mark.parametrize("name", FILTERS)
@pytest.mark.parametrize("size", [(64, 64), (48, 64), (200, 180), (96, 31)])
def test_resizing_agrees_with_pillow(name, size):
    from gansformer_tf.data.scenes.render import render

    image = render([3], 128).images[0]
    expected = np.asarray(Image.fromarray(image).resize(size[::-1], FILTERS[name])).astype(int)
    difference = np.abs(resize(image, size, name) - expected)
    assert difference.max() <= 3 and (difference <= 1).mean() > 0.995


def test_resizing_keeps_flat_areas():
    for value in (0, 1, 254, 255):
        flat = np.full((37, 53, 3), value, np.uint8)
        assert (resize(flat, (16, 16)) == value).all()
