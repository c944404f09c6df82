"""Convolutions, alone or together with a FIR resampler."""

from __future__ import annotations

from typing import Any

import keras

from gansformer_tf.ops._library import gpu_visible, native_ops
from gansformer_tf.ops.filters import as_kernel
from gansformer_tf.ops.upfirdn2d import kernel_size, upfirdn2d

# The native 3x3 convolution spares products, not transforms of images: fewer channels have too few products, and a few
# small images are convolved faster than the filter is transformed. The batch has no say, so that an image has the same
# bits in every batch, and with or without a graph.
NATIVE_LEAST_CHANNELS = 32
NATIVE_LEAST_PIXELS = 256


def conv2d(x: Any, w: Any, stride: int = 1, padding: str | int = "same", groups: int = 1) -> Any:
    """2-D convolution (correlation, as in every deep learning library).

    On CPUs with native ops, 3x3 kernels of stride 1 go through Winograd's F(2x2, 3x3) (Lavin and Gray 2016, section
    4.1): the same up to rounding, for 2.25 times fewer multiplications.

    Args:
        x: [batch, height, width, in].
        w: [kernel height, kernel width, in // groups, out].
        stride: step of the output, both axes.
        padding: "same", "valid", or zeros to add on every side.
        groups: number of channel groups that are convolved separately.

    Returns:
        [batch, height', width', out].

    Raises:
        ValueError: if the weights do not fit the channels, or for an unknown padding.
    """
    x = keras.ops.convert_to_tensor(x)
    _check_weights(x, w, groups)
    if padding not in ("same", "valid") and not (isinstance(padding, int) and padding >= 0):
        raise ValueError(f'padding is {padding!r}; it must be "same", "valid" or an integer of at least 0.')
    native = stride == 1 and padding not in ("valid", 0) and _native_convolves(x, w)
    if isinstance(padding, int):
        rest = padding - 1 if native else padding  # the native convolution pads by 1 itself
        if rest:
            x = keras.ops.pad(x, [(0, 0), (rest, rest), (rest, rest), (0, 0)])
        padding = "valid"
    if native:
        from gansformer_tf.ops import _native

        return _native.conv2d(x, w)
    # Keras finds the number of groups in the shapes of x and w.
    return keras.ops.conv(x, w, strides=stride, padding=padding, data_format="channels_last")


def _native_convolves(x: Any, w: Any) -> bool:
    """Whether the native 3x3 convolution (Winograd's F(2x2, 3x3)) is there and faster."""
    if tuple(w.shape[:2]) != (3, 3) or w.shape[2] != x.shape[3] or min(w.shape[2:]) < NATIVE_LEAST_CHANNELS:
        return False
    _, height, width, _ = x.shape
    enough = None in (height, width) or height * width >= NATIVE_LEAST_PIXELS
    return enough and native_ops(x) is not None and not gpu_visible()


def sum_of_squares(w: Any) -> Any:
    """Sum of the squares of a kernel `[height, width, in, out]` over its taps: `[in, out]`."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        # The gradient of a square keeps twice the kernel from the start of the step on; this op's is made in its turn.
        return tf.reduce_sum(tf.math.squared_difference(w, tf.zeros([], w.dtype)), axis=(0, 1))
    return keras.ops.sum(keras.ops.square(w), axis=(0, 1))


def conv2d_up(x: Any, w: Any, kernel: Any, gain: float = 1.0, flip_weight: bool = False) -> Any:
    """Upsamples by 2 and convolves: a transposed convolution of stride 2, then the FIR kernel with gain 4.

    Equal to zero insertion, FIR and convolution with `w` as in StyleGAN2's upsample_conv_2d, and cheaper.

    Args:
        x: [batch, height, width, in].
        w: [kernel height, kernel width, in, out], square and of odd size.
        kernel: FIR kernel of `setup_filter`, 1-D or 2-D, square.
        gain: factor on the result.
        flip_weight: rotate `w` by half a turn first. The TensorFlow networks store it for False; the layers of
            StyleGAN2-ADA and later convolve with the reversed kernel, so their weights need True.

    Returns:
        [batch, 2 * height, 2 * width, out].
    """
    kernel, size = _check_resample(x, w, kernel)
    taps = kernel_size(kernel)[0]
    if size == 1:  # a 1x1 kernel commutes with zero insertion: convolve the smaller image
        total = taps - 2
        padding = ((total + 1) // 2 + 1, total // 2)
        return upfirdn2d(conv2d(x, w), kernel, up=2, padding=padding * 2, gain=4.0 * gain)
    if not flip_weight:
        w = keras.ops.flip(w, axis=(0, 1))
    x = _conv_transpose(x, keras.ops.transpose(w, (0, 1, 3, 2)))  # [batch, 2 * height + size - 2, ..., out]
    total = (taps - 2) - (size - 1)
    padding = ((total + 1) // 2 + 1, total // 2 + 1)
    return upfirdn2d(x, kernel, padding=padding * 2, gain=4.0 * gain)


def conv2d_down(x: Any, w: Any, kernel: Any, gain: float = 1.0) -> Any:
    """Convolves and downsamples by 2: the FIR kernel, then a convolution of stride 2 (conv_downsample_2d).

    Args:
        x: [batch, height, width, in], even height and width.
        w: [kernel height, kernel width, in, out], square and of odd size.
        kernel: FIR kernel of `setup_filter`, 1-D or 2-D, square.
        gain: factor on the result.

    Returns:
        [batch, height / 2, width / 2, out].
    """
    kernel, size = _check_resample(x, w, kernel)
    total = (kernel_size(kernel)[0] - 2) + (size - 1)
    padding = ((total + 1) // 2, total // 2) * 2
    if size == 1:  # the samples that a 1x1 kernel of stride 2 skips need not be filtered
        return conv2d(upfirdn2d(x, kernel, down=2, padding=padding, gain=gain), w)
    return conv2d(upfirdn2d(x, kernel, padding=padding, gain=gain), w, stride=2, padding="valid")


def _conv_transpose(x: Any, w: Any) -> Any:
    """Transposed convolution of stride 2 without padding; `w` is [height, width, out, in]."""
    return keras.ops.conv_transpose(x, w, strides=2, padding="valid", data_format="channels_last")


def _check_weights(x: Any, w: Any, groups: int) -> None:
    if len(x.shape) != 4 or len(w.shape) != 4:
        raise ValueError(
            f"x has shape {tuple(x.shape)} and w {tuple(w.shape)}; they must be [batch, height, width, in] and "
            "[kernel height, kernel width, in // groups, out]."
        )
    if groups < 1 or w.shape[2] * groups != x.shape[3] or w.shape[3] % groups:
        raise ValueError(
            f"w has shape {tuple(w.shape)} and groups is {groups}; x {tuple(x.shape)} needs "
            f"in = {x.shape[3]} // groups and a multiple of groups for out."
        )


def _check_resample(x: Any, w: Any, kernel: Any) -> tuple[Any, int]:
    _check_weights(x, w, 1)
    kernel = as_kernel(kernel)
    if w.shape[0] != w.shape[1] or w.shape[0] % 2 == 0:
        raise ValueError(f"w has shape {tuple(w.shape)}; resampling needs a square kernel of odd size.")
    if kernel.shape[0] != kernel.shape[-1]:
        raise ValueError(f"kernel has shape {kernel.shape}; resampling needs a square FIR kernel.")
    return kernel, w.shape[0]
