"""Random draws that belong to a sample, not to a device or a micro-batch.

Every draw of a training step is a function of (run seed, step, phase, order of the call, index of the sample in the
global batch). So the update is the same however the global batch is cut into replicas and micro-batches, and a resumed
run needs no random state beyond the step number.
"""

from __future__ import annotations

import math
from typing import Any

import tensorflow as tf

from gansformer_tf.ops.random import SeedStream

# Philox makes four 32-bit numbers per counter value, so every sample owns a whole number of counter values.
PHILOX_WORDS = 4
PHILOX_ROUNDS = 10
_MASK32 = 0xFFFFFFFF
_PHILOX = tf.random.Algorithm.PHILOX.value


def phase_seed(seed: int, step: tf.Tensor, phase: int) -> tf.Tensor:
    """Seed of one phase of one step: int64 `[2]`."""
    base = tf.constant([seed & 0x7FFFFFFF, phase], tf.int64)
    return tf.random.experimental.stateless_fold_in(base, tf.cast(step, tf.int64))


class SampleStream(SeedStream):
    """A `SeedStream` whose batched draws are rows of one table over the global batch.

    `normal` and `uniform` return the rows of the samples `first ... first + count` of a table that is the same for every
    cut of the global batch. They are what layers call for draws that differ between samples; the first axis of the shape
    is the batch, or the batch times something (components that were folded into it).

    Args:
        seed: int64 `[2]`.
        first: Index of the first sample at hand in the global batch (may be a traced scalar).
        count: Number of samples at hand.
        compiled: True inside an XLA-compiled function. XLA has generators of its own, so the numbers are then computed
            from the definition of Philox.
        order: Permutation of the samples at hand, int `[count]`, when they do not lie in the order of the global batch.
    """

    def __init__(self, seed: Any, first: Any, count: int, compiled: bool = False, order: Any = None) -> None:
        super().__init__(seed)
        self.first = first
        self.count = count
        self.compiled = compiled
        self.order = order

    def normal(self, shape: Any, dtype: Any = "float32") -> tf.Tensor:
        """Standard normal numbers; `shape[0]` is a multiple of the number of samples at hand."""
        return self._rows(shape, dtype, _normal_bits if self.compiled else tf.raw_ops.StatelessRandomNormalV2)

    def uniform(self, shape: Any, dtype: Any = "float32") -> tf.Tensor:
        """Uniform numbers in [0, 1); `shape[0]` is a multiple of the number of samples at hand."""
        return self._rows(shape, dtype, _uniform_bits if self.compiled else tf.raw_ops.StatelessRandomUniformV2)

    def fork(self) -> SampleStream:
        return SampleStream(self.next(), self.first, self.count, self.compiled, self.order)

    def with_order(self, order: Any) -> SampleStream:
        """The same stream for samples that were put into another order."""
        forked = self.fork()
        forked.order = order
        return forked

    def _rows(self, shape: Any, dtype: Any, generator: Any) -> tf.Tensor:
        shape = [int(size) for size in shape]
        if shape[0] % self.count:
            raise ValueError(f"draws of shape {shape} for {self.count} samples; the first axis must be a multiple.")
        size = math.prod(shape) // self.count
        words = -(-size // PHILOX_WORDS)
        # The key is the seed itself; TensorFlow's scrambling of seeds is another one under XLA.
        seed = tf.cast(self.next(), tf.uint64)
        key = tf.bitwise.left_shift(seed[0], tf.constant(32, tf.uint64)) | (seed[1] & tf.constant(_MASK32, tf.uint64))
        start = tf.cast(tf.convert_to_tensor(self.first), tf.int64) * words
        counter = tf.stack([tf.cast(start, tf.uint64), tf.zeros([], tf.uint64)])
        numbers = generator(
            shape=tf.constant([self.count, words * PHILOX_WORDS]), key=key[tf.newaxis], counter=counter, alg=_PHILOX, dtype=tf.float32
        )
        numbers = numbers[:, :size]
        if self.order is not None:
            numbers = tf.gather(numbers, self.order)
        return tf.cast(tf.reshape(numbers, shape), dtype)


def _philox_bits(shape: tf.Tensor, key: tf.Tensor, counter: tf.Tensor) -> tf.Tensor:
    """Raw 32-bit words of Philox-4x32-10 (Salmon et al. 2011), held in uint64, `[blocks, 4]`."""
    mask = tf.constant(_MASK32, tf.uint64)
    half = tf.constant(32, tf.uint64)
    blocks = math.prod(tf.get_static_value(shape)) // PHILOX_WORDS
    low = counter[0] + tf.cast(tf.range(blocks, dtype=tf.int64), tf.uint64)
    high = tf.fill([blocks], counter[1])
    x = [low & mask, tf.bitwise.right_shift(low, half), high & mask, tf.bitwise.right_shift(high, half)]
    k0, k1 = key[0] & mask, tf.bitwise.right_shift(key[0], half)
    for _ in range(PHILOX_ROUNDS):
        product0 = x[0] * tf.constant(0xD2511F53, tf.uint64)
        product1 = x[2] * tf.constant(0xCD9E8D57, tf.uint64)
        x = [
            tf.bitwise.right_shift(product1, half) ^ x[1] ^ k0,
            product1 & mask,
            tf.bitwise.right_shift(product0, half) ^ x[3] ^ k1,
            product0 & mask,
        ]
        k0 = (k0 + tf.constant(0x9E3779B9, tf.uint64)) & mask
        k1 = (k1 + tf.constant(0xBB67AE85, tf.uint64)) & mask
    return tf.stack(x, axis=1)


def _unit_interval(words: tf.Tensor) -> tf.Tensor:
    """The 23 low bits of each word as a float32 in [0, 1), as TensorFlow's generator does it."""
    mantissa = tf.cast(words & tf.constant(0x7FFFFF, tf.uint64), tf.int32)
    return tf.bitcast(mantissa | 0x3F800000, tf.float32) - 1.0


def _uniform_bits(shape: tf.Tensor, key: tf.Tensor, counter: tf.Tensor, alg: int, dtype: Any) -> tf.Tensor:
    del alg, dtype
    return tf.reshape(_unit_interval(_philox_bits(shape, key, counter)), shape)


def _normal_bits(shape: tf.Tensor, key: tf.Tensor, counter: tf.Tensor, alg: int, dtype: Any) -> tf.Tensor:
    """Box-Muller on pairs of words."""
    del alg, dtype
    uniform = tf.reshape(_unit_interval(_philox_bits(shape, key, counter)), [-1, 2])
    radius = tf.sqrt(-2.0 * tf.math.log(tf.maximum(uniform[:, 0], 1.0e-7)))
    angle = 2.0 * math.pi * uniform[:, 1]
    return tf.reshape(tf.stack([tf.sin(angle) * radius, tf.cos(angle) * radius], axis=1), shape)
