"""Geometric transformations of the adaptive augmentation (Karras et al. 2020, "Training GANs with limited data")."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import tensorflow as tf

from gansformer_tf.ops import upfirdn2d

# Low-pass filter of the sym6 wavelet (Daubechies 1992), normalised to sum 1: sharp enough that resampling at twice the
# resolution leaves no trace of where an image was put.
SYM6 = np.array(
    [
        0.015404109327027373,
        0.0034907120842174702,
        -0.11799011114819057,
        -0.048311742585633,
        0.4910559419267466,
        0.787641141030194,
        0.3379294217276218,
        -0.07263752278646252,
        -0.021060292512300564,
        0.04472490177066578,
        0.0017677118642428036,
        -0.007800708325034148,
    ]
)
SYM6 = (SYM6 / SYM6.sum()).astype(np.float32)
# Pixels of the original image that half of the filter covers.
FILTER_MARGIN = len(SYM6) // 4


def translation(x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
    """`[batch, 3, 3]`."""
    zero, one = tf.zeros_like(x), tf.ones_like(x)
    return _matrix([[one, zero, x], [zero, one, y], [zero, zero, one]])


def scaling(x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
    """`[batch, 3, 3]`."""
    zero, one = tf.zeros_like(x), tf.ones_like(x)
    return _matrix([[x, zero, zero], [zero, y, zero], [zero, zero, one]])


def rotation(angle: tf.Tensor) -> tf.Tensor:
    """`[batch, 3, 3]`, from x towards y."""
    zero, one = tf.zeros_like(angle), tf.ones_like(angle)
    cos, sin = tf.cos(angle), tf.sin(angle)
    return _matrix([[cos, -sin, zero], [sin, cos, zero], [zero, zero, one]])


def draw_inverse_transform(
    draw: Any, strengths: Any, p: tf.Tensor, batch: int, height: int, width: int
) -> tf.Tensor | None:
    """Random transformation of each image, as the map from output to input pixels about the centre.

    Args:
        draw: Source of random numbers with `uniform(shape)` and `normal(shape)`.
        strengths: `AugmentStrengths`; a transformation of strength 0 draws nothing.
        p: Probability, scalar.
        batch, height, width: Of the images.

    Returns:
        `[batch, 3, 3]`, or None when all strengths are 0.
    """
    inverse = None

    def then(matrix: tf.Tensor) -> None:
        nonlocal inverse
        inverse = matrix if inverse is None else inverse @ matrix

    def gated(value: tf.Tensor, neutral: float, probability: tf.Tensor) -> tf.Tensor:
        gate = draw.uniform((batch, *[1] * (value.shape.rank - 1))) < probability
        return tf.where(gate, value, neutral)

    ones = tf.ones([batch])
    if strengths.xflip > 0:
        flip = gated(tf.floor(draw.uniform((batch,)) * 2.0), 0.0, strengths.xflip * p)
        then(scaling(1.0 - 2.0 * flip, ones))
    if strengths.rotate90 > 0:
        turns = gated(tf.floor(draw.uniform((batch,)) * 4.0), 0.0, strengths.rotate90 * p)
        then(rotation(turns * (math.pi / 2.0)))
    if strengths.xint > 0:
        shift = (draw.uniform((batch, 2)) * 2.0 - 1.0) * strengths.xint_max
        shift = gated(shift, 0.0, strengths.xint * p)
        then(translation(-tf.round(shift[:, 0] * width), -tf.round(shift[:, 1] * height)))
    if strengths.scale > 0:
        factor = gated(_exp2(draw.normal((batch,)) * strengths.scale_std), 1.0, strengths.scale * p)
        then(scaling(1.0 / factor, 1.0 / factor))
    # Two rotations, before and after the anisotropic scaling, that together happen with the given probability.
    p_rotation = 1.0 - tf.sqrt(tf.clip_by_value(1.0 - strengths.rotate * p, 0.0, 1.0))
    if strengths.rotate > 0:
        then(rotation(gated(_angle(draw, batch, strengths.rotate_max), 0.0, p_rotation)))
    if strengths.aniso > 0:
        factor = gated(_exp2(draw.normal((batch,)) * strengths.aniso_std), 1.0, strengths.aniso * p)
        then(scaling(1.0 / factor, factor))
    if strengths.rotate > 0:
        then(rotation(gated(_angle(draw, batch, strengths.rotate_max), 0.0, p_rotation)))
    if strengths.xfrac > 0:
        shift = gated(draw.normal((batch, 2)) * strengths.xfrac_std, 0.0, strengths.xfrac * p)
        then(translation(-shift[:, 0] * width, -shift[:, 1] * height))
    return inverse


def transform(images: tf.Tensor, inverse: tf.Tensor, compiled: bool = False) -> tf.Tensor:
    """Resamples images under a transformation, with reflected borders and without aliasing.

    The image is padded by reflection, enlarged twice with the sym6 filter, sampled bilinearly, and reduced again.

    Args:
        images: `[batch, height, width, channels]`.
        inverse: `[batch, 3, 3]`, output to input pixels about the centre.
        compiled: True under XLA, which needs sizes that do not depend on values: then the padding is the largest
            that can be needed instead of what this batch needs.

    Returns:
        As `images`.
    """
    batch_size, height, width, _ = images.shape
    left, right, top, bottom = _margins(inverse, height, width, compiled)
    images = tf.pad(images, [[0, 0], [top, bottom], [left, right], [0, 0]], mode="REFLECT")
    padded_height, padded_width = height + top + bottom, width + left + right
    batch = tf.ones([1])
    half_x, half_y = tf.cast(left - right, tf.float32) / 2.0, tf.cast(top - bottom, tf.float32) / 2.0
    inverse = translation(half_x * batch, half_y * batch) @ inverse

    taps = len(SYM6)
    images = _enlarge(images)
    two, half = 2.0 * batch, 0.5 * batch
    inverse = scaling(two, two) @ inverse @ scaling(half, half)
    inverse = translation(-half, -half) @ inverse @ translation(half, half)

    out_height, out_width = (height + 2 * FILTER_MARGIN) * 2, (width + 2 * FILTER_MARGIN) * 2
    images = _sample(images, inverse, 2 * padded_height, 2 * padded_width, out_height, out_width, batch_size)
    crop = -2 * FILTER_MARGIN
    down_padding = (crop + (taps - 1) // 2, crop + (taps - 2) // 2)
    images = upfirdn2d(images, SYM6, down=2, padding=(*down_padding, *down_padding), flip=True)
    return images


def _enlarge(images: tf.Tensor) -> tf.Tensor:
    """Twice the size with the sym6 filter, for sizes that may be known only when it runs.

    The even and the odd outputs of an axis are two convolutions of 7 taps.
    """
    taps = len(SYM6)
    if None not in images.shape[1:3]:
        padding = ((taps + 1) // 2, (taps - 2) // 2)
        return upfirdn2d(images, SYM6, up=2, padding=(*padding, *padding), gain=4.0)
    reach = taps // 4
    even = np.append(SYM6[::-2], 0.0)
    odd = np.append(0.0, SYM6[-2::-2])
    pair = 2.0 * np.stack([even, odd], axis=-1).astype(np.float32)  # [taps, phase]
    channels = images.shape[-1]
    for axis in (1, 2):
        kernel = np.tile(np.expand_dims(pair, (2 - axis, 2)), (1, 1, channels, 1))
        paddings = [[reach, reach] if index == axis else [0, 0] for index in range(4)]
        both = tf.nn.depthwise_conv2d(tf.pad(images, paddings), kernel, [1, 1, 1, 1], "VALID")
        batch, height, width = tf.unstack(tf.shape(both)[:3])
        both = tf.reshape(both, [batch, height, width, channels, 2])
        if axis == 1:
            both = tf.transpose(both, [0, 1, 4, 2, 3])
            images = tf.reshape(both, [batch, 2 * height, width, channels])
        else:
            both = tf.transpose(both, [0, 1, 2, 4, 3])
            images = tf.reshape(both, [batch, height, 2 * width, channels])
    return images


def _margins(inverse: tf.Tensor, height: int, width: int, compiled: bool) -> tuple[Any, Any, Any, Any]:
    """Padding (left, right, top, bottom) that the corners of all images in the batch ask for."""
    if compiled:
        return width - 1, width - 1, height - 1, height - 1
    cx, cy = (width - 1) / 2.0, (height - 1) / 2.0
    corners = tf.constant([[-cx, -cy, 1.0], [cx, -cy, 1.0], [cx, cy, 1.0], [-cx, cy, 1.0]])
    places = tf.einsum("bij,cj->bic", inverse, corners)[:, :2]  # [batch, (x, y), corner]
    places = tf.reshape(tf.transpose(places, [1, 0, 2]), [2, -1])
    low, high = -tf.reduce_min(places, axis=1), tf.reduce_max(places, axis=1)
    reach = tf.stack([low[0], high[0], low[1], high[1]])
    reach = reach + 2.0 * FILTER_MARGIN - tf.constant([cx, cx, cy, cy])
    limit = tf.constant([width - 1.0, width - 1.0, height - 1.0, height - 1.0])
    left, right, top, bottom = tf.unstack(tf.cast(tf.math.ceil(tf.clip_by_value(reach, 0.0, limit)), tf.int32))
    return left, right, top, bottom


def _sample(
    images: tf.Tensor,
    inverse: tf.Tensor,
    in_height: Any,
    in_width: Any,
    out_height: int,
    out_width: int,
    batch: int,
) -> tf.Tensor:
    """Bilinear samples at the transformed pixel centres; zero outside.

    Written with gathers, whose gradients of every order TensorFlow knows exactly.
    """
    in_height, in_width = tf.convert_to_tensor(in_height), tf.convert_to_tensor(in_width)
    channels = images.shape[-1]
    x = tf.range(out_width, dtype=tf.float32) - (out_width - 1) / 2.0
    y = tf.range(out_height, dtype=tf.float32) - (out_height - 1) / 2.0
    grid = tf.stack([tf.tile(x[None], [out_height, 1]), tf.tile(y[:, None], [1, out_width])], axis=-1)
    grid = tf.reshape(grid, [-1, 2])  # [pixels, (x, y)]
    places = tf.einsum("pj,bij->bpi", grid, inverse[:, :2, :2]) + inverse[:, None, :2, 2]
    places += (tf.cast(tf.stack([in_width, in_height]), tf.float32) - 1.0) / 2.0
    corner = tf.floor(places)
    fraction = places - corner
    corner = tf.cast(corner, tf.int32)
    flat = tf.reshape(images, [batch, in_height * in_width, channels])

    total = 0.0
    for dx in (0, 1):
        for dy in (0, 1):
            column, row = corner[..., 0] + dx, corner[..., 1] + dy
            inside = (column >= 0) & (column < in_width) & (row >= 0) & (row < in_height)
            weight = (fraction[..., 0] if dx else 1.0 - fraction[..., 0]) * (
                fraction[..., 1] if dy else 1.0 - fraction[..., 1]
            )
            weight = tf.where(inside, weight, 0.0)
            index = tf.where(inside, row * in_width + column, 0)
            total += tf.gather(flat, index, batch_dims=1) * weight[..., None]
    return tf.reshape(total, [batch, out_height, out_width, channels])


def _angle(draw: Any, batch: int, largest: float) -> tf.Tensor:
    return (draw.uniform((batch,)) * 2.0 - 1.0) * (math.pi * largest)


def _exp2(x: tf.Tensor) -> tf.Tensor:
    return tf.exp(x * math.log(2.0))


def _matrix(rows: list[list[tf.Tensor]]) -> tf.Tensor:
    return tf.stack([tf.stack(row, axis=-1) for row in rows], axis=-2)
