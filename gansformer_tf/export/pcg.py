"""What `numpy.random.default_rng((seed, stream))` draws, computed by standard TensorFlow ops.

An exported model turns seeds into noise and labels by itself; they must be those that the package draws with NumPy.
Sources: O'Neill, "PCG: a family of simple fast space-efficient statistically good algorithms", 2014 (PCG64, XSL-RR);
Marsaglia and Tsang, "The ziggurat method for generating random variables", 2000; Lemire, "Fast random integer
generation in an interval", 2019. The seeding is that of NumPy's SeedSequence.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np
import tensorflow as tf

from gansformer_tf.export.integers import (
    MASK32,
    MASK64,
    Wide,
    add_wide,
    low32,
    multiply_wide,
    shifted_left,
    shifted_right,
    wide_constants,
    word,
    xor,
)

MULTIPLIER = 0x2360ED051FC65DA44385DF649FCCF645
State = tuple[Wide, Wide]  # state and increment, 128-bit words each
BLOCK = 1024  # states that are reached from one state at a time
STRIPS = 256
TAIL_START = 3.6541528853610088  # of the 256 strips under the normal curve
MANTISSA = 2.0**23
# Draws from the tail try pairs of numbers until one fits, each with probability 0.93.
MAX_TAIL_TRIES = 12


def first_state(seed: Any, stream: Any) -> State:
    """State of `default_rng((seed, stream))`.

    Args:
        seed: Integer tensor of any shape, in 0..2**32-1.
        stream: Second word of the seed, likewise; the two are broadcast.
    """
    words = _seed_words(low32(tf.cast(seed, tf.uint64)), low32(tf.cast(stream, tf.uint64)))
    # 64-bit words of two 32-bit ones, low half first; then 128-bit words, high half first.
    a, b, c, d = (tf.bitwise.bitwise_or(words[2 * i], shifted_left(words[2 * i + 1], 32)) for i in range(4))
    increment = (
        tf.bitwise.bitwise_or(shifted_left(c, 1), shifted_right(d, 63)),
        tf.bitwise.bitwise_or(shifted_left(d, 1), word(1)),
    )
    multiplier = (word(MULTIPLIER >> 64), word(MULTIPLIER & MASK64))
    state = add_wide(increment, (a, b))
    return add_wide(multiply_wide(state, multiplier), increment), increment


def standard_normal(state: State, count: int) -> Any:
    """`standard_normal(count, float32)` of a generator: float32 `[count]`. The words of `state` are scalars."""
    # A draw takes 1.014 words on average, with a standard deviation of 0.2: the surplus never runs short.
    words = _words(state, math.ceil(1.02 * count + 4.0 * math.sqrt(count)) + 64)
    size = tf.size(words)
    strip = tf.cast(words & word(STRIPS - 1), tf.int32)
    magnitude = tf.cast(shifted_right(words, 9) & word(0x7FFFFF), tf.int32)
    limits, widths, heights = (tf.constant(table) for table in _strips())
    x = tf.cast(magnitude, tf.float32) * tf.gather(widths, strip)
    x = tf.where(tf.cast(shifted_right(words, 8) & word(1), tf.bool), -x, x)

    # About one word in 80 falls beside the box inside its strip: it takes further words to decide.
    slow = tf.cast(tf.where(magnitude >= tf.gather(limits, strip))[:, 0], tf.int32)
    slow_x, slow_strip = tf.gather(x, slow), tf.gather(strip, slow)
    uniform = tf.cast(shifted_right(words, 8), tf.float32) / 16777216.0
    lower, upper = tf.gather(heights, slow_strip), tf.gather(heights, tf.maximum(slow_strip - 1, 0))
    drawn = (upper - lower) * tf.gather(uniform, tf.minimum(slow + 1, size - 1)) + lower
    wedge = tf.cast(drawn, tf.float64) < tf.exp(-0.5 * tf.square(tf.cast(slow_x, tf.float64)))

    beyond, tries = _tail(uniform, slow, size)
    negative = tf.cast(tf.bitwise.right_shift(tf.gather(magnitude, slow), 8) & 1, tf.bool)
    in_tail = slow_strip == 0
    slow_x = tf.where(in_tail, tf.where(negative, -beyond, beyond), slow_x)
    taken = tf.where(in_tail, 1 + 2 * tries, 2)

    # The words that slow ones take are no draws of their own, also where they look slow.
    reached = _reached(tf.searchsorted(slow, slow + taken))
    begins, ends = tf.boolean_mask(slow + 1, reached), tf.boolean_mask(slow + taken, reached)
    change = tf.math.bincount(tf.minimum(begins, size), minlength=size + 1, maxlength=size + 1)
    change -= tf.math.bincount(tf.minimum(ends, size), minlength=size + 1, maxlength=size + 1)
    rejected = tf.boolean_mask(slow, reached & ~(wedge | in_tail))
    dropped = tf.cumsum(change)[:-1] + tf.math.bincount(rejected, minlength=size, maxlength=size)
    x = tf.tensor_scatter_nd_update(x, slow[:, None], slow_x)
    return tf.ensure_shape(tf.boolean_mask(x, dropped == 0)[:count], [count])


def integers(state: State, limit: int) -> Any:
    """`integers(limit)` of a generator: int64, scalar."""
    if limit == 1:
        return tf.zeros([], tf.int64)
    products = _words(state, 8)[:8] * word(limit)
    # A word is refused with probability limit / 2**32 at most, so that the eighth is never needed.
    fits = low32(products) >= word((2**32 - limit) % limit)
    return tf.cast(shifted_right(products[tf.argmax(fits)], 32), tf.int64)


def _tail(uniform: Any, slow: Any, size: Any) -> tuple[Any, Any]:
    """(magnitude, tries) of draws from the tail, one for each slow word, which is followed by pairs of numbers."""
    offsets = tf.range(1, 2 * MAX_TAIL_TRIES + 1)
    numbers = tf.math.log1p(-tf.gather(uniform, tf.minimum(slow[:, None] + offsets, size - 1)))
    xx, yy = -numbers[:, 0::2] * np.float32(1.0 / TAIL_START), -numbers[:, 1::2]
    first = tf.argmax(yy + yy > xx * xx, axis=1, output_type=tf.int32)
    return TAIL_START + tf.gather(xx, first, batch_dims=1), first + 1


def _reached(following: Any) -> Any:
    """Which elements are met on the way from the first, bool `[n]`; `following` `[n]`, where n is the end.

    By pointer doubling: after k rounds the first 2**k elements of the way are known, and `jumps` leads 2**k on.
    """
    count = tf.size(following)
    reached = tf.cast(tf.one_hot(0, count + 1), tf.int32)
    jumps = tf.concat([tf.reshape(following, [-1]), [count]], axis=0)

    def step(reached: Any, jumps: Any) -> Any:
        reached = tf.maximum(reached, tf.math.unsorted_segment_max(reached, jumps, count + 1))
        return reached, tf.gather(jumps, jumps)

    reached, _ = tf.while_loop(lambda _, jumps: jumps[0] < count, step, (reached, jumps))
    return tf.cast(reached[:-1], tf.bool)


@functools.cache
def _strips() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(limit of the magnitude inside the box, width per unit of magnitude, height of the curve) per strip."""
    area = TAIL_START * math.exp(-0.5 * TAIL_START**2) + math.sqrt(math.pi / 2) * math.erfc(TAIL_START / math.sqrt(2))
    x = np.empty(STRIPS)
    x[-1] = TAIL_START
    for strip in range(STRIPS - 2, 0, -1):
        x[strip] = math.sqrt(-2.0 * math.log(area / x[strip + 1] + math.exp(-0.5 * x[strip + 1] ** 2)))
    heights = np.exp(-0.5 * x**2)
    x[0], heights[0] = area / heights[-1], 1.0  # the bottom strip, as wide as a box of its area with the tail
    limits = np.zeros(STRIPS)
    limits[0] = TAIL_START / x[0] * MANTISSA
    limits[2:] = x[1:-1] / x[2:] * MANTISSA
    return limits.astype(np.int32), (x / MANTISSA).astype(np.float32), heights.astype(np.float32)


def _words(generator: State, count: int) -> Any:
    """32-bit outputs of PCG64, uint64 `[at least count]`: of each 64-bit output first the low half."""
    state, increment = generator
    outputs = (count + 1) // 2
    block = min(BLOCK, outputs)
    starts = _advanced(state, increment, [block * index for index in range(-(-outputs // block))])
    # n steps on from state s is a**n s + c (1 + a + ... + a**(n - 1)).
    powers, sums = _powers(list(range(1, block + 1)))
    steps = multiply_wide(increment, sums)
    high, low = add_wide(multiply_wide((starts[0][:, None], starts[1][:, None]), powers), steps)
    mixed, turns = xor(high, low), shifted_right(high, 58)
    turned = tf.bitwise.bitwise_or(
        tf.bitwise.right_shift(mixed, turns), tf.bitwise.left_shift(mixed, (word(64) - turns) & word(63))
    )
    turned = tf.reshape(turned, [-1])
    return tf.reshape(tf.stack([low32(turned), shifted_right(turned, 32)], axis=1), [-1])


def _advanced(state: Wide, increment: Wide, steps: list[int]) -> Wide:
    powers, sums = _powers(steps)
    return add_wide(multiply_wide(state, powers), multiply_wide(increment, sums))


def _powers(steps: list[int]) -> tuple[Wide, Wide]:
    """Multipliers and sums of multipliers that lead so many steps on."""
    powers, sums = [], []
    for count in steps:
        # (a**n - 1) / (a - 1) needs the quotient exactly, hence the longer modulus
        power = pow(MULTIPLIER, count, (MULTIPLIER - 1) << 128)
        powers.append(power % 2**128)
        sums.append((power - 1) // (MULTIPLIER - 1) % 2**128)
    return wide_constants(powers), wide_constants(sums)


def _seed_words(seed: Any, stream: Any) -> list[Any]:
    """The eight 32-bit words that a SeedSequence of (seed, stream) generates."""
    pool_size = 4
    factor = 0x43B0D7E5

    def hashed(value: Any) -> Any:
        nonlocal factor
        value = xor(value, word(factor))
        factor = factor * 0x931E8875 & MASK32
        value = low32(value * word(factor))
        return xor(value, shifted_right(value, 16))

    def mixed(x: Any, y: Any) -> Any:
        value = low32(word(0xCA01F9DD) * x - word(0x4973F715) * y)
        return xor(value, shifted_right(value, 16))

    pool = [hashed(value) for value in (seed, stream, word(0), word(0))]
    for source in range(pool_size):
        for target in range(pool_size):
            if source != target:
                pool[target] = mixed(pool[target], hashed(pool[source]))
    words, factor = [], 0x8B51F9DD
    for index in range(8):
        value = xor(pool[index % pool_size], word(factor))
        factor = factor * 0x58F38DED & MASK32
        value = low32(value * word(factor))
        words.append(xor(value, shifted_right(value, 16)))
    return words
