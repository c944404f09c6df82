"""Plain NumPy definitions of the ops, in float64 and as literal as possible. Tests and benchmarks compare with them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def upfirdn2d(
    x: np.ndarray,
    kernel: np.ndarray,
    up: Sequence[int],
    down: Sequence[int],
    padding: Sequence[int],
    gain: float = 1.0,
    flip: bool = False,
) -> np.ndarray:
    """Insert zeros, pad or crop, convolve (correlate if `flip`), keep every `down`-th sample."""
    kernel = np.asarray(kernel, np.float64)
    if kernel.ndim == 1:
        kernel = np.outer(kernel, kernel)
    if not flip:
        kernel = kernel[::-1, ::-1]
    batch, height, width, channels = x.shape
    fine = np.zeros((batch, height * up[0], width * up[1], channels))
    fine[:, :: up[0], :: up[1]] = x
    left, right, top, bottom = padding
    grow = [(max(0, top), max(0, bottom)), (max(0, left), max(0, right))]
    fine = np.pad(fine, [(0, 0), *grow, (0, 0)])
    fine = fine[:, max(0, -top) : fine.shape[1] - max(0, -bottom), max(0, -left) : fine.shape[2] - max(0, -right)]
    rows, columns = kernel.shape
    out_h, out_w = fine.shape[1] - rows + 1, fine.shape[2] - columns + 1
    y = np.zeros((batch, out_h, out_w, channels))
    for i in range(rows):
        for j in range(columns):
            y += kernel[i, j] * fine[:, i : i + out_h, j : j + out_w]
    return gain * y[:, :: down[0], :: down[1]]


def activation(name: str, x: np.ndarray, alpha: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Value, first and second derivative."""
    zero, one = np.zeros_like(x), np.ones_like(x)
    with np.errstate(over="ignore"):
        sigmoid = 1 / (1 + np.exp(-x))
        power = np.exp(np.minimum(x, 0))
    if name == "linear":
        return x, one, zero
    if name == "relu":
        return np.maximum(x, 0), np.where(x > 0, one, zero), zero
    if name == "lrelu":
        return np.where(x > 0, x, alpha * x), np.where(x > 0, 1.0, alpha), zero
    if name == "tanh":
        y = np.tanh(x)
        return y, 1 - y**2, -2 * y * (1 - y**2)
    slope = sigmoid * (1 - sigmoid)
    if name == "sigmoid":
        return sigmoid, slope, slope * (1 - 2 * sigmoid)
    if name in ("elu", "selu"):
        scale, factor = (1.0507009873554805, 1.6732632423543772) if name == "selu" else (1.0, 1.0)
        negative = x < 0
        return (
            scale * np.where(negative, factor * (power - 1), x),
            scale * np.where(negative, factor * power, 1.0),
            scale * np.where(negative, factor * power, 0.0),
        )
    if name == "softplus":
        return np.logaddexp(x, 0), sigmoid, slope
    if name == "swish":
        return x * sigmoid, sigmoid + x * slope, slope * (2 + x * (1 - 2 * sigmoid))
    raise ValueError(f"unknown activation {name!r}")


def bias_act(
    x: np.ndarray,
    bias: np.ndarray | None,
    name: str,
    alpha: float,
    gain: float,
    clamp: float = -1.0,
    order: int = 0,
    first: np.ndarray | None = None,
    second: np.ndarray | None = None,
) -> np.ndarray:
    total = x.astype(np.float64) if bias is None else x.astype(np.float64) + bias
    value, slope, curve = activation(name, total, alpha)
    y = value * gain
    inside = np.abs(y) <= clamp if clamp >= 0 else np.ones_like(y, bool)
    if order == 0:
        return np.clip(y, -clamp, clamp) if clamp >= 0 else y
    factor = slope if order == 1 else curve * second
    return np.where(inside, first * gain * factor, 0)


def token_norm(x: np.ndarray, center: bool, scale: bool, epsilon: float, first: np.ndarray | None = None) -> np.ndarray:
    """(x - mean) / sqrt(mean square + epsilon) over the last axis; with `first`, its gradient for that factor.

    The gradient goes through the Jacobian of each step in turn.
    """
    mean = x.mean(axis=-1, keepdims=True) if center else 0.0
    z = x - mean
    root = np.sqrt((z * z).mean(axis=-1, keepdims=True) + epsilon) if scale else np.ones_like(z[..., :1])
    if first is None:
        return z / root
    d_root = -(first * z).sum(axis=-1, keepdims=True) / root**2
    d_z = first / root + (d_root * z / root / x.shape[-1] if scale else 0.0)
    return d_z - (d_z.mean(axis=-1, keepdims=True) if center else 0.0)


def conv2d(x: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Correlation of x [batch, height, width, in] with w [3, 3, in, out], zeros around, one tap at a time."""
    _, height, width, _ = x.shape
    padded = np.pad(x, [(0, 0), (1, 1), (1, 1), (0, 0)])
    return sum(padded[:, i : i + height, j : j + width] @ w[i, j] for i in range(3) for j in range(3))


def conv2d_filter(x: np.ndarray, dy: np.ndarray) -> np.ndarray:
    """Gradient of w [3, 3, in, out] of `conv2d` for the gradient dy of its result."""
    _, height, width, _ = x.shape
    padded = np.pad(x, [(0, 0), (1, 1), (1, 1), (0, 0)])
    taps = [[padded[:, i : i + height, j : j + width] for j in range(3)] for i in range(3)]
    return np.stack([[np.einsum("bhwc,bhwk->ck", tap, dy) for tap in row] for row in taps])


def filtered_lrelu(
    x: np.ndarray,
    bias: np.ndarray | None,
    up_kernel: np.ndarray,
    down_kernel: np.ndarray,
    up: Sequence[int],
    down: Sequence[int],
    padding: Sequence[int],
    slope: float,
    gain: float,
    clamp: float = -1.0,
    flip: bool = False,
    direction: np.ndarray | None = None,
) -> np.ndarray:
    """down(act(up(x + bias))) without the gain of the upsampling; with `direction`, its derivative that way."""
    fine = upfirdn2d(x if bias is None else x + bias, up_kernel, up, (1, 1), padding, flip=flip)
    y = gain * np.where(fine > 0, fine, slope * fine)
    if direction is None:
        z = np.clip(y, -clamp, clamp) if clamp >= 0 else y
    else:
        z = gain * np.where(fine > 0, 1.0, slope) * upfirdn2d(direction, up_kernel, up, (1, 1), padding, flip=flip)
        if clamp >= 0:
            z = np.where(np.abs(y) > clamp, 0, z)
    return upfirdn2d(z, down_kernel, (1, 1), down, (0, 0, 0, 0), flip=flip)


def attention(
    x: np.ndarray,
    score_weight: np.ndarray,
    score_bias: np.ndarray | None,
    value: np.ndarray,
    output_bias: np.ndarray | None = None,
    probability_scale: np.ndarray | None = None,
    integration: str | None = None,
    target: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """(output, softmax before the scale), head by head."""
    x = x.astype(np.float64)
    scores = np.einsum("bnc,bhck->bhnk", x, np.broadcast_to(score_weight, (len(x), *score_weight.shape[1:])))
    if score_bias is not None:
        scores = scores + score_bias
    scores = scores - (scores.max(axis=-1, keepdims=True) if scores.size else 0)
    softmax = np.exp(scores) / np.exp(scores).sum(axis=-1, keepdims=True)
    probabilities = softmax if probability_scale is None else softmax * probability_scale
    control = np.einsum("bhnk,bhko->bno", probabilities, np.broadcast_to(value, (len(x), *value.shape[1:])))
    if output_bias is not None:
        control = control + output_bias
    tokens = x if target is None else target
    if integration == "add":
        return tokens + control, softmax
    if integration == "mul":
        return tokens * (1 + control), softmax
    if integration == "both":
        half = control.shape[-1] // 2
        return tokens * (1 + control[..., :half]) + control[..., half:], softmax
    return control, softmax


def attention_gradient(
    x: np.ndarray,
    score_weight: np.ndarray,
    value: np.ndarray,
    output_bias: np.ndarray | None,
    probability_scale: np.ndarray | None,
    integration: str | None,
    target: np.ndarray | None,
    softmax: np.ndarray,
    d_output: np.ndarray,
    d_softmax: np.ndarray | None = None,
) -> tuple[np.ndarray | None, ...]:
    """(d_x, d_target, d_scores, d_weight, d_value, d_output_bias) for given gradients of both results.

    d_weight and d_value are those of every picture, d_scores of every score. Where x is the target, d_target is None
    and part of d_x.
    """
    weight = np.broadcast_to(score_weight, (len(x), *score_weight.shape[1:]))
    value = np.broadcast_to(value, (len(x), *value.shape[1:]))
    scale = np.ones((1, 1, 1, 1)) if probability_scale is None else probability_scale
    probabilities = softmax * scale
    control = np.einsum("bhnk,bhko->bno", probabilities, value)
    if output_bias is not None:
        control = control + output_bias
    tokens = x if target is None else target
    d_control = d_target = d_output
    if integration is None:
        d_target = np.zeros(() if target is None else target.shape)
    elif integration != "add":
        d_control, d_target = d_output * tokens, d_output * (1 + control[..., : d_output.shape[-1]])
        if integration == "both":
            d_control = np.concatenate([d_control, d_output], axis=-1)
    d_probabilities = np.einsum("bno,bhko->bhnk", d_control, value)
    d_total = d_probabilities * scale + (0 if d_softmax is None else d_softmax)
    d_scores = softmax * (d_total - (d_total * softmax).sum(axis=-1, keepdims=True))
    d_x = np.einsum("bhnk,bhck->bnc", d_scores, weight)
    return (
        d_x + d_target if target is None else d_x,
        None if target is None else d_target,
        d_scores,
        np.einsum("bnc,bhnk->bhck", x, d_scores),
        np.einsum("bhnk,bno->bhko", probabilities, d_control),
        d_control.sum(axis=(0, 1)),
    )


def centroids(x: np.ndarray, probabilities: np.ndarray, epsilon: float) -> tuple[np.ndarray, np.ndarray]:
    """(centroids, sum of the probabilities over tokens)."""
    total = probabilities.astype(np.float64).sum(axis=2)
    gathered = np.einsum("bhnk,bnc->bhkc", probabilities.astype(np.float64), x)
    return gathered / (total[..., None] + epsilon), total
