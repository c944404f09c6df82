"""Which of two equal formulations of a resampler runs fastest where the call is made."""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Iterator
from typing import Any

import keras

_forced: list[str] = []
# Answers of `in_xla` by graph, as long as the graphs are there.
_for_xla: weakref.WeakKeyDictionary[Any, bool] = weakref.WeakKeyDictionary()


@contextlib.contextmanager
def formulation(name: str) -> Iterator[None]:
    """Forces the composite formulation of resampling inside the block: "depthwise" (TensorFlow only) or "slices".

    Exporters to formats without a transposed depthwise convolution (TFLite, ONNX) want "slices".
    """
    if name not in ("depthwise", "slices"):
        raise ValueError(f'formulation is {name!r}; it must be "depthwise" or "slices".')
    if name == "depthwise" and keras.backend.backend() != "tensorflow":
        raise ValueError(f'formulation "depthwise" needs the TensorFlow backend, not {keras.backend.backend()!r}.')
    _forced.append(name)
    try:
        yield
    finally:
        _forced.pop()


def in_xla() -> bool:
    """Whether the call is being traced for XLA (`jit_compile=True`)."""
    import tensorflow as tf

    if tf.executing_eagerly():
        return False
    graph = tf.compat.v1.get_default_graph()
    if graph not in _for_xla:
        _for_xla[graph] = _keeps_branches(tf)
    return _for_xla[graph]


def _keeps_branches(tf: Any) -> bool:
    """Whether a conditional that is traced here stays one operation.

    TensorFlow has no public name for what it is tracing for, but it marks conditionals to be taken apart in every graph
    that is not for XLA. This one is in a graph of its own, which nothing refers to.
    """

    def branch(condition: Any) -> Any:
        return tf.cond(condition, lambda: 1.0, lambda: 0.0)

    traced = tf.function(branch, autograph=False).get_concrete_function(tf.TensorSpec([], tf.bool))
    (conditional,) = (operation for operation in traced.graph.get_operations() if operation.type.endswith("If"))
    try:
        return not conditional.get_attr("_lower_using_switch_merge")
    except ValueError:  # it has no such mark
        return True


def uses_depthwise(x: Any) -> bool:
    """True where strided depthwise convolution is the fast form: TensorFlow outside XLA.

    On a CPU XLA runs any depthwise convolution some 70 times slower than the same sum written as shifted slices,
    and slices with their gradients are 3 to 10 times slower than the convolution in a plain TensorFlow graph.
    """
    if _forced:
        return _forced[-1] == "depthwise"
    if keras.backend.backend() != "tensorflow" or isinstance(x, keras.KerasTensor):
        return False
    return not in_xla()
