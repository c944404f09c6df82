"""The ops against numbers from the original code bases: every form of the composites, and the native ops."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from gansformer_tf import ops

GOLDEN = Path(__file__).parents[1] / "golden" / "ops"
FORWARD, GRADIENT = 1e-5, 1e-4
# XLA takes long to compile: it gets every so many-th case.
THINNED = 5

FORMS = {
    "eager": (lambda: ops.implementation("composite"), "eager"),
    "slices": (lambda: ops.formulation("slices"), "eager"),
    "graph": (lambda: ops.implementation("composite"), "graph"),
    "xla": (lambda: ops.implementation("composite"), "xla"),
    "native": (lambda: ops.implementation("native"), "eager"),
    "native graph": (lambda: ops.implementation("native"), "graph"),
}


def load(name: str) -> list[tuple[dict[str, Any], dict[str, np.ndarray]]]:
    """(parameters, arrays) of every case."""
    with np.load(GOLDEN / f"{name}.npz") as stored:
        arrays = dict(stored)
    cases = json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))
    return [(case, {key: arrays[at] for key, at in case["arrays"].items()}) for case in cases]


def compare(form: str, evaluate: Any, cases: list[Any], request: Any) -> None:
    """Runs `evaluate(parameters, tensors) -> {name: tensor}` in the form and compares with the arrays."""
    if form.startswith("native"):
        request.getfixturevalue("native")
    context, how = FORMS[form]
    if how == "xla":
        cases = cases[::THINNED]
    inputs = [{key: tf.constant(array) for key, array in arrays.items()} for _, arrays in cases]

    def everything(inputs: list[dict[str, tf.Tensor]]) -> list[dict[str, tf.Tensor]]:
        return [evaluate(parameters, tensors) for (parameters, _), tensors in zip(cases, inputs, strict=True)]

    if how != "eager":
        everything = tf.function(everything, jit_compile=how == "xla", autograph=False)
    with ops.implementation("composite") if form == "slices" else contextlib.nullcontext(), context():
        results = everything(inputs)
    for (parameters, arrays), result in zip(cases, results, strict=True):
        for name, found in result.items():
            expected = arrays[name]
            assert found.shape == expected.shape, (parameters, name)
            error = np.max(np.abs(found - expected)) / max(1.0, np.max(np.abs(expected))) if expected.size else 0.0
            assert error <= (FORWARD if name == "y" else GRADIENT), (parameters, name, error)


def gradients(function: Any, tensors: dict[str, Any], by: dict[str, str], second: dict[str, str]) -> dict[str, Any]:
    """y, gradients of sum(y * dy) by inputs, and gradients of the sum of (first gradients * given directions).

    Args:
        function: tensors -> y.
        tensors: the arrays of a case.
        by: golden name -> input, for the first gradients.
        second: golden name -> input, for the second ones. The directions are `v` for x and `vb` for b.
    """
    tensors = dict(tensors)
    with tf.GradientTape() as outer:
        outer.watch(tensors)
        with tf.GradientTape() as inner:
            inner.watch(tensors)
            y = function(tensors)
            loss = tf.reduce_sum(y * tensors["dy"]) if "dy" in tensors else tf.reduce_sum(y)
        wanted = {name: source for name, source in by.items() if name in tensors}
        first = dict(zip(wanted, inner.gradient(loss, [tensors[source] for source in wanted.values()]), strict=True))
        directions = {"dx": "v", "db": "vb"}
        terms = [
            tf.reduce_sum(first[name] * tensors[at])
            for name, at in directions.items()
            if name in first and at in tensors
        ]
        total = tf.add_n(terms) if terms else None
    result = {"y": y, **first}
    wanted = {name: source for name, source in second.items() if name in tensors}
    if wanted:
        sources = [tensors[source] for source in wanted.values()]
        found = outer.gradient(total, sources, unconnected_gradients="zero")
        result.update(zip(wanted, found, strict=True))
    return result


@pytest.mark.parametrize("form", FORMS)
def test_upfirdn2d(form, request):
    def evaluate(case, tensors):
        name = case.get("fn", "upfirdn2d")
        factors = {key: case[key] for key in ("up", "down") if key in case}
        if name != "upfirdn2d":
            factors = dict.fromkeys(["factor"] if factors else [], next(iter(factors.values()), None))
        rest = {key: case[key] for key in ("padding", "gain", "flip") if key in case}
        kernel = next(array for other, array in cases if other is case).get("f")
        return gradients(lambda t: getattr(ops, name)(t["x"], kernel, **factors, **rest), tensors, {"dx": "x"}, {})

    cases = load("upfirdn2d")
    compare(form, evaluate, cases, request)


@pytest.mark.parametrize("form", FORMS)
def test_bias_act(form, request):
    def evaluate(case, tensors):
        numbers = {key: case.get(key) for key in ("alpha", "gain", "clamp")}
        return gradients(
            lambda t: ops.bias_act(t["x"], t.get("b"), case["activation"], **numbers),
            tensors,
            {"dx": "x", "db": "b"},
            {"d2_x": "x", "d2_dy": "dy"},
        )

    compare(form, evaluate, load("bias_act"), request)


@pytest.mark.parametrize("form", FORMS)
def test_filtered_lrelu(form, request):
    def evaluate(case, tensors):
        kernels = next(array for other, array in cases if other is case)
        numbers = {key: case[key] for key in ("up", "down", "padding", "gain", "slope", "clamp", "flip") if key in case}
        return gradients(
            lambda t: ops.filtered_lrelu(t["x"], kernels.get("fu"), kernels.get("fd"), t.get("b"), **numbers),
            tensors,
            {"dx": "x", "db": "b"},
            {},
        )

    cases = load("filtered_lrelu")
    compare(form, evaluate, cases, request)


@pytest.mark.parametrize("form", FORMS)
def test_convolutions(form, request):
    def evaluate(case, tensors):
        kernel = next(array for other, array in cases if other is case)["f"]
        if kernel.ndim == 1:
            kernel = kernel / kernel.sum()
        flip = {"flip_weight": case["flip_weight"]} if "flip_weight" in case else {}
        return gradients(
            lambda t: getattr(ops, case["fn"])(t["x"], t["w"], kernel, **flip),
            tensors,
            {"dx": "x", "dw": "w"},
            {"d2_dy": "dy", "d2_w": "w"},
        )

    cases = load("conv")
    compare(form, evaluate, cases, request)


def test_setup_filter():
    for case, arrays in load("setup_filter"):
        numbers = {key: case[key] for key in ("normalize", "gain", "separable") if key in case}
        expected = arrays["out"]
        taps = arrays.get("in")
        found = ops.setup_filter(
            taps, flip=case.get("flip_filter", False), **{"separable": expected.ndim == 1, **numbers}
        )
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-7, err_msg=str(case))
