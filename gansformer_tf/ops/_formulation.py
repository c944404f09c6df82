"""Which of two equal formulations of a resampler runs fastest where the call is made."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import keras

_forced: list[str] = []


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
    from tensorflow.python.ops import control_flow_util  # no public name for this

    if tf.executing_eagerly():
        return False
    return bool(control_flow_util.GraphOrParentsInXlaContext(tf.compat.v1.get_default_graph()))


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
