"""Compiled functions without their Python graph: they compute the same, and the graph is really gone."""

from __future__ import annotations

import gc

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.framework.func_graph import FuncGraph

from gansformer_tf.layers import BipartiteAttention
from gansformer_tf.training import lean_function, process
from gansformer_tf.training.lean_function import LeanFunction
from gansformer_tf.training.step import TrainStep
from gansformer_tf.training.variables import raw_variables
from tests.training.family_steps import GENERATORS, make_step
from tests.training.tiny_networks import RESOLUTION, tiny_networks, tiny_train_config


def graphs() -> int:
    """How many graphs of functions are in memory."""
    gc.collect()
    return sum(isinstance(thing, FuncGraph) for thing in gc.get_objects())


def nested(numbers, scale):
    total = tf.add_n([number * scale for number in numbers["more"]])
    return {"sum": total + numbers["one"], "list": [numbers["one"], None, (scale,)]}


def test_it_computes_what_the_function_does_and_takes_nests():
    numbers = {"one": tf.constant([1.0, 2.0]), "more": (tf.constant([3.0, 4.0]), tf.constant([5.0, 6.0]))}
    expected = nested(numbers, tf.constant(2.0))
    for _ in range(2):
        found = LeanFunction(nested)(numbers, tf.constant(2.0))
        tf.nest.assert_same_structure(found, expected)
        tf.nest.map_structure(np.testing.assert_array_equal, found, expected)


def test_it_changes_variables_and_may_return_nothing():
    total = tf.Variable(1.0)
    add = LeanFunction(lambda value: [total.assign_add(value), None][1])
    assert add(tf.constant(2.0)) is None
    assert add(tf.constant(3.0)) is None
    assert float(total) == 6.0


def test_it_is_traced_once_for_a_shape_and_a_type():
    traces = []

    def function(x):
        traces.append((x.dtype, tuple(x.shape)))
        return x + x

    double = LeanFunction(function)
    for _ in range(2):
        for x in (tf.zeros([2]), tf.zeros([3]), tf.zeros([3], tf.int32)):
            assert double(x).dtype == x.dtype
    assert traces == [(tf.float32, (2,)), (tf.float32, (3,)), (tf.int32, (3,))]


def test_it_can_be_run_eagerly():
    lean, seen = LeanFunction(lambda x: seen.append(x) or x + 1.0), []
    tf.config.run_functions_eagerly(True)
    try:
        assert float(lean(tf.constant(1.0))) == 2.0
    finally:
        tf.config.run_functions_eagerly(False)
    assert float(seen[0]) == 1.0


def test_functions_that_it_calls_stay_when_their_own_objects_go():
    """Bodies of loops and branches, and other compiled functions."""

    def build():
        inner = tf.function(lambda x: x * 3.0, autograph=False)

        def function(x):
            x = tf.while_loop(lambda i, x: i < 4, lambda i, x: (i + 1, inner(x)), (tf.constant(0), x))[1]
            return tf.cond(x > 100.0, lambda: x, lambda: -x)

        return LeanFunction(function)

    function = build()
    assert float(function(tf.constant(1.0))) == -81.0
    gc.collect()
    assert float(function(tf.constant(2.0))) == 162.0


def test_an_error_keeps_its_type_and_message():
    def function(x):
        with tf.control_dependencies([tf.debugging.assert_less(x, 3.0, message="it is not less")]):
            return x + 1.0

    lean = LeanFunction(function)
    assert float(lean(tf.constant(1.0))) == 2.0
    with pytest.raises(tf.errors.InvalidArgumentError, match="it is not less"):
        lean(tf.constant(4.0))


def test_a_tensorflow_with_other_names_inside_keeps_the_graph_and_says_so(monkeypatch, caplog):
    def renamed(function):
        raise AttributeError("no attribute 'children'")

    monkeypatch.setattr(lean_function, "_with_callees", renamed)
    lean = LeanFunction(lambda x: x * 2.0)
    for value in (1.0, 2.0):
        assert float(lean(tf.constant(value))) == 2.0 * value
    assert [record.getMessage() for record in caplog.records] == [
        f"Compiled functions keep their graphs with TensorFlow {tf.__version__}: no attribute 'children'."
    ]


def test_no_graph_is_left():
    before = graphs()
    lean, kept = LeanFunction(lambda x: x * 2.0), tf.function(lambda x: x * 3.0, autograph=False)
    kept(tf.constant(1.0))
    assert graphs() > before, "otherwise this test sees nothing"
    del kept
    between = graphs()
    assert float(lean(tf.constant(1.0))) == 2.0
    assert graphs() == between


@pytest.mark.parametrize("micro", [8, 4])
def test_a_training_step_leaves_no_graph(micro):
    step = TrainStep(*tiny_networks(), tiny_train_config(batch_size_per_replica=micro))
    before = graphs()
    images, labels = np.zeros((8, RESOLUTION, RESOLUTION, 3), np.uint8), np.zeros((8, 0), np.float32)
    for index in range(2):
        step.run(index, images, labels)
    assert graphs() == before


@pytest.mark.parametrize("family", GENERATORS)
def test_graphs_of_gradients_go_for_every_family(family):
    """Some gradients made TensorFlow keep a graph for good; see `sum_of_biases`."""
    step = make_step(family)
    before = graphs()
    for phase in ("G", "D", "D_reg"):
        step.gradients.trace(phase, tf.zeros([4, 8, 8, 3], tf.uint8), tf.zeros([4, 0]))
    assert graphs() == before


@pytest.mark.parametrize(("queries", "keys"), [(9, 4), (4, 9)])
def test_graphs_of_attention_go(queries, keys):
    layer = BipartiteAttention(6)
    x, y = tf.zeros([2, queries, 6]), tf.zeros([2, keys, 6])
    positions = {"x_pos": tf.zeros([queries, 6]), "y_pos": tf.zeros([keys, 6])}
    layer(x, y, **positions)
    before = graphs()

    def gradients():
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(layer(x, y, **positions)[0])
        return tape.gradient(loss, raw_variables(layer.trainable_variables))

    tf.function(gradients, autograph=False).get_concrete_function()
    assert graphs() == before


def test_other_c_libraries_manage_without_trimming(monkeypatch):
    monkeypatch.setattr("ctypes.CDLL", lambda name: object())
    process.give_free_memory_back()
