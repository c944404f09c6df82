"""Counts of scenes and distances between them."""

from __future__ import annotations

import numpy as np
import pytest

from gansformer_tf.metrics.composition.distributions import NUM_FACTORS, counts_of, distance, factors_of, parts

CLASSES = {"shape": np.array([0, 2]), "color": np.array([1, 1]), "size": np.array([1, 0]), "material": np.array([0, 0])}
PLACES = np.array([[3.0, 60.0], [33.0, 20.0]])


def test_counts_of_a_scene():
    found = parts(counts_of(CLASSES, PLACES))
    assert found["count"].argmax() == 2 and found["count"].sum() == 1
    np.testing.assert_array_equal(found["shape"], [1, 0, 1])
    np.testing.assert_array_equal(found["color"], [0, 2, 0, 0, 0, 0, 0, 0])
    np.testing.assert_array_equal(np.flatnonzero(found["place"]), [3, 9])


def test_an_empty_scene():
    none = {name: np.zeros(0, int) for name in CLASSES}
    counts = counts_of(none, np.zeros((0, 2)))
    assert counts.sum() == 1 and parts(counts)["count"][0] == 1
    assert list(factors_of(counts, np.zeros((0, 2)))[[0, -2, -1]]) == [0.0, 31.5, 31.5]


def test_factors_of_a_scene():
    found = factors_of(counts_of(CLASSES, PLACES), PLACES)
    assert len(found) == NUM_FACTORS and found[0] == 2 and list(found[-2:]) == [18.0, 40.0]


def test_distances():
    assert distance([1, 2, 3], [2, 4, 6]) == 0
    assert distance([1, 0], [0, 5]) == 1
    assert distance([1, 1], [1, 3]) == pytest.approx(0.25)
    assert distance([0, 0], [1, 1]) == 1
