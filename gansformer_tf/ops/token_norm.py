"""Normalisation of tokens over their channels, without learned parameters."""

from __future__ import annotations

from typing import Any

import keras

from gansformer_tf.ops._library import gpu_visible, native_ops


def normalize_channels(x: Any, center: bool = True, scale: bool = True, epsilon: float = 1e-8) -> Any:
    """Takes the mean over channels from every token, then divides it by its root mean square.

    y = z / sqrt(mean(z^2) + epsilon), z = x - mean(x), means over the last axis.

    Args:
        x: `[..., channels]`, floating point.
        center: whether the mean is taken away.
        scale: whether tokens are divided by their root mean square.
        epsilon: added to the mean square.

    Returns:
        Same shape and dtype as `x`.
    """
    x = keras.ops.convert_to_tensor(x)
    if not (center or scale):
        return x
    # On a GPU XLA makes one kernel of the definition.
    if native_ops(x) is not None and not gpu_visible():
        from gansformer_tf.ops import _native

        return _native.token_norm(x, center, scale, epsilon)
    if center:
        x = x - keras.ops.mean(x, axis=-1, keepdims=True)
    if scale:
        x = x * keras.ops.rsqrt(keras.ops.mean(keras.ops.square(x), axis=-1, keepdims=True) + epsilon)
    return x
