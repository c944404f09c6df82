"""K-means on points whose clusters are known."""

from __future__ import annotations

import numpy as np

from gansformer_tf.metrics.composition.clusters import clusters_of_features, clusters_of_places, kmeans


def test_clusters_far_apart_are_found():
    random = np.random.default_rng(0)
    middles = random.normal(size=(4, 3)) * 50
    names = random.integers(0, 4, 200)
    found = kmeans(middles[names] + random.normal(size=(200, 3)), 4)
    assert all(len(np.unique(found[names == name])) == 1 for name in range(4)) and len(np.unique(found)) == 4


def test_fewer_points_than_clusters():
    assert list(kmeans(np.array([[0.0], [0.0], [1.0]]), 5)) in ([0, 0, 1], [1, 1, 0])


def test_places_are_cut_into_regions_of_about_one_size():
    found = clusters_of_places(32, 8)
    sizes = np.bincount(found.ravel(), minlength=8)
    assert found.shape == (32, 32) and len(sizes) == 8 and sizes.min() > 0.5 * 1024 / 8
    np.testing.assert_array_equal(found, clusters_of_places(32, 8))


def test_channels_of_features_weigh_alike():
    """A channel of large numbers that says nothing does not hide one of small numbers that does."""
    random = np.random.default_rng(1)
    half = np.repeat([[0.0], [1e-3]], 8, axis=0).repeat(16, axis=1)  # upper and lower half
    features = np.stack([half, half, half, random.normal(size=(16, 16)) * 1e3], axis=-1)
    found = clusters_of_features(features, 2)
    assert (found[:8] == found[0, 0]).mean() > 0.95 and (found[8:] != found[0, 0]).mean() > 0.95
