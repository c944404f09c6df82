"""Resampling as sums of shifted slices: keras.ops only, any backend, the fast form under XLA."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np


def _axis_plan(size: int, taps: int, up: int, down: int, before: int, after: int) -> tuple[int, list[list[tuple]], int]:
    """Which input samples and taps each output phase needs.

    Output m reads the zero-inserted, padded input at m * down + j for taps j. Outputs m = a * period + r of one
    phase r use the same taps and read the input at a * step + offset.

    Returns:
        (output size, [per phase: list of (tap, offset)], step).
    """
    out = (size * up + before + after - taps) // down + 1
    period = up // math.gcd(up, down)
    step = period * down // up
    phases = []
    for phase in range(period):
        start = phase * down - before
        phases.append([(j, (start + j) // up) for j in range(taps) if (start + j) % up == 0])
    return out, phases, step


def _gather_range(x: Any, axis: int, low: int, high: int) -> Any:
    """x[low:high] along `axis`, with zeros where the range leaves the array."""
    size = x.shape[axis]
    clip_low, clip_high = min(max(low, 0), size), min(max(high, 0), size)
    if clip_high <= clip_low:  # nothing of x is in range; keep one sample so that the padding has a batch to grow on
        zeros = keras.ops.zeros_like(_take(x, axis, 0, 1))
        return keras.ops.repeat(zeros, high - low, axis=axis)
    x = _take(x, axis, clip_low, clip_high)
    pad = [(0, 0)] * len(x.shape)
    pad[axis] = (clip_low - low, high - clip_high)
    return keras.ops.pad(x, pad) if any(pad[axis]) else x


def _take(x: Any, axis: int, start: int, stop: int, step: int = 1) -> Any:
    size = x.shape[axis]
    if (start, stop, step) == (0, size, 1):
        return x
    index: list[slice] = [slice(None)] * len(x.shape)
    index[axis] = slice(start, stop, step)
    return x[tuple(index)]


def _interleave(parts: list[Any], axis: int, out: int) -> Any:
    """Phases r -> one array whose sample a * len(parts) + r is parts[r][a], cut to `out` samples."""
    if len(parts) == 1:
        return parts[0]
    shape = list(parts[0].shape)
    stacked = keras.ops.stack(parts, axis=axis + 1)
    # A batch of unknown size is the only unknown dimension here.
    shape = [-1 if size is None else size for size in shape]
    shape[axis] *= len(parts)
    return _take(keras.ops.reshape(stacked, shape), axis, 0, out)


def resample_axis(x: Any, taps: np.ndarray, up: int, down: int, before: int, after: int, axis: int) -> Any:
    """One separable pass along `axis`; `taps` are applied as a correlation."""
    out, phases, step = _axis_plan(x.shape[axis], len(taps), up, down, before, after)
    count = -(-out // len(phases))
    x, low = _cover(x, axis, phases, step, count)
    parts = []
    for phase in phases:
        total = None
        for tap, offset in phase:
            start = offset - low
            term = _take(x, axis, start, start + (count - 1) * step + 1, step) * _constant(taps[tap], x)
            total = term if total is None else total + term
        if total is None:  # fewer taps than phases
            total = keras.ops.zeros_like(_take(x, axis, 0, (count - 1) * step + 1, step))
        parts.append(total)
    return _interleave(parts, axis, out)


def resample_joint(
    x: Any, taps: np.ndarray, up: tuple[int, int], down: tuple[int, int], padding: tuple[int, int, int, int]
) -> Any:
    """Both axes at once, for a kernel [height, width] that is not an outer product; applied as a correlation."""
    left, right, top, bottom = padding
    out_h, rows, step_h = _axis_plan(x.shape[1], taps.shape[0], up[0], down[0], top, bottom)
    out_w, columns, step_w = _axis_plan(x.shape[2], taps.shape[1], up[1], down[1], left, right)
    count_h, count_w = -(-out_h // len(rows)), -(-out_w // len(columns))
    x, low_h = _cover(x, 1, rows, step_h, count_h)
    x, low_w = _cover(x, 2, columns, step_w, count_w)
    bands = []
    for row in rows:
        parts = []
        for column in columns:
            total = None
            for i, offset_h in row:
                band = _take(x, 1, offset_h - low_h, offset_h - low_h + (count_h - 1) * step_h + 1, step_h)
                for j, offset_w in column:
                    start = offset_w - low_w
                    term = _take(band, 2, start, start + (count_w - 1) * step_w + 1, step_w)
                    term = term * _constant(taps[i, j], x)
                    total = term if total is None else total + term
            if total is None:
                total = _take(
                    _take(x, 1, 0, (count_h - 1) * step_h + 1, step_h), 2, 0, (count_w - 1) * step_w + 1, step_w
                )
                total = keras.ops.zeros_like(total)
            parts.append(total)
        bands.append(_interleave(parts, 2, out_w))
    return _interleave(bands, 1, out_h)


def _cover(x: Any, axis: int, phases: list[list[tuple]], step: int, count: int) -> tuple[Any, int]:
    """Pads and crops `axis` to exactly the samples that are read; returns it with the index of its first sample."""
    offsets = [offset for phase in phases for _, offset in phase] or [0]  # taps can fall between all samples
    # A phase without taps still needs `count` samples to have the right shape.
    low, high = min(offsets), max(offsets) + (count - 1) * step + 1
    return _gather_range(x, axis, low, high), low


def _constant(value: float, x: Any) -> Any:
    return keras.ops.cast(float(value), keras.backend.standardize_dtype(x.dtype))
