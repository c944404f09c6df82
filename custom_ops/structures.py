"""The arguments of the kernels' C interface as ctypes structures, which must lie in memory as the headers say."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

DTYPES = {"float32": 0, "float64": 1, "float16": 2, "bfloat16": 3}
ACTIVATIONS = ("linear", "relu", "lrelu", "tanh", "sigmoid", "elu", "selu", "softplus", "swish")
INTEGRATIONS = (None, "add", "mul", "both")

i64, i32, f64, pointer = ctypes.c_int64, ctypes.c_int32, ctypes.c_double, ctypes.c_void_p


class Upfirdn2d(ctypes.Structure):
    _fields_ = (
        *((name, i64) for name in ("batch", "height", "width", "channels")),
        ("up", i64 * 2),
        ("down", i64 * 2),
        ("padding", i64 * 4),
        ("taps", i64 * 2),
        ("separable", i32),
        ("kernel", ctypes.POINTER(ctypes.c_float)),
    )


class BiasAct(ctypes.Structure):
    _fields_ = (
        ("rows", i64),
        ("channels", i64),
        ("activation", i32),
        ("order", i32),
        ("alpha", f64),
        ("gain", f64),
        ("clamp", f64),
    )


class TokenNorm(ctypes.Structure):
    _fields_ = (
        ("rows", i64),
        ("channels", i64),
        ("order", i32),
        ("center", i32),
        ("scale", i32),
        ("epsilon", f64),
    )


class Modulation(ctypes.Structure):
    _fields_ = tuple((name, i64) for name in ("batch", "rows", "channels"))


class Winograd(ctypes.Structure):
    _fields_ = (
        *((name, i64) for name in ("batch", "height", "width", "channels_in", "channels_out", "workers")),
        ("transposed", i32),
    )


class FilteredLrelu(ctypes.Structure):
    _fields_ = (
        ("up", Upfirdn2d),
        ("down", i64 * 2),
        ("taps", i64 * 2),
        ("separable", i32),
        ("mode", i32),
        ("kernel", ctypes.POINTER(ctypes.c_float)),
        ("slope", f64),
        ("gain", f64),
        ("clamp", f64),
    )


class Attention(ctypes.Structure):
    _fields_ = (
        *((name, i64) for name in ("batch", "tokens", "channels", "heads", "components", "channels_out")),
        ("integration", i32),
        *((name, i64) for name in ("weight_batch", "bias_batch", "bias_tokens", "value_batch")),
        ("scale_shape", i64 * 4),
    )


class AttentionData(ctypes.Structure):
    _fields_ = tuple(
        (name, pointer)
        for name in (
            "x",
            "score_weight",
            "score_bias",
            "value",
            "output_bias",
            "probability_scale",
            "target",
            "output",
            "softmax",
        )
    )


class AttentionGradientData(ctypes.Structure):
    _fields_ = tuple(
        (name, pointer)
        for name in (
            *("x", "score_weight", "value", "output_bias", "probability_scale", "target"),
            *("softmax", "d_output", "d_softmax"),
            *("d_x", "d_target", "d_scores", "d_weight", "d_value", "d_output_bias"),
        )
    )


class CentroidsOp(ctypes.Structure):
    _fields_ = (
        *((name, i64) for name in ("batch", "tokens", "channels", "heads", "components")),
        ("epsilon", f64),
    )


def _taps(kernel: np.ndarray) -> tuple[np.ndarray, Any, tuple[int, int], int]:
    kernel = np.asarray(kernel, np.float32)
    flat = np.ascontiguousarray(np.concatenate([kernel, kernel]) if kernel.ndim == 1 else kernel).ravel()
    return flat, flat.ctypes.data_as(ctypes.POINTER(ctypes.c_float)), (kernel.shape[0], kernel.shape[-1]), kernel.ndim


def upfirdn2d_op(shape: Any, kernel: np.ndarray, up: Any, down: Any, padding: Any) -> tuple[Upfirdn2d, Any]:
    """The argument structure, and what must stay alive as long as it is used."""
    flat, values, taps, dims = _taps(kernel)
    op = Upfirdn2d(
        *shape, (i64 * 2)(*up), (i64 * 2)(*down), (i64 * 4)(*padding), (i64 * 2)(*taps), int(dims == 1), values
    )
    return op, flat


def filtered_lrelu_op(
    shape: Any,
    up_kernel: np.ndarray,
    down_kernel: np.ndarray,
    up: Any,
    down: Any,
    padding: Any,
    slope: float,
    gain: float,
    clamp: float,
    mode: int,
) -> tuple[FilteredLrelu, Any]:
    first, keep = upfirdn2d_op(shape, up_kernel, up, (1, 1), padding)
    flat, values, taps, dims = _taps(down_kernel)
    op = FilteredLrelu(first, (i64 * 2)(*down), (i64 * 2)(*taps), int(dims == 1), mode, values, slope, gain, clamp)
    return op, (keep, flat)


def bias_act_op(shape: Any, activation: str, alpha: float, gain: float, clamp: float, order: int) -> BiasAct:
    rows = int(np.prod(shape[:-1]))
    return BiasAct(rows, shape[-1], ACTIVATIONS.index(activation), order, alpha, gain, clamp)


def attention_op(
    shape: Any, score_weight: Any, score_bias: Any, value: Any, probability_scale: Any, integration: str | None
) -> Attention:
    bias_shape = (1, 1, 1, 1) if score_bias is None else score_bias.shape
    scale_shape = (1, 1, 1, 1) if probability_scale is None else probability_scale.shape
    return Attention(
        *shape,
        score_weight.shape[1],
        score_weight.shape[3],
        value.shape[3],
        INTEGRATIONS.index(integration),
        score_weight.shape[0],
        bias_shape[0],
        bias_shape[2],
        value.shape[0],
        (i64 * 4)(*scale_shape),
    )
