"""Bias, activation, gain and clamp."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras

from gansformer_tf.ops._library import gpu_visible, mode, native_ops


@dataclass(frozen=True)
class Activation:
    """An activation of StyleGAN2 with its slope and its variance-preserving gain."""

    function: Callable[[Any, float], Any]
    alpha: float
    gain: float


def _leaky_relu(x: Any, alpha: float) -> Any:
    return keras.ops.leaky_relu(x, negative_slope=alpha)


_SQRT2 = math.sqrt(2.0)

ACTIVATIONS: dict[str, Activation] = {
    "linear": Activation(lambda x, alpha: x, 0.0, 1.0),
    "relu": Activation(lambda x, alpha: keras.ops.relu(x), 0.0, _SQRT2),
    "lrelu": Activation(_leaky_relu, 0.2, _SQRT2),
    "tanh": Activation(lambda x, alpha: keras.ops.tanh(x), 0.0, 1.0),
    "sigmoid": Activation(lambda x, alpha: keras.ops.sigmoid(x), 0.0, 1.0),
    "elu": Activation(lambda x, alpha: keras.ops.elu(x), 0.0, 1.0),
    "selu": Activation(lambda x, alpha: keras.ops.selu(x), 0.0, 1.0),
    "softplus": Activation(lambda x, alpha: keras.ops.softplus(x), 0.0, 1.0),
    "swish": Activation(lambda x, alpha: keras.ops.multiply(keras.ops.sigmoid(x), x), 0.0, _SQRT2),
}


def bias_act(
    x: Any,
    bias: Any = None,
    activation: str = "linear",
    alpha: float | None = None,
    gain: float | None = None,
    clamp: float | None = None,
) -> Any:
    """clip(activation(x + bias) * gain, -clamp, clamp) over the last axis (StyleGAN2's fused bias and activation).

    Args:
        x: [..., channels], floating point.
        bias: [channels], cast to the dtype of `x`, or None.
        activation: linear, relu, lrelu, tanh, sigmoid, elu, selu, softplus or swish.
        alpha: slope of lrelu for negative values; None takes 0.2. The other activations do not use it.
        gain: factor after the activation; None takes the activation's own (sqrt(2) for relu, lrelu and swish, else 1).
        clamp: largest absolute value of the result, or None.

    Returns:
        Same shape and dtype as `x`.

    Raises:
        ValueError: for an unknown activation, a bias of another length, or a number out of range.
    """
    form, alpha, gain = check_activation(activation, alpha, gain, clamp)
    x = keras.ops.convert_to_tensor(x)
    check_bias(x, bias)
    # On a CPU TensorFlow's vectorised exponentials are faster than the kernel's; the others fuse into one pass.
    if native_ops(x) is not None and (gpu_visible() or activation in ("relu", "lrelu") or mode() == "native"):
        from gansformer_tf.ops import _native

        return _native.bias_act(x, bias, activation, alpha, gain, clamp)
    if bias is not None:
        # keras.ops.add becomes TensorFlow's bias_add, whose gradient is faster than that of a broadcast sum.
        x = keras.ops.add(x, keras.ops.cast(bias, keras.backend.standardize_dtype(x.dtype)))
    x = form.function(x, alpha)
    if gain != 1.0:
        x = x * keras.ops.cast(gain, keras.backend.standardize_dtype(x.dtype))
    return x if clamp is None else keras.ops.clip(x, -clamp, clamp)


def check_bias(x: Any, bias: Any) -> None:
    """Raises ValueError unless `bias` is None or fits the last axis of `x`."""
    if bias is not None and (len(bias.shape) != 1 or bias.shape[0] != x.shape[-1]):
        raise ValueError(
            f"bias has shape {tuple(bias.shape)}; it must be ({x.shape[-1]},), the last axis of x {tuple(x.shape)}."
        )


def check_activation(
    activation: str, alpha: float | None, gain: float | None, clamp: float | None
) -> tuple[Activation, float, float]:
    """The activation's row of the table with `alpha` and `gain` resolved; raises ValueError on bad values."""
    form = ACTIVATIONS.get(activation)
    if form is None:
        raise ValueError(f"activation is {activation!r}; it must be one of: {', '.join(ACTIVATIONS)}.")
    alpha = form.alpha if alpha is None else float(alpha)
    gain = form.gain if gain is None else float(gain)
    for name, value in (("alpha", alpha), ("gain", gain)):
        if not math.isfinite(value):
            raise ValueError(f"{name} is {value}; it must be a finite number.")
    if clamp is not None and not (math.isfinite(clamp) and clamp >= 0):
        raise ValueError(f"clamp is {clamp}; it must be at least 0, or None for no clamp.")
    return form, alpha, gain
