"""What `numpy.random.RandomState(seed).standard_normal` draws, computed by standard TensorFlow ops.

An exported model turns seeds into latents by itself; they must be the latents that the package draws with NumPy.
Sources: Matsumoto and Nishimura, "Mersenne Twister", 1998 (MT19937); Marsaglia's polar method for the normal draws.
"""

from __future__ import annotations

import math
from typing import Any

import tensorflow as tf

SIZE, SHIFT = 624, 397
# The 624 words of the first state follow from each other; a loop of longer steps spends less time between its ops.
UNROLLED = 26
WORDS_PER_PAIR = 4  # two doubles of 53 bits


def standard_normal(seeds: Any, count: int) -> Any:
    """Normal draws of several seeds.

    Args:
        seeds: Integer `[batch]`, each in 0..2**32-1.
        count: Draws per seed.

    Returns:
        float64 `[batch, count]`.
    """
    pairs = (count + 1) // 2
    # A pair is accepted with probability pi / 4; a surplus of 12 standard deviations never runs short.
    candidates = math.ceil((pairs + 12.0 * math.sqrt(pairs) + 16.0) * 4.0 / math.pi)
    words = _words(seeds, candidates * WORDS_PER_PAIR)
    x = 2.0 * _doubles(words) - 1.0
    x = tf.reshape(x, [-1, candidates, 2])
    square = tf.reduce_sum(x * x, axis=-1)
    accepted = (square < 1.0) & (square != 0.0)
    ranks = tf.tile(tf.range(1, pairs + 1)[None], [tf.shape(seeds)[0], 1])
    chosen = tf.searchsorted(tf.cumsum(tf.cast(accepted, tf.int32), axis=1), ranks)
    x, square = tf.gather(x, chosen, batch_dims=1), tf.gather(square, chosen, batch_dims=1)
    draws = tf.sqrt(-2.0 * tf.math.log(square) / square)[..., None] * x[..., ::-1]  # the second of a pair comes first
    return tf.reshape(draws, [-1, 2 * pairs])[:, :count]


def _doubles(words: Any) -> Any:
    """Uniform float64 in [0, 1) from pairs of 32-bit words, `[batch, words / 2]`."""
    high, low = shifted_right(words[:, 0::2], 5), shifted_right(words[:, 1::2], 6)
    return (tf.cast(high, tf.float64) * 67108864.0 + tf.cast(low, tf.float64)) / 9007199254740992.0


def _words(seeds: Any, count: int) -> Any:
    """32-bit outputs of MT19937, `[batch, at least count]`."""
    state = _first_state(low32(tf.cast(seeds, tf.uint64)))
    outputs = []
    for _ in range(-(-count // SIZE)):
        state = _twist(state)
        outputs.append(_temper(state))
    return tf.concat(outputs, axis=1)[:, :count]


def _first_state(seeds: Any) -> Any:
    def step(start: Any, last: Any, states: Any) -> Any:
        words = []
        for offset in range(UNROLLED):
            words.append(last)
            number = tf.cast(start + offset + 1, tf.uint64)
            last = low32(word(1812433253) * xor(last, shifted_right(last, 30)) + number)
        return start + UNROLLED, last, states.write(start // UNROLLED, tf.stack(words))

    states = tf.TensorArray(tf.uint64, size=SIZE // UNROLLED, element_shape=[UNROLLED, None])
    _, _, states = tf.while_loop(lambda start, *_: start < SIZE, step, (tf.constant(0), seeds, states))
    return tf.transpose(states.concat())  # [batch, 624]


def _twist(state: Any) -> Any:
    """The next 624 words; each needs the word 397 places on, which for later ones is a new word."""

    def mixed(upper: Any, lower: Any) -> Any:
        y = tf.bitwise.bitwise_or(upper & word(0x80000000), lower & word(0x7FFFFFFF))
        return xor(shifted_right(y, 1), (y & word(1)) * word(0x9908B0DF))

    steps = mixed(state[:, :-1], state[:, 1:])  # all but the last word
    lag = SIZE - SHIFT
    first = xor(state[:, SHIFT:], steps[:, :lag])
    second = xor(first, steps[:, lag : 2 * lag])
    third = xor(second[:, : SIZE - 1 - 2 * lag], steps[:, 2 * lag :])
    last = xor(second[:, SIZE - 1 - 2 * lag : SIZE - 2 * lag], mixed(state[:, -1:], first[:, :1]))
    return tf.concat([first, second, third, last], axis=1)


def _temper(words: Any) -> Any:
    words = xor(words, shifted_right(words, 11))
    words = xor(words, shifted_left(words, 7) & word(0x9D2C5680))
    words = xor(words, shifted_left(words, 15) & word(0xEFC60000))
    return xor(words, shifted_right(words, 18))


# 32-bit words are held in uint64.


def word(value: int) -> Any:
    """A constant."""
    return tf.constant(value, tf.uint64)


def low32(x: Any) -> Any:
    """x modulo 2**32."""
    return tf.bitwise.bitwise_and(x, word(0xFFFFFFFF))


def shifted_right(x: Any, bits: int) -> Any:
    """x // 2**bits."""
    return tf.bitwise.right_shift(x, word(bits))


def shifted_left(x: Any, bits: int) -> Any:
    """x * 2**bits modulo 2**64."""
    return tf.bitwise.left_shift(x, word(bits))


def xor(x: Any, y: Any) -> Any:
    """Bitwise exclusive or."""
    return tf.bitwise.bitwise_xor(x, y)
