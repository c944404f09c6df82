"""The memory estimate: what is alive in a graph, and what each part of a run adds."""

from __future__ import annotations

import tensorflow as tf

from gansformer_tf.training import memory
from gansformer_tf.training.memory import estimate, peak_bytes
from gansformer_tf.training.step import TrainStep
from tests.training.tiny_networks import tiny_networks, tiny_train_config

MEGABYTE = 4 * 1024 * 256  # bytes of a tensor [1024, 256]


def graph_of(function):
    return tf.function(function).get_concrete_function(tf.TensorSpec([1024, 256])).graph


def peak(function) -> float:
    graph = graph_of(function)
    return peak_bytes(graph, graph.outputs) / MEGABYTE


def estimated(**changes):
    return estimate(TrainStep(*tiny_networks(), tiny_train_config(**changes)))


def test_views_share_the_memory_of_their_input():
    assert peak(lambda x: tf.sin(tf.reshape(tf.identity(tf.sin(x)), [256, 1024]))) < 2.1


def test_what_is_needed_later_stays():
    def function(x):
        kept = [tf.sin(x) for _ in range(5)]
        return tf.add_n([tf.reduce_sum(part) for part in kept])

    assert 5 <= peak(function) < 6.1


def test_what_nothing_needs_is_not_counted():
    def function(x):
        tf.linalg.matmul(x, x, transpose_b=True)
        return tf.reduce_sum(x)

    assert peak(function) < 0.1


def test_fewer_images_at_once_need_less():
    whole, parts = estimated(), estimated(batch_size_per_replica=2)
    assert parts.activations < whole.activations
    assert parts.weights == whole.weights
    assert parts.optimizer == whole.optimizer


def test_path_length_adds_to_the_other_phases():
    assert estimated().activations > estimated(path_length=False).activations


def test_path_length_finds_gaps_that_do_not_fit(monkeypatch):
    found, without = estimated(), estimated(path_length=False)
    monkeypatch.setattr(memory, "_PATH_LENGTH_GAPS", 0)
    assert found.activations > estimated().activations
    assert without == estimated(path_length=False)


def test_a_batch_in_parts_keeps_the_sum_of_their_gradients():
    step = TrainStep(*tiny_networks(), tiny_train_config(batch_size_per_replica=2))
    sizes = [
        sum(4 * variable.shape.num_elements() for variable in network.trainable_variables)
        for network in (step.generator, step.discriminator)
    ]
    assert estimate(step).gradients in sizes
