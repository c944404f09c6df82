"""Compiled functions that do not keep the Python graph they were traced in."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import tensorflow as tf
from absl import logging
from tensorflow.python.eager import context as eager_context  # has no public name

from gansformer_tf.training.process import give_free_memory_back


class LeanFunction:
    """What `tf.function` makes of a function of tensors, without the graph in Python.

    `tf.function` keeps that graph, in which every operation has its shapes, its attributes and the lines of source that
    made it, to differentiate the function or to call it in another one: about 5 KB per operation, a tenth of a GB for
    the phases of gansformer-default. TensorFlow runs its own copy. A phase of training is only ever called, so here the
    graph goes as soon as that copy is made.

    It has no gradients and cannot be called within another `tf.function`. It is traced anew for other shapes or types.
    With a TensorFlow whose private names are other ones, it is a `tf.function` after all, and a warning says so.
    `tf.config.run_functions_eagerly` counts here too.

    Args:
        function: Takes tensors, or nests of them and of values per replica; returns a nest of tensors, or None. It must
            make no variables.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        self._traces: dict[Any, Callable[..., Any]] = {}

    def __call__(self, *args: Any) -> Any:
        if tf.config.functions_run_eagerly():
            return self._function(*args)
        flat = tf.nest.flatten(args, expand_composites=True)
        key = tuple((tensor.dtype, tuple(tensor.shape)) for tensor in flat)
        if key not in self._traces:
            self._traces[key] = self._trace(args)
        return self._traces[key](*args)

    def _trace(self, args: Any) -> Callable[..., Any]:
        traced = tf.function(self._function, autograph=False)
        concrete = traced.get_concrete_function(*args)
        try:
            trace = _Trace.of(concrete)
        except AttributeError as error:
            logging.warning("Compiled functions keep their graphs with TensorFlow %s: %s.", tf.__version__, error)
            return traced
        del traced, concrete
        gc.collect()  # the graph and its operations refer to each other
        give_free_memory_back()  # before the tensors of a step take their place
        return trace


@dataclass(frozen=True)
class _Trace:
    """What it takes to call a traced function.

    `function` is of TensorFlow's private class `AtomicFunction`: the runtime forgets what it stands for, and the
    functions which that calls, when this object goes. `is_tensor` has the structure of the result.
    """

    function: Any
    captured: list[tf.Tensor]
    is_tensor: Any

    @classmethod
    def of(cls, concrete: Any) -> _Trace:
        for function in _with_callees(concrete._inference_function):
            function._cached_graph = function._cached_definition = None
        is_tensor = tf.nest.map_structure(lambda value: value is not None, concrete.structured_outputs)
        return cls(concrete._inference_function, list(concrete.captured_inputs), is_tensor)

    def __call__(self, *args: Any) -> Any:
        flat = tf.nest.flatten(args, expand_composites=True)
        # As AtomicFunction does it, which would take in the definition of the whole function to count its inputs.
        num_results = sum(tf.nest.flatten(self.is_tensor))
        found = eager_context.context().call_function(self.function.name, [*flat, *self.captured], num_results)
        results = iter(found or ())
        return tf.nest.map_structure(lambda is_tensor: next(results) if is_tensor else None, self.is_tensor)


def _with_callees(function: Any) -> Iterator[Any]:
    for callee in function.children:
        yield from _with_callees(callee)
    yield function
