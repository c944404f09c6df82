"""Blur of what the discriminator sees at the beginning of training (StyleGAN3, Karras et al. 2021, appendix E.2)."""

from __future__ import annotations

import math
from typing import Any

import tensorflow as tf

REACH = 3.0  # standard deviations at which the filter ends


def blur_sigma(images_seen: Any, initial: float, fade_kimg: float) -> tf.Tensor:
    """Width of the blur in pixels: from `initial` to 0 within `fade_kimg` thousand images, linearly."""
    return tf.maximum(1.0 - tf.cast(images_seen, tf.float32) / (fade_kimg * 1000.0), 0.0) * initial


def blurred(images: tf.Tensor, sigma: tf.Tensor, largest: float) -> tf.Tensor:
    """Images convolved with `2 ** -(d / sigma) ** 2` along both axes, with zeros beyond their borders.

    Args:
        images: `[batch, height, width, channels]`.
        sigma: Width in pixels, a scalar; below a third of a pixel nothing is blurred.
        largest: No `sigma` is larger.

    Returns:
        The same shape.
    """

    def blur() -> tf.Tensor:
        # a product with a band matrix: its width may change from step to step, and it can be differentiated again
        rows, columns = (_band_matrix(size, sigma, largest) for size in images.shape[1:3])
        x = tf.einsum("ij,bjwc->biwc", rows, images)
        return tf.einsum("ij,bhjc->bhic", columns, x)

    return tf.cond(sigma * REACH >= 1.0, blur, lambda: images)


def _band_matrix(size: int, sigma: tf.Tensor, largest: float) -> tf.Tensor:
    reach = math.floor(REACH * largest)
    total = tf.reduce_sum(_taps(tf.range(-reach, reach + 1), sigma))
    places = tf.range(size)
    return _taps(places[:, None] - places[None], sigma) / total


def _taps(distances: tf.Tensor, sigma: tf.Tensor) -> tf.Tensor:
    distances = tf.cast(distances, tf.float32)
    taps = tf.exp(-math.log(2.0) * tf.square(distances / sigma))
    return tf.where(tf.abs(distances) <= tf.floor(REACH * sigma), taps, 0.0)
