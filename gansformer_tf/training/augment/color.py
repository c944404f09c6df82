"""Colour transformations of the adaptive augmentation, as matrices on (r, g, b, 1)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import tensorflow as tf

# The grey axis, around which hue turns.
_GREY = np.array([1.0, 1.0, 1.0, 0.0], np.float32) / math.sqrt(3.0)
_LUMA = np.outer(_GREY, _GREY).astype(np.float32)
_IDENTITY = np.eye(4, dtype=np.float32)


def draw_color_transform(draw: Any, strengths: Any, p: tf.Tensor, batch: int, channels: int) -> tf.Tensor | None:
    """Random colour transformation of each image.

    Args:
        draw: Source of random numbers with `uniform(shape)` and `normal(shape)`.
        strengths: `AugmentStrengths`; a transformation of strength 0 draws nothing.
        p: Probability, scalar.
        batch, channels: Of the images; hue and saturation need colour.

    Returns:
        `[batch, 4, 4]`, or None when all strengths are 0.
    """
    matrix = None

    def then(step: tf.Tensor) -> None:
        nonlocal matrix
        matrix = step if matrix is None else step @ matrix

    def gated(value: tf.Tensor, neutral: float, strength: float) -> tf.Tensor:
        gate = draw.uniform((batch, *[1] * (value.shape.rank - 1))) < strength * p
        return tf.where(gate, value, neutral)

    if strengths.brightness > 0:
        shift = gated(draw.normal((batch,)) * strengths.brightness_std, 0.0, strengths.brightness)
        column = tf.stack([shift, shift, shift, tf.zeros_like(shift)], axis=1)[:, :, None]
        then(_IDENTITY + column * tf.constant([[[0.0, 0.0, 0.0, 1.0]]]))
    if strengths.contrast > 0:
        factor = tf.exp(draw.normal((batch,)) * (strengths.contrast_std * math.log(2.0)))
        factor = gated(factor, 1.0, strengths.contrast)
        then(tf.linalg.diag(tf.stack([factor, factor, factor, tf.ones_like(factor)], axis=1)))
    if strengths.lumaflip > 0:
        flip = gated(tf.floor(draw.uniform((batch, 1, 1)) * 2.0), 0.0, strengths.lumaflip)
        then(_IDENTITY - 2.0 * _LUMA * flip)
    if strengths.hue > 0 and channels > 1:
        angle = (draw.uniform((batch,)) * 2.0 - 1.0) * (math.pi * strengths.hue_max)
        then(_rotation_about_grey(gated(angle, 0.0, strengths.hue)))
    if strengths.saturation > 0 and channels > 1:
        factor = tf.exp(draw.normal((batch, 1, 1)) * (strengths.saturation_std * math.log(2.0)))
        then(_LUMA + (_IDENTITY - _LUMA) * gated(factor, 1.0, strengths.saturation))
    return matrix


def transform(images: tf.Tensor, matrix: tf.Tensor) -> tf.Tensor:
    """Applies colour matrices.

    Args:
        images: `[batch, height, width, channels]`; of four channels the last (transparency) is left as it is.
        matrix: `[batch, 4, 4]`.
    """
    channels = images.shape[-1]
    if channels == 1:
        row = tf.reduce_mean(matrix[:, :3], axis=1)  # grey: the mean of the three outputs for equal inputs
        gain, shift = tf.reduce_sum(row[:, :3], axis=1), row[:, 3]
        return images * gain[:, None, None, None] + shift[:, None, None, None]
    color = tf.einsum("bhwc,bdc->bhwd", images[..., :3], matrix[:, :3, :3]) + matrix[:, None, None, :3, 3]
    return color if channels == 3 else tf.concat([color, images[..., 3:]], axis=-1)


def _rotation_about_grey(angle: tf.Tensor) -> tf.Tensor:
    """Rodrigues' formula around the grey axis."""
    x, y, z = (float(value) for value in _GREY[:3])
    cross = np.array([[0, -z, y, 0], [z, 0, -x, 0], [-y, x, 0, 0], [0, 0, 0, 0]], np.float32)
    plane = _IDENTITY - _LUMA - np.diag([0, 0, 0, 1]).astype(np.float32)
    fixed = _LUMA + np.diag([0, 0, 0, 1]).astype(np.float32)
    cos, sin = tf.cos(angle)[:, None, None], tf.sin(angle)[:, None, None]
    return fixed + cos * plane + sin * cross
