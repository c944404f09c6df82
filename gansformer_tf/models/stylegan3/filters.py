"""Low-pass filters of StyleGAN3, designed for a cut-off and a transition band (Karras et al. 2021, appendix C)."""

from __future__ import annotations

import math

import numpy as np

# Points at which the integral of a Bessel function is taken; the sum converges exponentially beyond its argument.
_BESSEL_POINTS = 512


def design_filter(taps: int, cutoff: float, half_width: float, rate: float, radial: bool = False) -> np.ndarray | None:
    """A Kaiser-windowed low-pass filter.

    Args:
        taps: Its length; 1 is no filter.
        cutoff: Frequency at which the transition band has its middle.
        half_width: Half of the width of that band.
        rate: Samples per unit, in which the frequencies are given.
        radial: A filter `[taps, taps]` that is the same in every direction, in place of the separable `[taps]`.

    Returns:
        float32, with the sum 1; None without a filter.
    """
    if taps == 1:
        return None
    window = np.kaiser(taps, kaiser_beta(taps, half_width, rate))
    offsets = (np.arange(taps) - (taps - 1) / 2) / rate
    if radial:
        distances = np.hypot(*np.meshgrid(offsets, offsets))
        kernel = bessel_j1(2.0 * math.pi * cutoff * distances) / (math.pi * distances) * np.outer(window, window)
    else:
        kernel = np.sinc(2.0 * cutoff * offsets) * window
    return (kernel / kernel.sum()).astype(np.float32)


def kaiser_beta(taps: int, half_width: float, rate: float) -> float:
    """Shape of the Kaiser window that reaches the transition width 2 `half_width` (Kaiser 1974)."""
    attenuation = 2.285 * (taps - 1) * math.pi * (2.0 * half_width / (rate / 2.0)) + 7.95
    if attenuation > 50.0:
        return 0.1102 * (attenuation - 8.7)
    if attenuation > 21.0:
        return 0.5842 * (attenuation - 21.0) ** 0.4 + 0.07886 * (attenuation - 21.0)
    return 0.0


def bessel_j1(x: np.ndarray) -> np.ndarray:
    """Bessel function of the first kind and order 1, by its integral over a full turn; for `|x|` below 300."""
    angles = 2.0 * math.pi * (np.arange(_BESSEL_POINTS) + 0.5) / _BESSEL_POINTS
    return np.mean(np.cos(angles - np.asarray(x)[..., None] * np.sin(angles)), axis=-1)
