"""Images that VQGAN is not trained on: what both stages make of them."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from gansformer_tf.config import DataConfig
from gansformer_tf.data.read.pipeline import training_dataset
from gansformer_tf.drawing.pixels import to_uint8
from gansformer_tf.training.gradients import to_float
from gansformer_tf.training.vqgan.stage2 import cross_entropy


class HeldOut:
    """Measures and shows a generator's work on held-out images.

    Args:
        generator: `VQGAN`.
        data: The data set.
        count: How many of its images are held out.
        batch_size: Images at once.
    """

    def __init__(self, generator: Any, data: DataConfig, count: int, batch_size: int) -> None:
        self.generator, self.data = generator, data
        self.count, self.batch_size = count, min(batch_size, count)
        self.means = tf.function(self._means, autograph=False)
        self._remake = tf.function(lambda images: generator.reconstruct(to_float(images)), autograph=False)
        self._batches: list[tuple[tf.Tensor, tf.Tensor]] | None = None

    def batches(self) -> list[tuple[tf.Tensor, tf.Tensor]]:
        """Images uint8 with their labels; read once."""
        if self._batches is None:
            data = self.data
            dataset = training_dataset(
                Path(data.data_dir) / data.dataset,
                batch_size=self.batch_size,
                seed=0,
                max_images=data.max_images,
                ratio=data.ratio,
                use_labels=data.use_labels,
                held_out=self.count,
                only_held_out=True,
            )
            number = math.ceil(self.count / self.batch_size)
            self._batches = [(batch["image"], batch["label"]) for batch in dataset.take(number)]
        return self._batches

    def measure(self) -> tuple[float, float]:
        """Absolute error of reconstructions, and cross-entropy in nats per code, means over the images."""
        found = [np.asarray(self.means(images, labels)) for images, labels in self.batches()]
        error, entropy = np.mean(found, axis=0)
        return float(error), float(entropy)

    def remade(self, count: int) -> np.ndarray:
        """Reconstructions uint8 `[count, height, width, channels]`, from the first on, and round again."""
        images: list[np.ndarray] = []
        for batch, _ in self.batches():
            if len(images) < count:
                images += list(to_uint8(np.asarray(self._remake(batch))))
        return np.resize(np.stack(images), (count, *images[0].shape))

    def _means(self, images: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        images = to_float(images)
        made, _, codes = self.generator.autoencoder(images)
        error = tf.reduce_mean(tf.abs(images - made))
        codes = tf.reshape(codes, [-1, self.generator.config.num_tokens])
        labels = labels if labels.shape[-1] else None
        return tf.stack([error, cross_entropy(self.generator.transformer, codes, labels)])
