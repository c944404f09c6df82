"""Scales of channels, one per image: what styles do to features."""

from __future__ import annotations

from typing import Any

from gansformer_tf.ops._library import gpu_visible, native_ops


def scale_channels(x: Any, scales: Any, nonzero: bool = False) -> Any:
    """Multiplies the channels of every image with their scales (StyleGAN2, equations 1 and 3).

    Args:
        x: `[batch, height, width, channels]`.
        scales: `[batch, channels]`.
        nonzero: a promise that no scale is 0. The gradient of the native op then works from the result, and `x` need
            not be kept.

    Returns:
        Same shape and dtype as `x`.
    """
    # On a GPU XLA makes one kernel of the definition and its neighbours.
    if native_ops(x) is not None and not gpu_visible():
        from gansformer_tf.ops import _native

        return _native.scale_channels(x, scales, nonzero)
    return x * scales[:, None, None, :]
