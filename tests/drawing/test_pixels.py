from __future__ import annotations

import numpy as np
import pytest

from gansformer_tf.drawing.pixels import to_uint8


def test_to_uint8_covers_the_range_and_clips():
    values = np.array([-2.0, -1.0, 0.0, 1.0, 3.0], np.float32).reshape(1, 5, 1)
    assert to_uint8(values).ravel().tolist() == [0, 0, 128, 255, 255]


def test_to_uint8_inverts_the_scaling_of_training_data():
    pixels = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
    assert np.array_equal(to_uint8(pixels.astype(np.float32) / 127.5 - 1.0), pixels)


def test_to_uint8_refuses_other_integers():
    with pytest.raises(ValueError, match="int32"):
        to_uint8(np.zeros((2, 2, 3), np.int32))
