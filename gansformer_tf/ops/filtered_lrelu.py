"""Leaky ReLU at a higher sampling rate, between two FIR filters."""

from __future__ import annotations

import math
from typing import Any

import keras

from gansformer_tf.ops._library import native_ops
from gansformer_tf.ops.bias_act import bias_act, check_activation, check_bias
from gansformer_tf.ops.filters import as_kernel
from gansformer_tf.ops.upfirdn2d import Pair, check_factor, check_padding, output_size, upfirdn2d


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
    x = keras.ops.convert_to_tensor(x)
    up_factor, down_factor = check_factor("up", up), check_factor("down", down)
    sides = check_padding(padding)
    check_activation("lrelu", slope, gain, clamp)
    check_bias(x, bias)
    if native_ops(x) is not None:
        from gansformer_tf.ops import _native

        taps = [as_kernel(kernel) for kernel in (up_kernel, down_kernel)]
        size = output_size(x.shape, taps[0], up_factor, (1, 1), sides)
        output_size((None, *size, x.shape[3]), taps[1], (1, 1), down_factor, (0, 0, 0, 0))
        if not flip:
            taps = [kernel[(slice(None, None, -1),) * kernel.ndim] for kernel in taps]
        if _native.fits(*taps):
            return _native.filtered_lrelu(x, bias, taps[0], taps[1], up_factor, down_factor, sides, gain, slope, clamp)
    if bias is not None:
        x = bias_act(x, bias)
    x = upfirdn2d(x, up_kernel, up=up_factor, padding=sides, gain=float(up_factor[0] * up_factor[1]), flip=flip)
    x = bias_act(x, activation="lrelu", alpha=slope, gain=gain, clamp=clamp)
    return upfirdn2d(x, down_kernel, down=down_factor, flip=flip)
