"""How alike two images are: PSNR and SSIM."""

from __future__ import annotations

import numpy as np

# Wang et al., 2004, "Image quality assessment: from error visibility to structural similarity"
_SIGMA = 1.5
_RADIUS = 5  # a window of 11 pixels
_K1, _K2 = 0.01, 0.03
_RANGE = 255.0


def psnr(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Peak signal-to-noise ratio in dB, float64 `[batch]`; infinite for equal images.

    Args:
        a, b: uint8 `[batch, height, width, channels]`.
    """
    a, b = _pair(a, b)
    error = np.mean(np.square(a - b), axis=(1, 2, 3))
    with np.errstate(divide="ignore"):
        return 10 * np.log10(_RANGE**2 / error)


def ssim(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Structural similarity with a Gaussian window of 11 pixels (Wang et al., 2004), float64 `[batch]`, 1 when equal.

    The mean over channels and over the places where the window lies inside the image.

    Args:
        a, b: uint8 `[batch, height, width, channels]`.

    Raises:
        ValueError: Images smaller than the window.
    """
    a, b = _pair(a, b)
    if min(a.shape[1:3]) < 2 * _RADIUS + 1:
        raise ValueError(
            f"images of {a.shape[1]}x{a.shape[2]} pixels are smaller than the window of SSIM; give at least "
            f"{2 * _RADIUS + 1} pixels on each side."
        )
    mean_a, mean_b = _windowed(a), _windowed(b)
    var_a, var_b = _windowed(a * a) - mean_a**2, _windowed(b * b) - mean_b**2
    covariance = _windowed(a * b) - mean_a * mean_b
    c1, c2 = (_K1 * _RANGE) ** 2, (_K2 * _RANGE) ** 2
    alike = (2 * mean_a * mean_b + c1) * (2 * covariance + c2)
    return np.mean(alike / ((mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2)), axis=(1, 2, 3))


def _windowed(x: np.ndarray) -> np.ndarray:
    """Averages under the window, where all of it lies inside."""
    places = np.arange(-_RADIUS, _RADIUS + 1)
    window = np.exp(-0.5 * (places / _SIGMA) ** 2)
    window /= window.sum()
    for axis in (1, 2):
        x = np.lib.stride_tricks.sliding_window_view(x, len(window), axis) @ window
    return x


def _pair(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if a.shape != b.shape or a.ndim != 4:
        raise ValueError(f"images have shapes {a.shape} and {b.shape}; give two batches of one shape [batch, h, w, c].")
    return a.astype(np.float64), b.astype(np.float64)
