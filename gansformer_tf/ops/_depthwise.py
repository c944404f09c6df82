"""Resampling as strided depthwise convolution and its transpose: the fast form in TensorFlow outside XLA."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

# Up to this many taps one two-dimensional pass beats two one-dimensional ones, which move the image twice.
MAX_JOINT_TAPS = 16


def correlate_joint(x: Any, taps: np.ndarray, up: int, down: int, padding: tuple[int, int, int, int]) -> Any:
    """Both axes at once with equal factors; `taps` [height, width] are applied as a correlation."""
    left, right, top, bottom = padding
    if up == 1:
        x = _pad_or_crop(x, top, bottom, left, right)
        return _strided(x, taps, down)
    # Samples that a negative padding removes whole are cut off first; what remains is less than one sample.
    crop = [max(0, -pad // up) for pad in (top, bottom, left, right)]
    x = _pad_or_crop(x, *(-c for c in crop))
    top, bottom, left, right = (pad + up * c for pad, c in zip((top, bottom, left, right), crop, strict=True))
    x = _transposed(x, taps, up, (top, bottom), (left, right))
    return x[:, ::down, ::down] if down > 1 else x


def correlate_axis(x: Any, taps: np.ndarray, up: int, down: int, before: int, after: int, axis: int) -> Any:
    """One separable pass along `axis` (1 or 2): the other dimension of the image becomes batch or channels."""
    _, height, width, channels = x.shape
    flat = tf.reshape(x, [-1, height, 1, width * channels]) if axis == 1 else tf.reshape(x, [-1, width, 1, channels])
    crop = [max(0, -pad // up) if up > 1 else 0 for pad in (before, after)]
    before, after = before + up * crop[0], after + up * crop[1]
    column = taps[:, None]
    if up == 1:
        flat = _pad_or_crop(flat, before, after, 0, 0)
        flat = _strided(flat, column, down)
    else:
        flat = _pad_or_crop(flat, -crop[0], -crop[1], 0, 0)
        flat = _transposed(flat, column, up, (before, after), None)
        flat = flat[:, ::down] if down > 1 else flat
    out = flat.shape[1]
    return tf.reshape(flat, [-1, out, width, channels] if axis == 1 else [-1, height, out, channels])


def _strided(x: Any, taps: np.ndarray, down: int) -> Any:
    out = [*((x.shape[i + 1] - taps.shape[i]) // down + 1 for i in (0, 1)), x.shape[3]]

    def convolve() -> Any:
        return tf.nn.depthwise_conv2d(x, _weights(taps, x), [1, down, down, 1], "VALID")

    # TensorFlow 2.21 gives an empty batch the size of the input. A reshape would not help in a graph, where it is
    # optimised away as one that changes nothing.
    if x.shape[0] is None:
        y = tf.cond(tf.equal(tf.shape(x)[0], 0), lambda: tf.zeros([0, *out], x.dtype), convolve)
        return tf.ensure_shape(y, [None, *out])
    return tf.zeros([0, *out], x.dtype) if x.shape[0] == 0 else convolve()


def _transposed(x: Any, taps: np.ndarray, up: int, rows: tuple[int, int], columns: tuple[int, int] | None) -> Any:
    """Zero insertion, padding above -up and correlation, as the transpose of a strided depthwise convolution.

    The transpose of correlating with `taps` scatters each sample times the taps, which is what zero insertion and
    correlation with the reversed taps do, hence the reversal. `columns` None leaves a width of 1 alone.
    """
    height_plan = _transpose_plan(x.shape[1], taps.shape[0], up, rows)
    width_plan = (1, (0, 0), (0, 0)) if columns is None else _transpose_plan(x.shape[2], taps.shape[1], up, columns)
    (out_h, inside_h, outside_h), (out_w, inside_w, outside_w) = height_plan, width_plan
    if out_h < 1 or out_w < 1:  # every output falls between the samples or beside them
        return tf.zeros([tf.shape(x)[0], out_h + sum(outside_h), out_w + sum(outside_w), x.shape[3]], x.dtype)
    y = tf.nn.depthwise_conv2d_backprop_input(
        [tf.shape(x)[0], out_h, out_w, x.shape[3]],
        _weights(taps[::-1, ::-1], x),
        x,
        [1, up, up, 1],
        [[0, 0], list(inside_h), list(inside_w), [0, 0]],
    )
    return _pad_or_crop(y, *outside_h, *outside_w)


def _transpose_plan(size: int, taps: int, up: int, pads: tuple[int, int]) -> tuple[int, tuple, tuple]:
    """(transposed output size, its explicit padding, zeros to add outside it) for one axis."""
    inside, outside = [], []
    for pad in pads:
        inside.append(max(0, taps - 1 - pad))
        outside.append(max(0, pad - (taps - 1)))
    # The zero insertion ends in up - 1 zeros that the transpose does not write: they are part of the output size
    # as long as the padding of the last side allows it.
    tail = up - 1
    drop = min(tail, inside[1])
    inside[1] -= drop
    tail -= drop
    out = (size - 1) * up + taps - inside[0] - inside[1]
    return out, tuple(inside), (outside[0], outside[1] + tail)


def _pad_or_crop(x: Any, top: int, bottom: int, left: int, right: int) -> Any:
    cut = [max(0, -pad) for pad in (top, bottom, left, right)]
    if any(cut):
        x = x[:, cut[0] : x.shape[1] - cut[1], cut[2] : x.shape[2] - cut[3]]
    add = [max(0, pad) for pad in (top, bottom, left, right)]
    return tf.pad(x, [[0, 0], add[:2], add[2:], [0, 0]]) if any(add) else x


def _weights(taps: np.ndarray, x: Any) -> Any:
    weights = tf.constant(np.ascontiguousarray(taps)[:, :, None, None], dtype=x.dtype)
    return tf.broadcast_to(weights, [*taps.shape, x.shape[3], 1])
