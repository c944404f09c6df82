"""Augmentation of one training run: which kind, and how p is steered."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from gansformer_tf.config import TrainConfig
from gansformer_tf.training.augment.diffaug import diff_augment
from gansformer_tf.training.augment.pipe import PIPES, augment


class Augmentation:
    """What is done to every image before the discriminator sees it.

    Build it inside the strategy's scope: p and what it is steered by are variables.

    Args:
        config: `augment` is "none", "diffaug", "fixed" (p stays `augment_p`) or "ada" (p starts there and is steered
            so that the share of real images with a positive score, as the mean of their signs, is `ada_target`).

    Attributes:
        start: p at the beginning.
    """

    def __init__(self, config: TrainConfig) -> None:
        self.config = config
        self.start = config.augment_p if self.has_p else 0.0
        self.p = tf.Variable(self.start, dtype=tf.float32, trainable=False, name="augment_p")
        self.sign_sum = tf.Variable(0.0, trainable=False, name="augment_sign_sum")
        self.sign_count = tf.Variable(0.0, trainable=False, name="augment_sign_count")

    @property
    def active(self) -> bool:
        """Whether images are changed at all."""
        return self.config.augment != "none"

    @property
    def has_p(self) -> bool:
        """Whether images are changed with probability p; DiffAugment changes all of them."""
        return self.config.augment in ("fixed", "ada")

    def state(self) -> dict[str, tf.Variable]:
        """Variables to save, by name."""
        return {"p": self.p, "sign_sum": self.sign_sum, "sign_count": self.sign_count}

    def start_over(self) -> None:
        """Forgets what p was steered to, where a resumed run is given another kind of augmentation or another p."""
        self.p.assign(self.start)
        self.sign_sum.assign(0.0)
        self.sign_count.assign(0.0)

    def __call__(self, images: tf.Tensor, draw: Any) -> tf.Tensor:
        """Augments images `[batch, height, width, channels]`."""
        if not self.active:
            return images
        images = tf.cast(images, tf.float32)
        if self.config.augment == "diffaug":
            return diff_augment(images, draw)
        return augment(images, draw, PIPES[self.config.augment_pipe], self.p.read_value())

    def observe(self, real_sign: tf.Tensor, taken: Any = True) -> None:
        """Steers p; call it in cross-replica context, once per step.

        Args:
            real_sign: Mean sign of the scores of the step's real images.
            taken: False where the step is not: then this one is not counted.
        """
        config = self.config
        if config.augment != "ada":
            return
        weight = tf.cast(taken, tf.float32)
        self.sign_sum.assign_add(tf.math.multiply_no_nan(real_sign, weight))
        self.sign_count.assign_add(weight)

        def adjust() -> tf.Tensor:
            mean = self.sign_sum / self.sign_count
            change = config.batch_size * config.ada_interval / (config.ada_kimg * 1000.0)
            moved = self.p + tf.sign(mean - config.ada_target) * change
            self.p.assign(tf.clip_by_value(moved, 0.0, config.ada_max_p))
            self.sign_sum.assign(0.0)
            self.sign_count.assign(0.0)
            return tf.constant(True)

        tf.cond(self.sign_count.read_value() >= config.ada_interval, adjust, lambda: tf.constant(False))
