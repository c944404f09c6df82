"""Standard normal numbers from random words, by a table alone.

Each half of a word chooses one of 65,536 equally likely normal quantiles. Nothing is computed, so the bits are the same
whatever draws them, while logarithms and sines differ from library to library. No number is larger than 4.3, beyond
which a normal variable lies once in 60,000 draws; mean and variance are 0 and 1.
"""

from __future__ import annotations

import functools
from statistics import NormalDist

import numpy as np

PER_WORD = 2
_ENTRIES = 1 << 16


@functools.cache
def quantiles() -> np.ndarray:
    """The table: float32 `[65536]`, ascending."""
    upper = np.array([NormalDist().inv_cdf((index + 0.5) / _ENTRIES) for index in range(_ENTRIES // 2, _ENTRIES)])
    upper = np.rint(upper / np.sqrt(np.mean(upper**2)) * 2**20) / 2**20  # hides the last bits of the logarithm
    table = np.concatenate([-upper[::-1], upper]).astype(np.float32)
    table.flags.writeable = False
    return table


def normal_from_words(words: np.ndarray) -> np.ndarray:
    """Two numbers per word, first that of its low half.

    Args:
        words: uint32 `[..., n]`.

    Returns:
        float32 `[..., 2 n]`.
    """
    return quantiles().take(words.astype("<u4", copy=False).view("<u2"))
