"""A feature network of one matrix, and a tiny data set: whole evaluations in a second."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from gansformer_tf.config.data import PrepareConfig
from gansformer_tf.data.prepare.prepare import prepare
from gansformer_tf.data.sources.scenes import SceneSource
from gansformer_tf.metrics.networks import FeatureNetwork

SIDE, FEATURES, CLASSES = 4, 6, 5


def tiny_network(batch_size: int = 8, with_logits: bool = True, label: str = "tiny") -> FeatureNetwork:
    """Averages over 4x4 cells, then a seeded matrix: features that are linear in the image."""
    random = np.random.RandomState(0)
    image = keras.Input((SIDE, SIDE, 3))
    flat = keras.layers.Flatten()(image)
    outputs = []
    for width in (FEATURES, CLASSES) if with_logits else (FEATURES,):
        dense = keras.layers.Dense(width)
        outputs.append(dense(flat))
        dense.set_weights([random.randn(SIDE * SIDE * 3, width) / 100, np.zeros(width)])

    def prepared(images: tf.Tensor) -> tf.Tensor:
        return tf.image.resize(tf.cast(images, tf.float32), (SIDE, SIDE), method="area")

    return FeatureNetwork(label, keras.Model(image, outputs), prepared, "0" * 64, "cells", batch_size)


def tiny_dataset(folder: Path, count: int = 24, side: int = 16) -> Path:
    """The data set `scenes` in `folder`."""
    prepare(SceneSource(count, (side, side)), PrepareConfig(name="scenes", resolution=side, encoding="png"), folder)
    return folder / "scenes"
