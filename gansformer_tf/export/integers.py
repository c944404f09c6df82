"""Integer arithmetic of random generators in TensorFlow's standard ops, all of it in uint64.

32-bit words are held in uint64, 128-bit words as pairs (high, low).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

MASK32 = 0xFFFFFFFF
MASK64 = 0xFFFFFFFFFFFFFFFF
Wide = tuple[Any, Any]


def word(value: int) -> Any:
    """A constant."""
    return tf.constant(value, tf.uint64)


def low32(x: Any) -> Any:
    """x modulo 2**32."""
    return tf.bitwise.bitwise_and(x, word(MASK32))


def shifted_right(x: Any, bits: int) -> Any:
    """x // 2**bits."""
    return tf.bitwise.right_shift(x, word(bits))


def shifted_left(x: Any, bits: int) -> Any:
    """x * 2**bits modulo 2**64."""
    return tf.bitwise.left_shift(x, word(bits))


def xor(x: Any, y: Any) -> Any:
    """Bitwise exclusive or."""
    return tf.bitwise.bitwise_xor(x, y)


def wide_constants(values: list[int]) -> Wide:
    """128-bit constants, one per value."""
    high = np.array([value >> 64 & MASK64 for value in values], np.uint64)
    low = np.array([value & MASK64 for value in values], np.uint64)
    return tf.constant(high), tf.constant(low)


def add_wide(a: Wide, b: Wide) -> Wide:
    """a + b modulo 2**128."""
    low = a[1] + b[1]
    return a[0] + b[0] + tf.cast(low < a[1], tf.uint64), low


def multiply_wide(a: Wide, b: Wide) -> Wide:
    """a * b modulo 2**128."""
    high = _multiply_high(a[1], b[1]) + a[0] * b[1] + a[1] * b[0]
    return high, a[1] * b[1]


def _multiply_high(a: Any, b: Any) -> Any:
    """The high 64 bits of the product of two 64-bit words, by schoolbook multiplication of their halves."""
    a_high, a_low = shifted_right(a, 32), low32(a)
    b_high, b_low = shifted_right(b, 32), low32(b)
    cross = a_high * b_low
    middle = shifted_right(a_low * b_low, 32) + low32(cross)  # below 2**33
    middle += low32(a_low * b_high)
    return a_high * b_high + shifted_right(cross, 32) + shifted_right(a_low * b_high, 32) + shifted_right(middle, 32)
