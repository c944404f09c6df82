"""Upsample, FIR filter and downsample images in one operation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from gansformer_tf.ops import _slices
from gansformer_tf.ops._formulation import uses_depthwise
from gansformer_tf.ops._library import native_ops
from gansformer_tf.ops.filters import as_kernel, split_kernel

# Beyond these an argument is a mistake; the native kernels count positions in 32 bits.
MAX_FACTOR = 1 << 10
MAX_PADDING = 1 << 20
MAX_SIZE = 1 << 24
MAX_PIXELS = 1 << 31

Pair = int | Sequence[int]


def upfirdn2d(
    x: Any,
    kernel: Any,
    up: Pair = 1,
    down: Pair = 1,
    padding: Pair = (0, 0, 0, 0),
    gain: float = 1.0,
    flip: bool = False,
) -> Any:
    """Zero insertion, padding, FIR filter and decimation (StyleGAN2, Karras et al. 2020, appendix B).

    1. insert `up - 1` zeros after every sample (height becomes height * up);
    2. pad with zeros, or crop where the padding is negative;
    3. convolve with `kernel` and multiply by `gain`, keeping only full overlaps;
    4. keep every `down`-th sample, starting with the first.

    Args:
        x: images [batch, height, width, channels], floating point, height and width known.
        kernel: [taps] for a separable kernel (applied along both axes) or [height, width]; None is the identity.
        up: zero insertion factor, an int or (vertical, horizontal).
        down: decimation factor, an int or (vertical, horizontal).
        padding: samples after zero insertion: an int for all sides or (left, right, top, bottom).
        gain: factor on the result.
        flip: correlate in place of convolving.

    Returns:
        [batch, (height * up + top + bottom - taps) // down + 1, ..., channels] in the dtype of `x`.

    Raises:
        ValueError: if an argument is out of range or leaves no output.
        TypeError: if the kernel is not known when the graph is built.

    Example:

    >>> upfirdn2d(x, setup_filter([1, 3, 3, 1]), up=2, padding=(2, 1, 2, 1), gain=4.0)  # twice the size
    """
    x = keras.ops.convert_to_tensor(x)
    kernel = as_kernel(kernel)
    up, down = check_factor("up", up), check_factor("down", down)
    padding = check_padding(padding)
    output_size(x.shape, kernel, up, down, padding)
    taps = kernel if flip else kernel[(slice(None, None, -1),) * kernel.ndim]
    gain = check_number("gain", gain)
    if native_ops(x) is not None:
        from gansformer_tf.ops import _native

        if _native.fits(taps):
            return _native.upfirdn2d(x, taps, up, down, padding, gain)
    return composite_upfirdn2d(x, taps, up, down, padding, gain)


def composite_upfirdn2d(
    x: Any,
    taps: np.ndarray,
    up: tuple[int, int],
    down: tuple[int, int],
    padding: tuple[int, int, int, int],
    gain: float,
) -> Any:
    """`upfirdn2d` for checked arguments, in standard operations; `taps` are applied as a correlation."""
    left, right, top, bottom = padding
    factors = split_kernel(taps)
    if factors is not None:
        vertical, horizontal = factors[0], factors[1] * gain
    if uses_depthwise(x) and not _all_cropped(x.shape, up, padding):
        from gansformer_tf.ops import _depthwise

        equal = up[0] == up[1] and down[0] == down[1]
        size = taps.size if taps.ndim == 2 else taps.size**2
        if equal and (factors is None or size <= _depthwise.MAX_JOINT_TAPS):
            joint = np.outer(taps, taps) if taps.ndim == 1 else taps
            return _depthwise.correlate_joint(x, joint * gain, up[0], down[0], padding)
        if factors is not None:
            x = _depthwise.correlate_axis(x, vertical, up[0], down[0], top, bottom, axis=1)
            return _depthwise.correlate_axis(x, horizontal, up[1], down[1], left, right, axis=2)
        # Unequal factors with a kernel that does not factor: no such depthwise kernel exists.
    if factors is None:
        return _slices.resample_joint(x, taps * gain, up, down, padding)
    x = _slices.resample_axis(x, vertical, up[0], down[0], top, bottom, axis=1)
    return _slices.resample_axis(x, horizontal, up[1], down[1], left, right, axis=2)


def _all_cropped(shape: Sequence[int | None], up: tuple[int, int], padding: tuple[int, int, int, int]) -> bool:
    """Whether negative padding removes every sample, so that only zeros are left."""
    left, right, top, bottom = (min(pad, 0) for pad in padding)
    return shape[1] * up[0] + top + bottom <= 0 or shape[2] * up[1] + left + right <= 0  # type: ignore[operator]


def upsample2d(
    x: Any, kernel: Any, factor: Pair = 2, gain: float = 1.0, padding: Pair = (0, 0, 0, 0), flip: bool = False
) -> Any:
    """Upsamples images by `factor` with their content centred; a constant image keeps its value times `gain`.

    Args:
        x: [batch, height, width, channels].
        kernel: see `upfirdn2d`; normalized to sum 1 by `setup_filter`.
        factor: an int or (vertical, horizontal).
        gain: factor on the result.
        padding: further padding of the result, (left, right, top, bottom) in output samples.
        flip: correlate in place of convolving.

    Returns:
        [batch, height * factor, width * factor, channels] plus `padding`.
    """
    kernel = as_kernel(kernel)
    up = check_factor("factor", factor)
    left, right, top, bottom = check_padding(padding)
    taps_h, taps_w = kernel_size(kernel)
    around = (
        left + (taps_w + up[1] - 1) // 2,
        right + (taps_w - up[1]) // 2,
        top + (taps_h + up[0] - 1) // 2,
        bottom + (taps_h - up[0]) // 2,
    )
    return upfirdn2d(x, kernel, up=up, padding=around, gain=gain * up[0] * up[1], flip=flip)


def downsample2d(
    x: Any, kernel: Any, factor: Pair = 2, gain: float = 1.0, padding: Pair = (0, 0, 0, 0), flip: bool = False
) -> Any:
    """Downsamples images by `factor` with their content centred.

    Args:
        x: [batch, height, width, channels].
        kernel: see `upfirdn2d`.
        factor: an int or (vertical, horizontal).
        gain: factor on the result.
        padding: further padding of the input, (left, right, top, bottom).
        flip: correlate in place of convolving.

    Returns:
        [batch, height // factor, width // factor, channels] (with zero `padding` and dimensions that divide).
    """
    kernel = as_kernel(kernel)
    down = check_factor("factor", factor)
    left, right, top, bottom = check_padding(padding)
    taps_h, taps_w = kernel_size(kernel)
    around = (
        left + (taps_w - down[1] + 1) // 2,
        right + (taps_w - down[1]) // 2,
        top + (taps_h - down[0] + 1) // 2,
        bottom + (taps_h - down[0]) // 2,
    )
    return upfirdn2d(x, kernel, down=down, padding=around, gain=gain, flip=flip)


def filter2d(x: Any, kernel: Any, gain: float = 1.0, padding: Pair = (0, 0, 0, 0), flip: bool = False) -> Any:
    """Filters images and keeps their size (plus `padding`); see `upfirdn2d` for the arguments."""
    kernel = as_kernel(kernel)
    left, right, top, bottom = check_padding(padding)
    taps_h, taps_w = kernel_size(kernel)
    around = (left + taps_w // 2, right + (taps_w - 1) // 2, top + taps_h // 2, bottom + (taps_h - 1) // 2)
    return upfirdn2d(x, kernel, padding=around, gain=gain, flip=flip)


def kernel_size(kernel: np.ndarray) -> tuple[int, int]:
    """Taps (vertical, horizontal) of a 1-D separable or 2-D kernel."""
    return (kernel.shape[0], kernel.shape[-1])


def check_factor(name: str, factor: Pair) -> tuple[int, int]:
    """`factor` as (vertical, horizontal), each from 1 to MAX_FACTOR."""
    pair = tuple(factor) if isinstance(factor, Sequence) else (factor, factor)
    if len(pair) != 2 or not all(_is_int(value) and 1 <= value <= MAX_FACTOR for value in pair):
        raise ValueError(
            f"{name} is {factor!r}; it must be an integer from 1 to {MAX_FACTOR}, or a pair (vertical, horizontal)."
        )
    return int(pair[0]), int(pair[1])


def check_padding(padding: Pair) -> tuple[int, int, int, int]:
    """`padding` as (left, right, top, bottom)."""
    sides = tuple(padding) if isinstance(padding, Sequence) else (padding,) * 4
    if len(sides) != 4 or not all(_is_int(value) and abs(value) <= MAX_PADDING for value in sides):
        raise ValueError(
            f"padding is {padding!r}; it must be an integer or (left, right, top, bottom), "
            f"each between -{MAX_PADDING} and {MAX_PADDING}."
        )
    return tuple(int(value) for value in sides)  # type: ignore[return-value]


def check_number(name: str, value: float) -> float:
    """`value` as a finite float."""
    number = float(value)
    if not np.isfinite(number):
        raise ValueError(f"{name} is {value!r}; it must be a finite number.")
    return number


def check_images(shape: Sequence[int | None], op: str = "upfirdn2d") -> None:
    """Raises ValueError unless `shape` is [batch, height, width, channels] with only the batch unknown."""
    if len(shape) != 4 or any(size is None for size in shape[1:]):
        raise ValueError(
            f"x has shape {tuple(shape)}; {op} needs [batch, height, width, channels] with the last three known."
        )


def output_size(
    shape: Sequence[int | None],
    kernel: np.ndarray,
    up: tuple[int, int],
    down: tuple[int, int],
    padding: tuple[int, int, int, int],
) -> tuple[int, int]:
    """Height and width of the result of `upfirdn2d`; raises ValueError where nothing is left or too much is."""
    check_images(shape)
    left, right, top, bottom = padding
    sizes = []
    pixels = 1
    for axis, size, taps, before, after in zip(
        (0, 1), (shape[1], shape[2]), kernel_size(kernel), (top, left), (bottom, right), strict=True
    ):
        padded = int(size) * up[axis] + before + after  # type: ignore[arg-type]
        if padded < taps or int(size) < 1 or padded > MAX_SIZE:  # type: ignore[arg-type]
            raise ValueError(
                f"x has shape {tuple(shape)}, up {up}, padding {padding}: {padded} samples along axis {axis + 1}; "
                f"that must be at least the {taps} taps of the kernel and at most {MAX_SIZE}."
            )
        sizes.append((padded - taps) // down[axis] + 1)
        pixels *= padded
    if pixels > MAX_PIXELS:
        raise ValueError(
            f"x has shape {tuple(shape)}, up {up}, padding {padding}: {pixels} padded pixels; that must be at most "
            f"{MAX_PIXELS}."
        )
    return sizes[0], sizes[1]


def _is_int(value: Any) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)
