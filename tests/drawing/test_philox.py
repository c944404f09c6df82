from __future__ import annotations

from statistics import NormalDist

import numpy as np
import pytest

from gansformer_tf.drawing import philox
from gansformer_tf.drawing.normal import normal_from_words, quantiles
from gansformer_tf.ops import _philox


def test_known_answer():
    """Of the authors' Random123: counter and key zero."""
    words = philox.words([0], stream=0, count=4)
    assert [hex(word) for word in words[0]] == ["0x6627e8d5", "0xe169c58d", "0xbc57ac4c", "0x9b00dbd8"]


@pytest.mark.parametrize("count", [1, 6, 40_003])  # the last: several portions
def test_the_words_of_tensorflow(count):
    seeds, stream = [0, 5, 2**32 - 1], 2**32 - 7
    words = philox.words(seeds, stream, count)
    assert words.dtype == np.uint32 and words.shape == (3, count)
    for row, seed in zip(words, seeds, strict=True):
        np.testing.assert_array_equal(row, _philox.words([count], np.array([seed, stream], np.int64)))


def test_halves_of_words_choose_normal_quantiles():
    table = quantiles()
    assert table[[0, 32768, 65535]].tolist() == [-4.324962615966797, 1.9073486328125e-05, 4.324962615966797]
    assert table.mean() == 0.0 and abs(np.var(table.astype(np.float64)) - 1.0) < 1e-6
    np.testing.assert_array_equal(normal_from_words(np.array([[0xFFFF0000]], np.uint32)), [table[[0, 65535]]])


def test_the_numbers_are_normal():
    numbers = normal_from_words(philox.words([3], 1, 10_000))[0]
    share = np.vectorize(NormalDist().cdf)(np.sort(numbers)) - (np.arange(len(numbers)) + 0.5) / len(numbers)
    assert np.abs(share).max() < 1.63 / np.sqrt(len(numbers)), "Kolmogorov and Smirnov reject it at 1 %"
    assert abs(np.corrcoef(numbers[:-1], numbers[1:])[0, 1]) < 0.02
