"""Codes start among the vectors, and dead ones come back."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from gansformer_tf.models.vqgan.quantizers import NearestCodes, perplexity
from gansformer_tf.ops.random import SeedStream
from gansformer_tf.training.vqgan.codebook import codes_in_use, codes_without_dead, kmeans_codes, some_vectors

CENTRES = np.array([[5, 5], [-5, 5], [5, -5], [-5, -5]], np.float32)


def clusters(count: int = 200) -> tf.Tensor:
    random = np.random.default_rng(0)
    return tf.constant(CENTRES[np.arange(count) % 4] + 0.1 * random.standard_normal((count, 2)), tf.float32)


def book(count: int) -> NearestCodes:
    layer = NearestCodes(count, 2)
    layer.build()
    return layer


def error(layer: NearestCodes, vectors: tf.Tensor) -> float:
    return float(tf.reduce_mean(tf.square(layer.vectors(layer.nearest(vectors)) - vectors)))


def test_kmeans_finds_the_clusters():
    layer, vectors = book(12), clusters()
    fresh = error(layer, vectors)
    layer.codebook.assign(kmeans_codes(layer, vectors, SeedStream(1), steps=0))
    chosen = error(layer, vectors)
    layer.codebook.assign(kmeans_codes(layer, vectors, SeedStream(1)))
    assert error(layer, vectors) < chosen < fresh
    assert error(layer, vectors) < 0.02


def test_the_start_follows_the_seed():
    books = []
    for seed in (1, 1, 2):
        books.append(np.asarray(kmeans_codes(book(6), clusters(), SeedStream(seed))))
    np.testing.assert_array_equal(books[0], books[1])
    assert np.abs(books[0] - books[2]).max() > 1e-4


def test_dead_codes_move_and_the_others_stay():
    layer, vectors = book(8), clusters()
    layer.codebook.assign(np.concatenate([CENTRES, np.full((4, 2), 100.0)]))
    before = codes_in_use(layer.nearest(vectors), 8)
    assert float(perplexity(before)) < 4.01
    layer.codebook.assign(codes_without_dead(layer, before, vectors, SeedStream(3)))
    np.testing.assert_array_equal(layer.codebook[:4], CENTRES)
    after = np.asarray(codes_in_use(layer.nearest(vectors), 8))
    assert (after > 0).all() and float(perplexity(after)) > 5.0
    np.testing.assert_array_equal(codes_without_dead(layer, after, vectors, SeedStream(3)), layer.codebook)


def test_few_vectors_are_taken_more_than_once():
    chosen = np.asarray(some_vectors(clusters(3), 7, SeedStream(0)))
    assert chosen.shape == (7, 2) and len(np.unique(chosen, axis=0)) == 3
    assert len(np.unique(some_vectors(clusters(50), 50, SeedStream(0)), axis=0)) == 50
