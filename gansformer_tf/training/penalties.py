"""Gradient penalties of the discriminator and the path-length term of the generator.

All of them are evaluated in float32 whatever the precision of the networks: a squared gradient leaves the range of
half-precision types quickly.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import tensorflow as tf

# Scores of a batch of images: [batch, height, width, channels] -> [batch, 1]
ScoreFunction = Callable[[tf.Tensor], tf.Tensor]


def squared_gradient_norms(score: ScoreFunction, images: tf.Tensor) -> tf.Tensor:
    """Squared length of d score / d image for every sample: [batch]."""
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(images)
        # A sample's score depends on its batch mates only through the minibatch statistics, so the gradient of the
        # sum is the per-sample gradient that the published code uses.
        total = tf.reduce_sum(tf.cast(score(images), tf.float32))
    gradients = tf.cast(tape.gradient(total, images), tf.float32)
    return tf.reduce_sum(tf.square(gradients), axis=[1, 2, 3])


class Judged:
    """What the gradient penalties of a batch are made of; each part is made when one first asks for it.

    Args:
        real: Real images, `[batch, height, width, channels]`.
        fake: Makes as many generated ones.
        mix: Makes mixing factors in [0, 1], `[batch]`.
        score: Makes the discriminator as a function of images.

    Attributes:
        real, fake, mix, score: As above.
    """

    def __init__(
        self,
        real: tf.Tensor,
        fake: Callable[[], tf.Tensor],
        mix: Callable[[], tf.Tensor],
        score: Callable[[], ScoreFunction],
    ) -> None:
        self.real = real
        self._fake, self._mix, self._score = fake, mix, score

    @cached_property
    def fake(self) -> tf.Tensor:
        return self._fake()

    @cached_property
    def mix(self) -> tf.Tensor:
        return self._mix()

    @cached_property
    def score(self) -> ScoreFunction:
        return self._score()


# Penalties, `[batch]` and without the weight gamma; `config.objectives` names them.


def r1(batch: Judged) -> tf.Tensor:
    """Half the squared gradient at real images (Mescheder et al. 2018, eq. 9)."""
    return 0.5 * squared_gradient_norms(batch.score, batch.real)


def r2(batch: Judged) -> tf.Tensor:
    """The same at generated images."""
    fake = batch.fake
    return 0.5 * squared_gradient_norms(batch.score, fake)


def gp(batch: Judged) -> tf.Tensor:
    """Distance of the gradient's length from one between the two, squared (Gulrajani et al. 2017, eq. 3)."""
    points = batch.real + (batch.fake - batch.real) * tf.reshape(batch.mix, [-1, 1, 1, 1])
    return tf.square(_safe_sqrt(squared_gradient_norms(batch.score, points)) - 1.0)


def path_lengths(
    synthesize: Callable[[tf.Tensor], tf.Tensor], w: tf.Tensor, noise: tf.Tensor, unread_layers: int = 0
) -> tf.Tensor:
    """Length of the image change per unit step of w (Karras et al. 2020, section 3.2).

    Args:
        synthesize: Maps w to images.
        w: `[batch, components, layers, dim]`.
        noise: Standard normal numbers of the images' shape.
        unread_layers: First layers that are left out of the average, since no layer reads their w.

    Returns:
        `[batch]`: root of the squared gradient, summed over dim and averaged over components and layers.
    """
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(w)
        images = tf.cast(synthesize(w), tf.float32)
        pixels = tf.cast(tf.shape(images)[1] * tf.shape(images)[2], tf.float32)
        total = tf.reduce_sum(images * noise) / tf.sqrt(pixels)
    gradients = tf.cast(tape.gradient(total, w), tf.float32)[:, :, unread_layers:]
    return _safe_sqrt(tf.reduce_mean(tf.reduce_sum(tf.square(gradients), axis=3), axis=[1, 2]))


def update_path_mean(running_mean: tf.Tensor, batch_mean: tf.Tensor, decay: float) -> tf.Tensor:
    """The running mean of the path length after one batch."""
    return running_mean + decay * (batch_mean - running_mean)


def path_length_loss(
    lengths: tf.Tensor, batch_mean: tf.Tensor, running_mean: tf.Tensor, decay: float, weight: float
) -> tf.Tensor:
    """Per-sample terms whose mean has the gradient of `weight * mean((length - m)^2)`.

    `m` is the updated running mean, and as in the published code the gradient also flows through it. `m` depends on the
    whole global batch, of which this function may see only a part; so the dependence is written out: with
    `u` the batch mean and `decay` the update rate, the derivative with respect to one length is
    `2 * weight * (length - m - decay * (u - m)) / batch`.

    Args:
        lengths: Path lengths of the samples at hand, `[n]`.
        batch_mean: Mean length over the global batch.
        running_mean: Running mean before this batch.

    Returns:
        `[n]`: values are `weight * (length - m)^2`, gradients as above times the batch size.
    """
    mean = tf.stop_gradient(update_path_mean(running_mean, batch_mean, decay))
    drift = decay * (tf.stop_gradient(batch_mean) - mean)
    value = weight * tf.square(tf.stop_gradient(lengths) - mean)
    slope = 2.0 * weight * (tf.stop_gradient(lengths) - mean - drift)
    return value + slope * (lengths - tf.stop_gradient(lengths))


def _safe_sqrt(x: tf.Tensor) -> tf.Tensor:
    """Square root whose gradient at 0 is 0 in place of infinity."""
    positive = x > 0.0
    return tf.where(positive, tf.sqrt(tf.where(positive, x, 1.0)), 0.0)
