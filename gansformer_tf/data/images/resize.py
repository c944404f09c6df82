"""Antialiased resizing of uint8 images with the long filters, faster than Pillow and the same on every machine.

A filter turns output pixels into weighted sums of input pixels: a banded matrix. Blocks of that matrix are multiplied
by BLAS in float32. Weights are whole multiples of 2**-15, so that every sum is a whole number below 2**24 and exact
in float32: the result does not depend on the order of summation, hence not on the machine or the BLAS library.
"""

from __future__ import annotations

import functools
import math

import numpy as np

_WEIGHT_BITS = 15  # 2**15 times the sum of absolute weights (at most 1.4) times 255 stays below 2**24
_ONE = 1 << _WEIGHT_BITS
_BLOCK = 16  # output pixels per block: small enough that little of a block is zeros


def _lanczos(x: np.ndarray) -> np.ndarray:
    return np.where(np.abs(x) < 3, np.sinc(x) * np.sinc(x / 3), 0)


def _bicubic(x: np.ndarray) -> np.ndarray:  # Keys' kernel with a = -0.5
    x = np.abs(x)
    near, far = (1.5 * x - 2.5) * x * x + 1, ((-0.5 * x + 2.5) * x - 4) * x + 2
    return np.where(x < 1, near, np.where(x < 2, far, 0))


FILTERS = {"lanczos": (_lanczos, 3.0), "bicubic": (_bicubic, 2.0)}  # kernel, and how far it reaches


@functools.lru_cache(maxsize=256)
def _blocks(
    size: int, target: int, resize_filter: str, channels: int = 1
) -> tuple[tuple[slice, slice, np.ndarray], ...]:
    """The filter as blocks (outputs, inputs, weights `[inputs, outputs]`).

    With several channels, pixels are interleaved: a block then holds its weights once per channel, zeros between.
    """
    kernel, support = FILTERS[resize_filter]
    scale = size / target
    stretch = max(scale, 1.0)  # when shrinking, the filter is as wide as the pixels it makes
    blocks = []
    for first in range(0, target, _BLOCK):
        last = min(first + _BLOCK, target)
        centres = (np.arange(first, last) + 0.5) * scale
        low = max(0, math.floor(centres[0] - support * stretch))
        high = min(size, math.ceil(centres[-1] + support * stretch) + 1)
        weights = kernel((np.arange(low, high) + 0.5 - centres[:, None]) / stretch)
        weights /= weights.sum(axis=1, keepdims=True)
        whole = np.rint(weights * _ONE)
        # what rounding lost goes to the largest weight, so that flat areas keep their value
        whole[np.arange(last - first), np.argmax(whole, axis=1)] += _ONE - whole.sum(axis=1)
        spread = np.kron(whole.T, np.eye(channels)).astype(np.float32)
        blocks.append((slice(first * channels, last * channels), slice(low * channels, high * channels), spread))
    return tuple(blocks)


def _round(values: np.ndarray) -> np.ndarray:
    """Fixed point to whole values in 0..255, in place."""
    values += _ONE // 2
    values *= 1 / _ONE
    np.floor(values, out=values)
    return np.clip(values, 0, 255, out=values)


def resize(image: np.ndarray, size: tuple[int, int], resize_filter: str = "lanczos") -> np.ndarray:
    """Resizes an image.

    Args:
        image: uint8 `[H, W, C]` without an alpha channel.
        size: (height, width) wanted.
        resize_filter: "lanczos" or "bicubic".

    Returns:
        uint8 `[height, width, C]`. Photographs differ by 1, at hard edges by 2, from Pillow's filter of that name:
        it rounds between the two directions, in the other order.
    """
    (height, width), channels = size, image.shape[2]
    rows = np.ascontiguousarray(image).reshape(image.shape[0], -1)  # [H, W * C]
    if image.shape[0] != height:
        shorter = np.empty((height, rows.shape[1]), np.float32)
        for outputs, inputs, weights in _blocks(image.shape[0], height, resize_filter):
            np.matmul(weights.T, rows[inputs].astype(np.float32), out=shorter[outputs])
        rows = _round(shorter)
    if image.shape[1] != width:
        rows = rows.astype(np.float32, copy=False)
        narrower = np.empty((height, width * channels), np.float32)
        for outputs, inputs, weights in _blocks(image.shape[1], width, resize_filter, channels):
            narrower[:, outputs] = rows[:, inputs] @ weights
        rows = _round(narrower)
    return rows.astype(np.uint8, copy=False).reshape(height, width, channels)
