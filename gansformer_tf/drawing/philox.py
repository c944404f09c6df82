"""Philox-4x32-10 by NumPy (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011).

The same words as `ops._philox.words` gives in TensorFlow: integer arithmetic, so no library can differ.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

WORDS = 4  # per block, which is what one counter gives
_ROUNDS = 10
_MULTIPLIERS = (np.uint64(0xD2511F53), np.uint64(0xCD9E8D57))
_WEYL = (np.uint64(0x9E3779B9), np.uint64(0xBB67AE85))
_MASK32, _HALF = np.uint64(0xFFFFFFFF), np.uint64(32)
_PORTION = 4096  # blocks computed at once: what is kept of them meanwhile fits a processor's cache


def words(seeds: Sequence[int], stream: int, count: int) -> np.ndarray:
    """The first words of a stream of several seeds.

    Args:
        seeds: In 0..2**32-1.
        stream: Its number, likewise; streams are independent.
        count: How many words.

    Returns:
        uint32 `[len(seeds), count]`.
    """
    return np.concatenate([part for _, part in portions(seeds, stream, count)], axis=1)


def portions(seeds: Sequence[int], stream: int, count: int) -> Iterator[tuple[int, np.ndarray]]:
    """As `words`, in portions of the second axis that stay in the cache: (start on that axis, words)."""
    blocks = -(-count // WORDS)
    step = max(1, _PORTION // max(1, len(seeds)))
    for first in range(0, blocks, step):
        part = _blocks(seeds, stream, first, min(step, blocks - first))
        yield first * WORDS, part[:, : count - first * WORDS]


def _blocks(seeds: Sequence[int], stream: int, first: int, count: int) -> np.ndarray:
    """Words of the counters `first` and following, uint32 `[len(seeds), count * 4]`."""
    x0, x1, x2, x3, product0, product1 = np.zeros((6, len(seeds), count), np.uint64)
    x0 += np.arange(first, first + count, dtype=np.uint64)
    key0, key1 = np.uint64(stream), np.asarray(seeds, np.uint64)[:, None]
    for _ in range(_ROUNDS):
        np.multiply(x0, _MULTIPLIERS[0], out=product0)
        np.multiply(x2, _MULTIPLIERS[1], out=product1)
        np.right_shift(product1, _HALF, out=x0)
        x0 ^= x1
        x0 ^= key0
        np.bitwise_and(product1, _MASK32, out=x1)
        np.right_shift(product0, _HALF, out=x2)
        x2 ^= x3
        x2 ^= key1
        np.bitwise_and(product0, _MASK32, out=x3)
        key0, key1 = (key0 + _WEYL[0]) & _MASK32, (key1 + _WEYL[1]) & _MASK32
    return np.stack([x0, x1, x2, x3], axis=-1).astype(np.uint32).reshape(len(seeds), count * WORDS)
