"""LPIPS, the perceptual distance that the published stage 1 is trained with."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

VGG16_WIDTHS = (64, 128, 256, 512, 512)
VGG16_DEPTHS = (2, 2, 3, 3, 3)  # convolutions per slice
# Mean and spread of the images that the network was made for, in [-1, 1].
SHIFT = np.array([-0.030, -0.088, -0.188], np.float32)
SCALE = np.array([0.458, 0.448, 0.450], np.float32)
_SHORTEST = 1e-10


@keras.saving.register_keras_serializable("gansformer_tf")
class PerceptualDistance(keras.Model):
    """Weighted difference of features with the topology of VGG-16 (LPIPS, Zhang et al. 2018).

    Nothing in it is trained. Its weights are those of somebody's VGG-16 and of the five published 1x1 convolutions; a
    fresh one has random numbers and means nothing.

    Args:
        widths: Channels of the five slices.

    Call arguments:
        first, second: `[batch, height, width, 3]` in [-1, 1]; one channel counts as three equal ones.

    Returns:
        `[batch]`, float32, at least 0.
    """

    def __init__(self, widths: tuple[int, ...] = VGG16_WIDTHS, **kwargs: Any) -> None:
        kwargs.setdefault("name", "perceptual_distance")
        super().__init__(**kwargs)
        self.widths = tuple(widths)
        self.slices: list[list[keras.layers.Conv2D]] = []
        self.heads: list[keras.layers.Dense] = []
        channels = len(SHIFT)
        for index, (width, depth) in enumerate(zip(self.widths, VGG16_DEPTHS, strict=True), start=1):
            layers = []
            for position in range(depth):
                name = f"slice{index}_{position}"
                layer = keras.layers.Conv2D(width, 3, padding="same", activation="relu", name=name)
                layer.build((None, None, None, channels))
                layers.append(layer)
                channels = width
            self.slices.append(layers)
            head = keras.layers.Dense(1, use_bias=False, name=f"head{index}")
            head.build((None, None, None, width))
            self.heads.append(head)
        self.trainable = False
        self.built = True

    def call(self, first: Any, second: Any) -> Any:
        total = 0.0
        a, b = self._scaled(first), self._scaled(second)
        for index, (layers, head) in enumerate(zip(self.slices, self.heads, strict=True)):
            if index > 0:
                a, b = ops.max_pool(a, 2, 2), ops.max_pool(b, 2, 2)
            for layer in layers:
                a, b = layer(a), layer(b)
            total = total + ops.mean(head(ops.square(_unit(a) - _unit(b))), axis=(1, 2, 3))
        return total

    def _scaled(self, images: Any) -> Any:
        return (ops.cast(images, "float32") - SHIFT) / SCALE

    def get_config(self) -> dict[str, Any]:
        return {"widths": self.widths, "name": self.name}


def _unit(features: Any) -> Any:
    """Features of length one per position. The root has a finite slope where all features are 0, unlike the original's,
    whose not-a-number a mask takes away there and not everywhere."""
    squared = ops.sum(ops.square(features), axis=-1, keepdims=True)
    length = ops.sqrt(ops.maximum(squared, _SHORTEST**2))
    return features / (ops.where(squared > 0, length, 0.0) + _SHORTEST)
