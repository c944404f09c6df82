"""Leaky ReLU at a higher sampling rate, between two FIR filters."""

from __future__ import annotations

import math
from typing import Any

from gansformer_tf.ops.bias_act import bias_act
from gansformer_tf.ops.upfirdn2d import Pair, check_factor, upfirdn2d


def filtered_lrelu(
    x: Any,
    up_kernel: Any = None,
    down_kernel: Any = None,
    bias: Any = None,
    up: Pair = 1,
    down: Pair = 1,
    padding: Pair = 0,
    gain: float = math.sqrt(2.0),
    slope: float = 0.2,
    clamp: float | None = None,
    flip: bool = False,
) -> Any:
    """Adds a bias, upsamples, applies a leaky ReLU with gain and clamp, and downsamples (StyleGAN3's operation).

    Args:
        x: [batch, height, width, channels], floating point, height and width known.
        up_kernel: low-pass kernel of the upsampling, see `upfirdn2d`; the gain up * up is applied here.
        down_kernel: low-pass kernel of the downsampling.
        bias: [channels] or None; added before the padding, so padded samples stay 0.
        up: upsampling factor, an int or (vertical, horizontal).
        down: downsampling factor, an int or (vertical, horizontal).
        padding: an int or (left, right, top, bottom), in samples of the higher rate.
        gain: factor after the activation.
        slope: slope for negative values.
        clamp: largest absolute value after the gain, or None.
        flip: correlate with both kernels in place of convolving.

    Returns:
        [batch, height', width', channels] in the dtype of `x`, where
        height' = ((height * up + top + bottom - up_taps + 1) - down_taps) // down + 1.

    Raises:
        ValueError: if an argument is out of range or leaves no output.
    """
    factor = check_factor("up", up)
    if bias is not None:
        x = bias_act(x, bias)
    x = upfirdn2d(x, up_kernel, up=factor, padding=padding, gain=float(factor[0] * factor[1]), flip=flip)
    x = bias_act(x, activation="lrelu", alpha=slope, gain=gain, clamp=clamp)
    return upfirdn2d(x, down_kernel, down=down, flip=flip)
