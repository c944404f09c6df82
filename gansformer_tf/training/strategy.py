"""The distribution strategy for a list of devices."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf


def make_strategy(devices: Sequence[str]) -> tf.distribute.Strategy:
    """One device: no distribution. Several: a copy of the networks on each, gradients summed over them.

    Args:
        devices: TensorFlow device names, such as `["/GPU:0", "/GPU:1"]`.
    """
    if len(devices) == 1:
        return tf.distribute.get_strategy()
    return tf.distribute.MirroredStrategy(list(devices))
