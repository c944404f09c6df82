from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from gansformer_tf.training import mixing
from gansformer_tf.training.phases import group_order


def test_mixing_takes_the_second_latents_from_the_cutoff_on():
    w, other = tf.zeros([3, 2, 5, 1]), tf.ones([3, 2, 5, 1])
    mixed = mixing.mix_after(w, other, tf.constant([1, 3, 5]), mixing.LAYER_AXIS)
    np.testing.assert_array_equal(mixed[:, 0, :, 0], [[0, 1, 1, 1, 1], [0, 0, 0, 1, 1], [0, 0, 0, 0, 0]])
    mixed = mixing.mix_after(w, other, tf.constant([1, 2, 2]), mixing.COMPONENT_AXIS)
    np.testing.assert_array_equal(mixed[:, :, 0, 0], [[0, 1], [0, 0], [0, 0]])


@pytest.mark.parametrize("probability", [0.0, 0.5, 1.0])
def test_cutoffs(probability):
    uniform = tf.random.stateless_uniform([4000, 2], [1, 2])
    cutoffs = mixing.draw_cutoffs(uniform, probability, 6).numpy()
    assert np.mean(cutoffs < 6) == pytest.approx(probability, abs=0.03)
    assert cutoffs.min() >= 1
    if probability == 1.0:
        assert set(cutoffs) == {1, 2, 3, 4, 5}
        assert np.bincount(cutoffs)[1:].std() < 60


def test_entries_that_do_not_count_are_on_one_side_for_free():
    uniform = tf.constant(np.random.default_rng(0).random((500, 2)), tf.float32)
    assert set(mixing.draw_cutoffs(uniform, 1.0, 6, first=1).numpy()) == {2, 3, 4, 5}
    np.testing.assert_array_equal(mixing.draw_cutoffs(tf.zeros([2, 2]), 1.0, 2, first=1), [2, 2])


def test_an_axis_of_one_is_never_mixed():
    np.testing.assert_array_equal(mixing.draw_cutoffs(tf.zeros([3, 2]), 1.0, 1), [1, 1, 1])


def groups(samples, group_size):
    """Sets of samples that the discriminator's statistics layer puts together."""
    columns = len(samples) // min(group_size, len(samples))
    return {frozenset(samples[column::columns]) for column in range(columns)}


@pytest.mark.parametrize("cut", [16, 8, 4])
def test_statistics_groups_are_the_same_for_every_cut(cut):
    found = set()
    for first in range(0, 16, cut):
        order = group_order(cut, 4) or range(cut)
        found |= groups([first + index for index in order], 4)
    assert found == {frozenset(range(first, first + 4)) for first in range(0, 16, 4)}
