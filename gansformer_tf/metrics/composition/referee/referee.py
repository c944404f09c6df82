"""Images to the objects in them."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import keras
import numpy as np
from PIL import Image

from gansformer_tf.drawing.compiled import compiled
from gansformer_tf.files import sha256_of
from gansformer_tf.metrics.composition.referee.instances import Found, found_in
from gansformer_tf.metrics.composition.referee.network import WEIGHTS, load
from gansformer_tf.metrics.composition.referee.scheme import SIDE

BATCH = 16  # always as many, so that a result does not depend on how images arrive


class Referee:
    """Finds the objects of scenes.

    Args:
        path: Its weights; the ones that ship.
        device: Where to compute; None leaves it to Keras.

    Raises:
        MetricError: The weights cannot be read.
    """

    def __init__(self, path: Path = WEIGHTS, device: str | None = None) -> None:
        self.device, self.sha256 = device, sha256_of(path)
        with self._device():
            model = load(path)
        self._run = compiled(lambda images: model(images, training=False))

    def __call__(self, images: np.ndarray) -> list[Found]:
        """The objects in images, uint8 `[N, h, w, 3]`, square ones of any size; masks are of 64x64 pixels."""
        images, found = scaled(images), []
        for start in range(0, len(images), BATCH):
            part = images[start : start + BATCH]
            filled = np.concatenate([part, np.repeat(part[-1:], BATCH - len(part), axis=0)]).astype(np.float32)
            with self._device():
                outputs = keras.ops.convert_to_numpy(self._run(filled))
            found += [found_in(output) for output in outputs[: len(part)]]
        return found

    def _device(self) -> Any:
        return keras.device(self.device) if self.device else nullcontext()


def scaled(images: np.ndarray) -> np.ndarray:
    """Images uint8 `[N, h, w, 3]` at 64x64 pixels: means of areas of larger ones, smaller ones bilinear."""
    if images.shape[1:3] == (SIDE, SIDE):
        return images
    how = Image.Resampling.BOX if images.shape[1] > SIDE else Image.Resampling.BILINEAR
    return np.stack([np.asarray(Image.fromarray(image).resize((SIDE, SIDE), how)) for image in images])
