"""The stored encodings."""

from __future__ import annotations

import numpy as np
from PIL import Image

from gansformer_tf.data.images.decode import decode
from gansformer_tf.data.images.encode import encode
from tests.data.makers import random_image


def test_encodings():
    image = Image.fromarray(random_image(12))
    for encoding in ("png", "webp"):
        np.testing.assert_array_equal(np.asarray(decode(encode(image, encoding))), random_image(12))
    assert encode(image, "raw") == random_image(12).tobytes()
    assert np.abs(np.asarray(decode(encode(image, "jpeg"))).astype(int) - random_image(12)).mean() < 2
    assert len(encode(image, "jpeg", 30)) < len(encode(image, "jpeg"))
