"""Functions of arrays as graphs."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import keras
import numpy as np


def compiled(function: Callable[..., Any], from_call: int = 1) -> Callable[..., Any]:
    """The function as one graph for every batch size on the TensorFlow backend; other backends run it as it is.

    The arguments are arrays with the batch on the first axis, lists of such arrays, or None.

    Args:
        function: What is called.
        from_call: Number of the first call that the graph is made for. Tracing takes several times as long as running
            the operations one by one, so a process that calls once is done sooner without; the result must be the same.
    """
    if keras.backend.backend() != "tensorflow":
        return function
    import tensorflow as tf

    graph, calls, tracing = None, 0, threading.Lock()

    def call(*arguments: Any) -> Any:
        nonlocal graph, calls
        if graph is None:
            calls += 1
            if calls < from_call:
                return function(*arguments)
            with tracing:  # once, whoever calls meanwhile
                if graph is None:
                    signature = tf.nest.map_structure(_any_batch, arguments)
                    graph = tf.function(function, autograph=False).get_concrete_function(*signature)
        return graph(*arguments)

    def _any_batch(array: np.ndarray | None) -> Any:
        return None if array is None else tf.TensorSpec((None, *array.shape[1:]), array.dtype)

    return call
