"""Noise inputs that are optimised stay noise (StyleGAN2, appendix D)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras import ops

_COARSEST = 8  # pixels of the smallest level that is looked at


def regularizer(noise: Sequence[Any]) -> Any:
    """Squared correlation of each map with itself, moved by a pixel, at all scales; `[batch]`.

    Args:
        noise: Per layer `[batch, height, width, maps]`.
    """
    total: Any = 0.0
    for x in noise:
        while True:
            for axis in (1, 2):
                total += ops.sum(ops.square(ops.mean(x * ops.roll(x, 1, axis=axis), axis=(1, 2))), axis=-1)
            if min(x.shape[1:3]) <= _COARSEST:
                break
            x = ops.average_pool(x, 2, data_format="channels_last")
    return total


def normalized(x: Any) -> Any:
    """Each map with mean 0 and variance 1."""
    x = x - ops.mean(x, axis=(1, 2), keepdims=True)
    return x / ops.sqrt(ops.mean(ops.square(x), axis=(1, 2), keepdims=True) + 1e-8)
