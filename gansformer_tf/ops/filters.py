"""FIR kernels for resampling."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

# Taps per axis above which a kernel is a mistake rather than a filter: StyleGAN3's longest has 24.
MAX_TAPS = 1024


def setup_filter(
    taps: Sequence[float] | np.ndarray | float | None = (1, 3, 3, 1),
    normalize: bool = True,
    gain: float = 1.0,
    flip: bool = False,
    separable: bool = True,
) -> np.ndarray:
    """Prepares a FIR kernel for `upfirdn2d` and its relatives.

    Args:
        taps: 1-D taps of a separable kernel, or a 2-D kernel [height, width]; None is the identity.
        normalize: divide by the sum, so that a constant image keeps its value.
        gain: factor on the image (each 1-D pass of a separable kernel gets its square root).
        flip: reverse the kernel.
        separable: False turns 1-D taps into their outer product.

    Returns:
        float32 array of shape [taps] or [height, width]; always a new array.

    Raises:
        ValueError: for an empty kernel, more than two dimensions, values that are not finite, or a zero sum
            together with `normalize`.
    """
    kernel = np.array(1.0 if taps is None else taps, dtype=np.float64)
    if kernel.ndim == 0:
        kernel = kernel[None]
    check_kernel(kernel)
    if kernel.ndim == 1 and not separable:
        kernel = np.outer(kernel, kernel)
    if normalize:
        total = kernel.sum()
        if total == 0:
            raise ValueError("the taps sum to 0 and cannot be normalized; pass normalize=False.")
        kernel = kernel / total
    if flip:
        kernel = kernel[(slice(None, None, -1),) * kernel.ndim]
    return np.ascontiguousarray(kernel * gain ** (kernel.ndim / 2), dtype=np.float32)


def check_kernel(kernel: np.ndarray) -> None:
    """Raises ValueError unless `kernel` is a finite 1-D or 2-D array of sensible size."""
    if kernel.ndim not in (1, 2):
        raise ValueError(f"kernel has shape {kernel.shape}; it must have 1 (separable) or 2 dimensions.")
    if kernel.size == 0 or max(kernel.shape) > MAX_TAPS:
        raise ValueError(f"kernel has shape {kernel.shape}; each axis must have 1 to {MAX_TAPS} taps.")
    if not np.all(np.isfinite(kernel)):
        raise ValueError("kernel holds values that are not finite; every tap must be a finite number.")


def as_kernel(kernel: Any) -> np.ndarray:
    """The kernel as a checked float64 array, [taps] or [height, width]; None is the identity."""
    if kernel is None:
        return np.ones([1])
    try:
        array = np.asarray(kernel, dtype=np.float64)
    except Exception as error:
        raise TypeError(
            f"kernel is {type(kernel).__name__}; it must be known when the graph is built: pass a NumPy array."
        ) from error
    check_kernel(array)
    return array


def split_kernel(kernel: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """Factors (vertical, horizontal) whose outer product is `kernel`, or None where there are none."""
    if kernel.ndim == 1:
        return kernel, kernel
    row, column = np.unravel_index(np.argmax(np.abs(kernel)), kernel.shape)
    pivot = kernel[row, column]
    if pivot == 0:
        return np.zeros(kernel.shape[0]), np.zeros(kernel.shape[1])
    vertical, horizontal = kernel[:, column], kernel[row] / pivot
    # The tolerance admits an outer product that was rounded to float32.
    if np.max(np.abs(np.outer(vertical, horizontal) - kernel)) > 3e-7 * abs(pivot):
        return None
    scale = np.sqrt(np.sum(np.abs(horizontal)) / np.sum(np.abs(vertical)))
    return vertical * scale, horizontal / scale
