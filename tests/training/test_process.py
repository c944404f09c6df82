"""What training sets for its process."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import tensorflow as tf
from tensorflow.python.eager import context

from gansformer_tf.training.process import leave_out_rewrites, limit_arenas, prepare_process

REWRITTEN = """
import tensorflow as tf
from tensorflow.python.eager import context
from gansformer_tf.training.process import leave_out_rewrites

if {leave_out}:
    leave_out_rewrites()

@tf.function(autograph=False)
def total(x):  # four tensors of 80 MB at once are more than grappler takes a CPU to have
    parts = [tf.sin(x * float(i)) for i in range(4)]
    return tf.reduce_sum(tf.raw_ops.AddN(inputs=parts))

context.enable_run_metadata()
total(tf.zeros([20_000_000]))
graphs = context.context().export_run_metadata().function_graphs
print(sum(node.op == "TemporaryVariable" for graph in graphs for node in graph.post_optimization_graph.node))
"""


def rewritten(leave_out: bool) -> int:
    command = [sys.executable, "-c", REWRITTEN.format(leave_out=leave_out)]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def test_sums_of_gradients_stay_sums():
    assert rewritten(leave_out=False) > 0
    assert rewritten(leave_out=True) == 0


def test_other_options_of_the_process_stay():
    before = context.context().config
    prepare_process()
    prepare_process()
    after = context.context().config
    assert after.graph_options.rewrite_options.remapping == after.graph_options.rewrite_options.OFF
    assert after.intra_op_parallelism_threads == before.intra_op_parallelism_threads
    assert after.device_count == before.device_count
    np.testing.assert_array_equal(tf.function(lambda x: x + 1)(tf.zeros([2])), 1.0)


def test_other_c_libraries_manage_without_arenas(monkeypatch):
    monkeypatch.setattr("ctypes.CDLL", lambda name: object())
    limit_arenas(1)


def test_leaving_out_twice_changes_nothing():
    leave_out_rewrites()
    first = context.context().config
    leave_out_rewrites()
    assert context.context().config == first
