"""Draws are a function of the seed and the order of calls."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from gansformer_tf.ops import SeedStream


def draws(seed, batch=3):
    stream = SeedStream(seed)
    return [stream.normal((batch, 4, 5, 1)), stream.uniform((batch, 7)), stream.normal((batch, 3))]


def same(first, second) -> bool:
    return all(np.max(np.abs(a - b)) < 5e-6 for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize("jit", [False, True])
def test_eager_graph_and_xla_draw_the_same(jit):
    function = tf.function(draws, jit_compile=jit, autograph=False)
    for seed in ([5, 0], [2**31 - 1, 12345]):
        assert same(function(tf.constant(seed)), draws(np.array(seed)))


@pytest.mark.parametrize(
    ("seed", "normal", "uniform"),
    [
        (7, [[2.2560453, 0.45704219, -0.86348504], [0.42213422, 0.42962384, -1.1385111]], [0.35471463, 0.98965931]),
        (
            2**40 + 3,
            [[0.24300067, -0.071358278, -0.27672285], [0.7140826, -1.1494279, 0.14026783]],
            [0.021767974, 0.50639248],
        ),
    ],
)
def test_a_seed_keeps_its_numbers(seed, normal, uniform):
    """Images are told by their seeds, also to another version."""
    stream = SeedStream(seed)
    np.testing.assert_allclose(stream.normal((2, 3)), normal, atol=1e-6)
    np.testing.assert_allclose(stream.uniform((2,)), uniform, atol=1e-6)


def test_forms_of_a_seed():
    assert same(draws(5), draws(np.array([5, 0])))
    assert same(draws(5), draws(tf.constant([5, 0], tf.int64)))
    stream = SeedStream(5)
    stream.next()
    copy = SeedStream(stream)
    assert np.array_equal(stream.next(), copy.next())
    assert not same(draws(5), draws(6))
    assert not same(draws(5), draws(5 + 2**40))
    for wrong in (1.5, "7", [1, 2, 3], None, True):
        with pytest.raises(ValueError, match="seed has"):
            SeedStream(wrong)


def test_a_longer_batch_starts_with_the_same_samples():
    for short, long in zip(draws(9, 2), draws(9, 6), strict=True):
        np.testing.assert_array_equal(short, long[:2])


def test_neighbouring_seeds_share_no_draws():
    seen = set()
    for step in range(50):
        stream = SeedStream(np.array([1, step]))
        for _ in range(50):
            seen.add(tuple(np.asarray(stream.next())))
    assert len(seen) == 2500


def test_draws_have_the_right_distribution():
    stream = SeedStream(3)
    normal, uniform = np.asarray(stream.normal((40000,))), np.asarray(stream.uniform((40000,)))
    assert abs(normal.mean()) < 0.02 and abs(normal.std() - 1) < 0.02 and abs((normal**4).mean() - 3) < 0.15
    assert uniform.min() >= 0 and uniform.max() < 1
    assert abs(uniform.mean() - 0.5) < 0.01 and abs(uniform.var() - 1 / 12) < 0.003
    assert abs(np.corrcoef(normal, uniform)[0, 1]) < 0.02
    scaled = np.asarray(SeedStream(3).uniform((1000,), minval=-2.0, maxval=3.0))
    assert scaled.min() >= -2 and scaled.max() < 3 and scaled.max() - scaled.min() > 4.5
    assert stream.normal((3,), dtype="bfloat16").dtype == tf.bfloat16
    assert 1.8 < np.std(stream.normal((4000,), stddev=2.0)) < 2.2


def test_keras_random_takes_a_stream():
    first, second = (keras.random.normal((4,), seed=SeedStream(3)) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    stream = SeedStream(3)
    assert not np.array_equal(keras.random.normal((4,), seed=stream), keras.random.normal((4,), seed=stream))


def test_a_fork_restarts():
    fork = SeedStream(3).fork()
    first, second = (SeedStream(fork).normal((4,)) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, SeedStream(3).normal((4,)))
