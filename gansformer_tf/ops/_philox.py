"""Philox-4x32-10 draws for TensorFlow that are the same numbers in eager mode, in graphs and under XLA.

TensorFlow's stateless generators scramble the seed and lay out the counters differently under XLA, so there the
numbers are computed from the definition (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011).
"""

from __future__ import annotations

import math
from typing import Any

import tensorflow as tf

from gansformer_tf.ops._formulation import in_xla

WORDS = 4
ROUNDS = 10
_MASK32 = 0xFFFFFFFF
_ALGORITHM = tf.random.Algorithm.PHILOX.value


def normal(shape: Any, seed: Any, skip: Any = 0) -> Any:
    """Standard normal float32 draws; a longer first axis repeats the same numbers first. `seed` is integer [2].

    `skip` leaves out that many blocks of `WORDS` numbers at the start.
    """
    if in_xla():
        uniform = tf.reshape(_unit_interval(_words(shape, seed, skip)), [-1, 2])
        # Box-Muller on pairs of words, with TensorFlow's floor under the logarithm.
        radius = tf.sqrt(-2.0 * tf.math.log(tf.maximum(uniform[:, 0], 1.0e-7)))
        angle = 2.0 * math.pi * uniform[:, 1]
        return _cut(tf.stack([tf.sin(angle) * radius, tf.cos(angle) * radius], axis=1), shape)
    return tf.raw_ops.StatelessRandomNormalV2(**_arguments(shape, seed, skip))


def uniform(shape: Any, seed: Any, skip: Any = 0) -> Any:
    """Uniform float32 draws in [0, 1), else as `normal`."""
    if in_xla():
        return _cut(_unit_interval(_words(shape, seed, skip)), shape)
    return tf.raw_ops.StatelessRandomUniformV2(**_arguments(shape, seed, skip))


def words(shape: Any, seed: Any, skip: Any = 0) -> Any:
    """Uniform uint32 words, else as `normal`."""
    if in_xla():
        return _cut(tf.cast(_words(shape, seed, skip), tf.uint32), shape)
    return tf.raw_ops.StatelessRandomUniformFullIntV2(**_arguments(shape, seed, skip) | {"dtype": tf.uint32})


def _key(seed: Any) -> Any:
    """Low half of seed[0] above the low half of seed[1], as one uint64 (the word of less weight lies first)."""
    return tf.bitcast(tf.reverse(tf.cast(seed, tf.uint32), [0]), tf.uint64)


def _arguments(shape: Any, seed: Any, skip: Any) -> dict[str, Any]:
    counter = tf.stack([tf.cast(skip, tf.uint64), tf.constant(0, tf.uint64)])
    key = tf.expand_dims(_key(seed), 0)
    return {"shape": shape, "key": key, "counter": counter, "alg": _ALGORITHM, "dtype": tf.float32}


def _words(shape: Any, seed: Any, skip: Any) -> Any:
    """Enough 32-bit words for `shape`, held in uint64, [blocks, 4]."""
    mask, half = tf.constant(_MASK32, tf.uint64), tf.constant(32, tf.uint64)
    size = tf.reduce_prod(tf.cast(tf.stack(shape), tf.int64))
    low = tf.cast(tf.cast(skip, tf.int64) + tf.range((size + WORDS - 1) // WORDS), tf.uint64)
    zero = tf.zeros_like(low)
    x = [low & mask, tf.bitwise.right_shift(low, half), zero, zero]
    key = _key(seed)
    k0, k1 = key & mask, tf.bitwise.right_shift(key, half)
    for _ in range(ROUNDS):
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


def _unit_interval(words: Any) -> Any:
    """The 23 low bits of each word as a float32 in [0, 1)."""
    mantissa = tf.cast(words & tf.constant(0x7FFFFF, tf.uint64), tf.int32)
    return tf.bitcast(mantissa | 0x3F800000, tf.float32) - 1.0


def _cut(numbers: Any, shape: Any) -> Any:
    size = tf.reduce_prod(tf.stack(shape))
    return tf.reshape(tf.reshape(numbers, [-1])[:size], shape)
