"""Draws belong to samples."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from gansformer_tf.training.draws import SampleStream, phase_seed

SEED = phase_seed(1000, tf.constant(7, tf.int64), 2)


@pytest.mark.parametrize("kind", ["normal", "uniform"])
@pytest.mark.parametrize("shape", [(3,), (5, 7, 1), (1030,), (4, 5)])
def test_rows_are_the_same_for_every_cut_of_the_batch(kind, shape):
    whole = getattr(SampleStream(SEED, 0, 8), kind)((8, *shape)).numpy()
    for size in (1, 2, 4):
        parts = [getattr(SampleStream(SEED, first, size), kind)((size, *shape)) for first in range(0, 8, size)]
        np.testing.assert_array_equal(np.concatenate(parts), whole)
    assert len(np.unique(whole)) > 0.9 * whole.size


def test_folded_axes_and_order():
    whole = SampleStream(SEED, 0, 4).normal((12, 5)).numpy()
    parts = [SampleStream(SEED, first, 2).normal((6, 5)) for first in (0, 2)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    order = list(reversed(range(12)))
    np.testing.assert_array_equal(SampleStream(SEED, 0, 4, order).normal((12, 5)), whole[::-1])
    with pytest.raises(ValueError, match="multiple"):
        SampleStream(SEED, 0, 4).normal((6, 5))


def test_steps_phases_and_calls_draw_different_numbers():
    streams = [
        SampleStream(phase_seed(seed, tf.constant(step, tf.int64), phase), 0, 2)
        for seed, step, phase in ((1, 0, 0), (1, 0, 1), (1, 1, 0), (2, 0, 0))
    ]
    draws = [stream.normal((2, 8)).numpy() for stream in streams for _ in range(2)]
    assert len({draw.tobytes() for draw in draws}) == len(draws)


@pytest.mark.parametrize("size", [8, 9])
def test_the_same_numbers_inside_xla(size):
    def draw(first):
        stream = SampleStream(SEED, first, 2)
        return stream.normal((2, size)), stream.uniform((2, size), minval=-2.0, maxval=3.0)

    compiled = tf.function(draw, jit_compile=True, autograph=False)
    for ours, theirs in zip(compiled(tf.constant(4)), draw(4), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=2e-6)
