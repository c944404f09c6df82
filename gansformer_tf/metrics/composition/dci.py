"""Disentanglement, completeness and informativeness (Eastwood and Williams 2018, "A Framework for the Quantitative
Evaluation of Disentangled Representations")."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from gansformer_tf.metrics.errors import MetricError

TEST_SHARE = 4  # every fourth row tests


@dataclass(frozen=True)
class DCI:
    """Three numbers from 0 to 1.

    Attributes:
        disentanglement: 1 where every code matters for one factor only.
        completeness: 1 where every factor is told by one code only.
        informativeness: How well the codes tell the factors: held-out R squared, below 0 taken as 0, mean over
            the factors.
            (The paper has the error; this way round all three are better when larger.)
    """

    disentanglement: float
    completeness: float
    informativeness: float


def disentanglement(importance: np.ndarray) -> float:
    """1 - entropy of a code's importance over the factors, weighted by the code's part of all importance.

    Args:
        importance: `[codes, factors]`, not negative; at least two factors.
    """
    return _decided(np.asarray(importance, np.float64))


def completeness(importance: np.ndarray) -> float:
    """1 - entropy of a factor's importance over the codes, mean over the factors that any code matters for."""
    importance = np.asarray(importance, np.float64)
    told = importance.sum(axis=0) > 0
    scaled = importance[:, told] / importance[:, told].sum(axis=0)
    return _decided(scaled.T)


def _decided(rows: np.ndarray) -> float:
    sums = rows.sum(axis=1)
    if not sums.sum():
        return 0.0
    shares = rows / np.where(sums > 0, sums, 1.0)[:, None]
    logs = np.log(np.where(shares > 0, shares, 1.0)) / np.log(rows.shape[1])
    return float(((1.0 + (shares * logs).sum(axis=1)) * sums).sum() / sums.sum())


def grouped(importance: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """The importance of groups of codes, such as the numbers of one component: sums, `[groups, factors]`.

    Args:
        importance: `[codes, factors]`.
        groups: Group of every code, whole numbers from 0 on.
    """
    found = np.zeros((int(groups.max()) + 1, importance.shape[1]))
    np.add.at(found, groups, importance)
    return found


def measured(codes: np.ndarray, factors: np.ndarray, groups: np.ndarray | None = None, kind: str = "trees") -> DCI:
    """The three numbers of codes that were drawn and factors that were seen; three quarters of the rows teach.

    Args:
        codes: `[N, codes]`.
        factors: `[N, factors]`; those that never change are left out.
        groups: Group of every code: disentanglement and completeness are those of the groups.
        kind: "trees" (gradient-boosted; importance is their gain) or "lasso" (importance is the size of a weight).

    Raises:
        MetricError: scikit-learn is missing, there are too few rows, or fewer than two factors change.
    """
    codes, factors = np.asarray(codes, np.float64), np.asarray(factors, np.float64)
    if len(codes) < 2 * TEST_SHARE:
        raise MetricError(f"DCI of {len(codes)} images; it needs at least {2 * TEST_SHARE}.")
    test = np.arange(len(codes)) % TEST_SHARE == 0
    factors = factors[:, (factors[~test].std(axis=0) > 0) & (factors[test].std(axis=0) > 0)]
    if factors.shape[1] < 2:
        raise MetricError(f"DCI needs at least 2 factors that change, there are {factors.shape[1]}; use more images.")
    scaled = [_standard(part, part[~test]) for part in (codes, factors)]
    importance, told = [], []
    for column in scaled[1].T:
        weights, guess = _fit(kind, scaled[0][~test], column[~test], scaled[0][test])
        importance.append(weights)
        error = np.square(column[test] - guess).mean() / column[test].var()
        told.append(max(0.0, 1.0 - error))
    table = np.stack(importance, axis=1)
    table = table if groups is None else grouped(table, groups)
    return DCI(disentanglement(table), completeness(table), float(np.mean(told)))


def _standard(values: np.ndarray, reference: np.ndarray) -> np.ndarray:
    deviation = reference.std(axis=0)
    return (values - reference.mean(axis=0)) / np.where(deviation > 0, deviation, 1.0)


def _fit(kind: str, x: np.ndarray, y: np.ndarray, x_test: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Importance of every column of x, and what is guessed for the test."""
    try:
        from sklearn.ensemble import GradientBoostingRegressor
        from sklearn.linear_model import Lasso
    except ImportError as error:
        raise MetricError("DCI needs scikit-learn: pip install 'gansformer-tf[composition]'.") from error
    model: Any
    if kind == "lasso":
        model = Lasso(alpha=0.02).fit(x, y)
        return np.abs(model.coef_), model.predict(x_test)
    model = GradientBoostingRegressor(max_depth=3, n_estimators=60, subsample=0.7, random_state=0)
    model.fit(x, y)
    return model.feature_importances_, model.predict(x_test)
