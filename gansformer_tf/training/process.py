"""What the process of a training run does better without."""

from __future__ import annotations

import ctypes
import os

import tensorflow as tf
from tensorflow.core.protobuf.rewriter_config_pb2 import RewriterConfig
from tensorflow.python.eager import context as eager_context  # the option has no public name

_M_ARENA_MAX = -8  # malloc.h


def prepare_process() -> None:
    """Call it before the networks are built; a second call changes nothing."""
    limit_arenas(max(1, (os.cpu_count() or 1) // 2))
    leave_out_rewrites()


def limit_arenas(count: int) -> None:
    """Lets at most `count` of glibc's heaps grow, where it is glibc: it gives threads heaps of their own, up to 8 per
    core, and each keeps for itself what building graphs leaves free."""
    _call_c_library("mallopt", _M_ARENA_MAX, count)


def give_free_memory_back() -> None:
    """Returns what glibc's heaps hold free to the system; elsewhere it does nothing."""
    _call_c_library("malloc_trim", 0)


def _call_c_library(name: str, *arguments: int) -> None:
    """Calls a function that only glibc has; other C libraries manage without."""
    try:
        function = getattr(ctypes.CDLL(None), name)
    except (AttributeError, OSError, TypeError):
        return
    function(*arguments)


def leave_out_rewrites() -> None:
    """Turns graph rewrites off for every function that is called from now on.

    Grappler's remapper gives up on these graphs, with an error on the screen; it has nothing to fuse in them.

    Its memory optimizer turns sums of gradients into sums in temporary variables, whose zeros stay in memory as long
    as the function does. It starts where a graph needs more than 205 MB, the size it takes a CPU's memory to be.
    """
    context = eager_context.context()
    if hasattr(context, "_config"):
        config = tf.compat.v1.ConfigProto()
        if context._config is not None:
            config.CopyFrom(context._config)
        config.graph_options.rewrite_options.memory_optimization = RewriterConfig.NO_MEM_OPT
        context._config = config
    # This also makes the context read its options anew.
    tf.config.optimizer.set_experimental_options({"remapping": False})
