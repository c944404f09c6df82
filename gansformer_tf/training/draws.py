"""Random draws that belong to a sample, not to a device or a micro-batch.

Every draw of a training step is a function of (run seed, step, phase, order of the call, index of the sample in the
global batch). So the update is the same however the global batch is cut into replicas and micro-batches, and a resumed
run needs no random state beyond the step number.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from gansformer_tf.ops import _philox
from gansformer_tf.ops.random import SeedStream


def phase_seed(seed: int, step: tf.Tensor, phase: int) -> tf.Tensor:
    """Seed of one phase of one step: int64 `[2]`."""
    base = tf.constant([seed & 0x7FFFFFFF, phase], tf.int64)
    return tf.random.experimental.stateless_fold_in(base, tf.cast(step, tf.int64))


class SampleStream(SeedStream):
    """A `SeedStream` whose batched draws are rows of one table over the global batch.

    `normal` and `uniform` return the rows of the samples `first ... first + count` of a table that is the same for
    every cut of the global batch. The first axis of the shape is the batch, or the batch times something that was
    folded into it (components, pairs), with the sample as the slower index.

    Args:
        seed: int64 `[2]`.
        first: Index of the first sample at hand in the global batch (may be a traced scalar).
        count: Number of samples at hand.
        order: Permutation of the first axis of the draws, when it does not lie in the order of the global batch.
    """

    def __init__(self, seed: Any, first: Any, count: int, order: Any = None) -> None:
        super().__init__(seed)
        self.first = first
        self.count = count
        self.order = order

    def normal(self, shape: Any, dtype: str | None = None, stddev: float = 1.0) -> tf.Tensor:
        """Normal numbers with mean 0; `shape[0]` is a multiple of the number of samples at hand."""
        draws = self._rows(shape, _philox.normal)
        return tf.cast(draws * stddev if stddev != 1.0 else draws, dtype or tf.float32)

    def uniform(self, shape: Any, dtype: str | None = None, minval: float = 0.0, maxval: float = 1.0) -> tf.Tensor:
        """Uniform numbers in [minval, maxval); `shape[0]` is a multiple of the number of samples at hand."""
        draws = self._rows(shape, _philox.uniform)
        if (minval, maxval) != (0.0, 1.0):
            draws = draws * (maxval - minval) + minval
        return tf.cast(draws, dtype or tf.float32)

    def fork(self) -> SampleStream:
        return SampleStream(self.next(), self.first, self.count, self.order)

    def copy(self) -> SampleStream:
        duplicate = SampleStream(self.seed, self.first, self.count, self.order)
        duplicate.draws = self.draws
        return duplicate

    def with_order(self, order: Any) -> SampleStream:
        """An independent stream for the same samples in another order."""
        return SampleStream(self.next(), self.first, self.count, order)

    def _rows(self, shape: Any, draw: Callable[..., tf.Tensor]) -> tf.Tensor:
        shape = [int(size) for size in shape]
        if shape[0] % self.count:
            raise ValueError(f"draws of shape {shape} for {self.count} samples; the first axis must be a multiple.")
        size = math.prod(shape) // self.count
        # Every sample owns a whole number of generator blocks, so its numbers can be reached by skipping.
        blocks = -(-size // _philox.WORDS)
        skip = tf.cast(tf.convert_to_tensor(self.first), tf.int64) * blocks
        if size == blocks * _philox.WORDS:
            numbers = draw(shape, self.next(), skip)
        else:
            numbers = draw([self.count, blocks * _philox.WORDS], self.next(), skip)
            numbers = tf.reshape(numbers[:, :size], shape)
        return numbers if self.order is None else tf.gather(numbers, self.order)
