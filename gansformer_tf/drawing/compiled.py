"""Functions of arrays as graphs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function as one graph for every batch size on the TensorFlow backend; other backends run it as it is.

    The arguments are arrays with the batch on the first axis, lists of such arrays, or None.
    """
    if keras.backend.backend() != "tensorflow":
        return function
    import tensorflow as tf

    graph = None

    def call(*arguments: Any) -> Any:
        nonlocal graph
        if graph is None:
            signature = tf.nest.map_structure(_any_batch, arguments)
            graph = tf.function(function, autograph=False).get_concrete_function(*signature)
        return graph(*arguments)

    def _any_batch(array: np.ndarray | None) -> Any:
        return None if array is None else tf.TensorSpec((None, *array.shape[1:]), array.dtype)

    return call
