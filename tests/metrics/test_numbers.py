"""Statistics to numbers: equal to the reference implementations, independent of blocks, clear about bad features."""

from __future__ import annotations

import re

import numpy as np
import pytest

from gansformer_tf.metrics import blocks, precision_recall
from gansformer_tf.metrics.errors import MetricError
from gansformer_tf.metrics.fid import fid, frechet_distance
from gansformer_tf.metrics.inception_score import inception_score
from gansformer_tf.metrics.kid import kid
from gansformer_tf.metrics.moments import moments
from gansformer_tf.metrics.path_length import slerp_of_directions, trimmed_mean
from gansformer_tf.metrics.precision_recall import neighbour_radii
from gansformer_tf.metrics.precision_recall import precision_recall as manifolds
from tests.metrics.golden import arrays, relative, values

DATA, EXPECTED = arrays("features"), values("features")
CASES = ("main", "uneq", "small")


def pair(case):
    return DATA[f"{case}/real"], DATA[f"{case}/fake"]


@pytest.mark.parametrize("case", CASES)
def test_fid(case, golden_row):
    real, fake = pair(case)
    for name, ddof, bound in (
        ("fid_stylegan3", 0, 1e-6),
        ("fid_eig_float64_ddof0", 0, 1e-6),
        ("fid_eig_float64_ddof1", 1, 1e-6),
        ("fid_cleanfid", 1, 1e-6),
        ("fid_torch_fidelity", 1, 1e-6),
    ):
        golden_row(f"metrics {case}", name, relative(fid(real, fake, ddof), EXPECTED[case][name]), bound)


@pytest.mark.parametrize("case", CASES)
def test_kid(case, golden_row):
    real, fake = pair(case)
    expected = EXPECTED[case]
    for name, value in expected["kid_stylegan3"].items():
        subsets, size = (int(number) for number in re.findall(r"\d+", name))
        found = kid(real, fake, subsets, size, expected["kid_seed"])
        golden_row(f"metrics {case}", f"kid {name}", relative(found.mean, value), 1e-5)
    ((size, value),) = expected["kid_torch_fidelity_poly_subsets10"].items()
    found = kid(real, fake, 10, int(size.removeprefix("size")), seed=2020)
    golden_row(f"metrics {case}", "kid fidelity", relative(found.mean, value["kernel_inception_distance_mean"]), 1e-5)
    golden_row(f"metrics {case}", "kid std", relative(found.std, value["kernel_inception_distance_std"]), 1e-5)


def test_kid_of_one_distribution_is_unbiased():
    random = np.random.RandomState(1)
    found = kid(random.randn(400, 8), random.randn(400, 8), subsets=200, subset_size=50, seed=3)
    assert abs(found.mean) < 4 * found.std / np.sqrt(200)


@pytest.mark.parametrize("case", ("is_a", "is_b"))
def test_inception_score(case, golden_row):
    expected = EXPECTED["inception_score"][case]
    found = inception_score(DATA[f"{case}/logits"], expected["splits"])
    exact = expected["torch_fidelity_noshuffle"]
    golden_row(f"metrics {case}", "mean", relative(found.mean, exact["inception_score_mean"]), 1e-6)
    golden_row(f"metrics {case}", "std", relative(found.std, exact["inception_score_std"]), 1e-5)
    golden_row(f"metrics {case}", "mean stylegan3", relative(found.mean, expected["stylegan3"][0]), 1e-6)


@pytest.mark.parametrize("case", CASES)
def test_precision_recall(case, golden_row):
    found = manifolds(*pair(case))
    precision, recall = EXPECTED[case]["pr_float64_bruteforce"]
    golden_row(f"metrics {case}", "precision", relative(found.precision, precision), 1e-9)
    golden_row(f"metrics {case}", "recall", relative(found.recall, recall), 1e-9)
    for name, features in zip(("real", "fake"), pair(case), strict=True):
        radii = np.sqrt(neighbour_radii(features, (3,))[0])
        golden_row(
            f"metrics {case}", f"radii {name}", float(np.abs(radii / DATA[f"{case}/kth_{name}"] - 1).max()), 1e-5
        )


@pytest.mark.parametrize("case", CASES)
def test_density_and_coverage_follow_their_definition(case):
    real, fake = (features.astype(np.float64) for features in pair(case))
    among = np.linalg.norm(real[:, None] - real[None], axis=2)
    radii = np.sort(among, axis=1)[:, 5]
    between = np.linalg.norm(real[:, None] - fake[None], axis=2)
    found = manifolds(*pair(case))
    assert found.density == pytest.approx((between < radii[:, None]).sum() / (5 * len(fake)), rel=1e-9)
    assert found.coverage == pytest.approx((between.min(axis=1) < radii).mean(), rel=1e-9)


def test_nothing_depends_on_the_blocks(monkeypatch):
    real, fake = pair("uneq")
    whole = manifolds(real, fake), fid(real, fake), moments(real).covariance
    monkeypatch.setattr(precision_recall, "ROWS", 37)
    monkeypatch.setattr(precision_recall, "COLUMNS", 11)
    monkeypatch.setattr(blocks.row_blocks, "__defaults__", (19,))
    assert manifolds(real, fake) == whole[0]
    assert fid(real, fake) == pytest.approx(whole[1], rel=1e-10)
    np.testing.assert_allclose(moments(real).covariance, whole[2], rtol=1e-9, atol=1e-12)


def test_far_from_the_origin_nothing_changes():
    real, fake = pair("main")
    far_real, far_fake = real.astype(np.float64) + 3000.0, fake.astype(np.float64) + 3000.0
    assert fid(far_real, far_fake) == pytest.approx(fid(real, fake), rel=1e-7)
    assert manifolds(far_real, far_fake) == manifolds(real, fake)


def test_moments_are_numpys():
    real, _ = pair("main")
    for ddof in (0, 1):
        found = moments(real, ddof)
        np.testing.assert_allclose(found.covariance, np.cov(real.astype(np.float64).T, ddof=ddof), rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(found.mean, real.astype(np.float64).mean(axis=0), rtol=1e-12)


def test_fid_of_equal_features_with_few_images_is_zero():
    features = np.random.RandomState(0).randn(40, 300).astype(np.float32)
    assert abs(fid(features, features)) < 1e-9 * np.trace(moments(features).covariance)


@pytest.mark.parametrize("case", ("ppl_a", "ppl_b", "ppl_c"))
def test_trimmed_mean(case, golden_row):
    expected = EXPECTED["ppl"][case]
    golden_row(f"metrics {case}", "ppl", relative(trimmed_mean(DATA[f"{case}/dist"]), expected["ppl"]), 1e-6)


def test_slerp(golden_row):
    found = slerp_of_directions(DATA["slerp/a"], DATA["slerp/b"], DATA["slerp/t"])
    golden_row("metrics slerp", "out", float(np.abs(found - DATA["slerp/out"]).max()), 1e-6)


def with_nan(features):
    spoiled = features.copy()
    spoiled[7, 3] = np.nan
    return spoiled


@pytest.mark.parametrize("metric", (fid, kid, manifolds))
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda real, fake: (real, with_nan(fake)), "generated image.* NaN or infinite"),
        (lambda real, fake: (with_nan(real), fake), "real image.* NaN or infinite"),
        (lambda real, fake: (real[:1], fake), "there are 1 real images; this metric needs at least"),
        (lambda real, fake: (real, fake[:0]), "there are 0 generated images"),
        (lambda real, fake: (real, fake[0]), r"have shape \(32,\); they must be \[images, D\]"),
        (lambda real, fake: (real[:, :5], fake), "use the same feature network"),
    ],
)
def test_bad_features_are_named(metric, change, message):
    real, fake = change(*pair("main"))
    with pytest.raises(MetricError, match=message):
        metric(real, fake)


def test_bad_settings_are_named():
    real, fake = pair("main")
    for call, message in (
        (lambda: fid(real, fake, ddof=2), "ddof is 2"),
        (lambda: frechet_distance(moments(real, 0), moments(fake, 1)), "ddof 0 and 1"),
        (lambda: kid(real, fake, subsets=0), "0 subsets"),
        (lambda: inception_score(DATA["is_b/logits"], 0), "0 splits"),
        (lambda: inception_score(DATA["is_b/logits"][:3], 10), "there are 3 generated images"),
        (lambda: manifolds(real, fake, neighbours=0), "at least 1"),
        (lambda: trimmed_mean(np.zeros(0)), "at least 1 path"),
        (lambda: trimmed_mean(np.array([1.0, np.inf])), "path image 1"),
    ):
        with pytest.raises(MetricError, match=message):
            call()
