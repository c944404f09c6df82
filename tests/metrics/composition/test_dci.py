"""Disentanglement, completeness, informativeness by hand and on constructed codes."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from gansformer_tf.metrics.composition.dci import completeness, disentanglement, grouped, measured
from gansformer_tf.metrics.errors import MetricError


def test_each_code_for_one_factor():
    permuted = np.eye(4)[[2, 0, 3, 1]] * [[1], [2], [3], [4]]
    assert disentanglement(permuted) == pytest.approx(1) and completeness(permuted) == pytest.approx(1)


def test_all_codes_for_all_factors():
    assert disentanglement(np.ones((5, 3))) == pytest.approx(0) and completeness(np.ones((5, 3))) == pytest.approx(0)


def test_two_codes_for_each_factor_are_disentangled_but_not_complete():
    importance = np.repeat(np.eye(2), 2, axis=0)  # four codes, two factors
    assert disentanglement(importance) == pytest.approx(1)
    assert completeness(importance) == pytest.approx(1 - np.log(2) / np.log(4))


def test_one_code_for_all_factors_is_complete_but_not_disentangled():
    importance = np.array([[1.0, 1.0, 1.0], [0.0, 0.0, 0.0]])
    assert disentanglement(importance) == pytest.approx(0) and completeness(importance) == pytest.approx(1)


def test_a_table_by_hand():
    # code 0: 3/4 and 1/4 of 4 parts; code 1: one factor, of 1 part. Factors: 3/3; 1/2 and 1/2.
    importance = np.array([[3.0, 1.0], [0.0, 1.0]])
    entropy = -(0.75 * np.log2(0.75) + 0.25 * np.log2(0.25))
    assert disentanglement(importance) == pytest.approx(((1 - entropy) * 4 + 1 * 1) / 5)
    assert completeness(importance) == pytest.approx((1 + 0) / 2)


def test_codes_that_do_not_matter_weigh_nothing():
    importance = np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]])
    assert disentanglement(importance) == pytest.approx(1)
    assert disentanglement(np.zeros((2, 2))) == 0 and completeness(np.zeros((2, 2))) == 0


def test_groups_are_sums():
    np.testing.assert_array_equal(grouped(np.arange(6.0).reshape(3, 2), np.array([1, 0, 1])), [[2, 3], [4, 6]])


@pytest.mark.parametrize("kind", ["trees", "lasso"])
def test_factors_that_are_codes_are_found(kind):
    pytest.importorskip("sklearn")
    codes = np.random.default_rng(0).normal(size=(400, 6))
    found = measured(codes, 3 * codes[:, [4, 1, 2]] + 5, kind=kind)
    assert found.disentanglement > 0.9 and found.completeness > 0.9 and found.informativeness > 0.85


@pytest.mark.parametrize("kind", ["trees", "lasso"])
def test_codes_that_know_nothing(kind):
    pytest.importorskip("sklearn")
    random = np.random.default_rng(1)
    found = measured(random.normal(size=(300, 6)), random.normal(size=(300, 3)), kind=kind)
    assert found.informativeness < 0.05


def test_mixed_codes_are_informative_but_not_disentangled():
    pytest.importorskip("sklearn")
    random = np.random.default_rng(2)
    codes = random.normal(size=(400, 4))
    found = measured(
        codes, codes @ np.array([[1, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1], [1, -1, -1, 1.0]]), kind="lasso"
    )
    assert found.informativeness > 0.95 and found.disentanglement < 0.05 and found.completeness < 0.05
    # in groups of their own, each factor alone with its code
    apart = measured(codes, codes[:, [0, 2]] + codes[:, [1, 3]], np.array([0, 0, 1, 1]), kind="lasso")
    assert apart.disentanglement > 0.95 and apart.completeness > 0.95


def test_what_cannot_be_measured_is_said(monkeypatch):
    with pytest.raises(MetricError, match="DCI of 4 images; it needs at least 8"):
        measured(np.zeros((4, 2)), np.zeros((4, 2)))
    with pytest.raises(MetricError, match="at least 2 factors that change, there are 0"):
        measured(np.zeros((40, 2)), np.zeros((40, 2)))
    monkeypatch.setitem(sys.modules, "sklearn.ensemble", None)
    codes = np.random.default_rng(3).normal(size=(40, 2))
    with pytest.raises(MetricError, match=r"pip install 'gansformer-tf\[composition\]'"):
        measured(codes, codes)
