"""DiffAugment (Zhao et al. 2020): colour, translation and cutout, always on, for every image the discriminator sees."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

SHIFT_RATIO = 0.125  # largest shift, of the image size
CUTOUT_RATIO = 0.5  # side of the rectangle, of the image size


def diff_augment(images: tf.Tensor, draw: Any) -> tf.Tensor:
    """Augments a batch.

    Args:
        images: float `[batch, height, width, channels]` in [-1, 1], batch and sizes static.
        draw: Source of random numbers with `uniform(shape)`.

    Returns:
        As `images`; differentiable with respect to them.
    """
    return _cutout(_translation(_color(images, draw), draw), draw)


def _color(images: tf.Tensor, draw: Any) -> tf.Tensor:
    shape = (images.shape[0], 1, 1, 1)
    images = images + (draw.uniform(shape) - 0.5)
    grey = tf.reduce_mean(images, axis=3, keepdims=True)
    images = (images - grey) * (draw.uniform(shape) * 2.0) + grey  # saturation
    mean = tf.reduce_mean(images, axis=[1, 2, 3], keepdims=True)
    return (images - mean) * (draw.uniform(shape) + 0.5) + mean  # contrast


def _translation(images: tf.Tensor, draw: Any) -> tf.Tensor:
    """Shifts by whole pixels; zeros come in."""
    batch, height, width, _ = images.shape
    reach_y, reach_x = int(height * SHIFT_RATIO + 0.5), int(width * SHIFT_RATIO + 0.5)
    rows = tf.range(height)[None] + _integers(draw, batch, 2 * reach_y + 1) - reach_y
    columns = tf.range(width)[None] + _integers(draw, batch, 2 * reach_x + 1) - reach_x
    # Row 0 and the last one of the padded image are zero; whatever lies outside is taken from there.
    padded = tf.pad(images, [[0, 0], [1, 1], [1, 1], [0, 0]])
    padded = tf.gather(padded, tf.clip_by_value(rows + 1, 0, height + 1), axis=1, batch_dims=1)
    padded = tf.transpose(padded, [0, 2, 1, 3])
    padded = tf.gather(padded, tf.clip_by_value(columns + 1, 0, width + 1), axis=1, batch_dims=1)
    return tf.ensure_shape(tf.transpose(padded, [0, 2, 1, 3]), images.shape)


def _cutout(images: tf.Tensor, draw: Any) -> tf.Tensor:
    """Sets a rectangle to zero; it may reach over the border."""
    batch, height, width, _ = images.shape
    size_y, size_x = int(height * CUTOUT_RATIO + 0.5), int(width * CUTOUT_RATIO + 0.5)
    top = _integers(draw, batch, height + 1 - size_y % 2) - size_y // 2
    left = _integers(draw, batch, width + 1 - size_x % 2) - size_x // 2
    rows, columns = tf.range(height)[None], tf.range(width)[None]
    inside_y = (rows >= top) & (rows < top + size_y)
    inside_x = (columns >= left) & (columns < left + size_x)
    inside = inside_y[:, :, None] & inside_x[:, None, :]
    return tf.where(inside[..., None], 0.0, images)


def _integers(draw: Any, batch: int, count: int) -> tf.Tensor:
    """Uniform integers from 0 to `count - 1`, `[batch, 1]`."""
    return tf.cast(draw.uniform((batch, 1)) * count, tf.int32)
