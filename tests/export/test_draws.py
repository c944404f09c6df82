"""Seeds give NumPy's draws in the graph, to the last bit or nearly."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from gansformer_tf.export import mersenne, pcg
from gansformer_tf.export.integers import add_wide, multiply_wide, wide_constants

SEEDS = [0, 1, 77, 123456789, 2**31, 2**32 - 1]


def in_graph(function: Any, *specs: tf.TensorSpec) -> Any:
    return tf.function(function, autograph=False).get_concrete_function(*specs)


@pytest.mark.parametrize("count", [1, 7, 544])  # the last: more words than one state has
def test_latents(count: int) -> None:
    draw = in_graph(lambda seeds: mersenne.standard_normal(seeds, count), tf.TensorSpec([None], tf.int64))
    expected = [np.random.RandomState(seed).standard_normal(count) for seed in SEEDS]
    np.testing.assert_allclose(draw(tf.constant(SEEDS, tf.int64)), expected, rtol=0, atol=1e-14)


@pytest.mark.parametrize(("stream", "count"), [(0, 1), (3, 16), (11, 65536)])  # the last has draws from the tail
def test_noise(stream: int, count: int) -> None:
    def draw(seed: Any) -> Any:
        return pcg.standard_normal(pcg.first_state(seed, stream), count)

    graph = in_graph(draw, tf.TensorSpec([], tf.int64))
    for seed in SEEDS:
        expected = np.random.default_rng((seed, stream)).standard_normal(count, np.float32)
        np.testing.assert_allclose(graph(tf.constant(seed, tf.int64)), expected, rtol=0, atol=1e-6)
    if count > 10_000:
        assert np.abs(expected).max() > pcg.TAIL_START, "no draw came from the tail, which was to be tested"


@pytest.mark.parametrize("limit", [1, 2, 3, 10, 1000])
def test_labels(limit: int) -> None:
    draw = in_graph(lambda seed: pcg.integers(pcg.first_state(seed, limit), limit), tf.TensorSpec([], tf.int64))
    for seed in [*SEEDS, *range(2, 30)]:
        assert int(draw(tf.constant(seed, tf.int64))) == np.random.default_rng((seed, limit)).integers(limit)


def test_long_integers() -> None:
    random = np.random.RandomState(0)
    values = [int.from_bytes(random.bytes(16), "big") for _ in range(40)] + [2**128 - 1, 2**64 - 1, 2**64, 1, 0]
    a, b = wide_constants(values), wide_constants(values[::-1])
    pairs = list(zip(values, values[::-1], strict=True))
    for (high, low), expected in (
        (add_wide(a, b), [(x + y) % 2**128 for x, y in pairs]),
        (multiply_wide(a, b), [x * y % 2**128 for x, y in pairs]),
    ):
        assert [(int(h) << 64) + int(lo) for h, lo in zip(high.numpy(), low.numpy(), strict=True)] == expected
