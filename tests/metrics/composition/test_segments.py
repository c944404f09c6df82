"""Overlap, Rand index and purity on segments whose numbers are known."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from gansformer_tf.metrics.composition.overlap import assignment, iou_table, matched_iou
from gansformer_tf.metrics.composition.purity import component_purity
from gansformer_tf.metrics.composition.rand_index import adjusted_rand_index, foreground_ari

# four objects of 4x4 pixels on a background
OBJECTS = np.zeros((16, 16), int)
for number, (row, column) in enumerate(itertools.product((2, 10), (2, 10)), start=1):
    OBJECTS[row : row + 4, column : column + 4] = number


def purity(objects: np.ndarray, segments: np.ndarray, count: int) -> float:
    best, everything = component_purity(objects, segments, count)
    return best.sum() / everything.sum()


@pytest.mark.parametrize("shape", [(1, 1), (3, 3), (4, 6), (6, 4), (5, 1), (7, 7)])
def test_the_assignment_is_the_best_of_all(shape):
    gains = np.random.default_rng(sum(shape)).random(shape)
    rows, columns = assignment(gains)
    assert len(rows) == min(shape) and len(set(columns)) == len(columns) and list(rows) == sorted(rows)
    wide = gains if shape[0] <= shape[1] else gains.T
    every = itertools.permutations(range(wide.shape[1]), wide.shape[0])
    best = max(wide[np.arange(len(wide)), list(chosen)].sum() for chosen in every)
    np.testing.assert_allclose(gains[rows, columns].sum(), best)


def test_the_assignment_is_that_of_scipy():
    optimize = pytest.importorskip("scipy.optimize")
    random = np.random.default_rng(0)
    for _ in range(100):
        gains = np.round(random.random(random.integers(1, 12, 2)), 1)  # with ties
        rows, columns = optimize.linear_sum_assignment(gains, maximize=True)
        np.testing.assert_allclose(gains[assignment(gains)].sum(), gains[rows, columns].sum())


def test_an_empty_table_has_no_pairs():
    assert [len(part) for part in assignment(np.zeros((0, 4)))] == [0, 0]


def test_perfect_segments():
    for segments in (OBJECTS, (OBJECTS + 2) % 5):  # names do not matter
        assert matched_iou(OBJECTS, segments, 5) == 1.0
        assert foreground_ari(OBJECTS, segments, 5) == 1.0
        assert purity(OBJECTS, segments, 5) == 1.0


def test_shifted_segments():
    # half of each object falls out on one side: 8 shared, 24 united
    shifted = np.roll(OBJECTS, 2, axis=1)
    np.testing.assert_allclose(np.diag(iou_table(OBJECTS, shifted, 5)[:, 1:]), 8 / 24)
    np.testing.assert_allclose(matched_iou(OBJECTS, shifted, 5), 8 / 24)
    # halves of the objects in segments of their own, the other halves together in segment 0
    best, everything = component_purity(OBJECTS, shifted, 5)
    np.testing.assert_array_equal(everything, [32, 8, 8, 8, 8])
    np.testing.assert_array_equal(best, [8, 8, 8, 8, 8])
    # pairs: 4 objects of 16; cells of 8 (eight of them); columns of 32, 8, 8, 8, 8; 64 pixels
    together, rows, columns, pairs = 8 * 28, 4 * 120, 496 + 4 * 28, 64 * 63 / 2
    expected = rows * columns / pairs
    known = (together - expected) / ((rows + columns) / 2 - expected)
    np.testing.assert_allclose(foreground_ari(OBJECTS, shifted, 5), known)


def test_segments_far_off_share_nothing():
    # only the segment of the background, 192 pixels, covers objects; one of the four is matched to it
    np.testing.assert_allclose(matched_iou(OBJECTS, np.roll(OBJECTS, 4, axis=1), 5), 16 / 192 / 4)


def test_one_segment_for_all():
    everywhere = np.zeros_like(OBJECTS)
    np.testing.assert_allclose(matched_iou(OBJECTS, everywhere, 1), 16 / 256 / 4)
    assert foreground_ari(OBJECTS, everywhere, 1) == 0.0
    assert purity(OBJECTS, everywhere, 1) == 0.25


def test_random_segments_are_at_chance():
    random = np.random.default_rng(1)
    found = [foreground_ari(OBJECTS, random.integers(0, 5, OBJECTS.shape), 5) for _ in range(300)]
    assert abs(np.mean(found)) < 3 * np.std(found) / np.sqrt(len(found)) + 0.002


def test_fewer_segments_than_objects_leave_some_at_nothing():
    halves = (np.arange(16) >= 8).astype(int)[None].repeat(16, axis=0)  # left and right half
    np.testing.assert_allclose(matched_iou(OBJECTS, halves, 2), 2 * (16 / 128) / 4)
    assert purity(OBJECTS, halves, 2) == 0.5


def test_images_that_say_nothing_are_nan():
    assert np.isnan(matched_iou(np.zeros((4, 4), int), OBJECTS[:4, :4], 5))
    assert np.isnan(foreground_ari((OBJECTS == 1).astype(int), OBJECTS, 5))


def test_the_index_of_hubert_and_arabie_by_hand():
    # classes {0,1,2}, {3,4,5} against segments {0,1}, {2,3}, {4,5}
    assert adjusted_rand_index([[2, 1, 0], [0, 1, 2]]) == pytest.approx((2 - 6 * 3 / 15) / ((6 + 3) / 2 - 6 * 3 / 15))
    metrics = pytest.importorskip("sklearn.metrics")
    random = np.random.default_rng(2)
    for _ in range(20):
        a, b = random.integers(0, 4, (2, 50))
        table = np.histogram2d(a, b, bins=(4, 4), range=((0, 4), (0, 4)))[0]
        assert adjusted_rand_index(table) == pytest.approx(metrics.adjusted_rand_score(a, b))
