"""What an image looks like when it is shifted or turned, with band-limited resampling.

Karras et al., 2021, "Alias-Free Generative Adversarial Networks", appendix E. Images are float `[B, H, W, C]`; masks
are float `[H, W]`, 1 where the result does not depend on what lies beyond the border.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from gansformer_tf.ops import filter2d, upsample2d

LANCZOS = 3  # zero crossings on each side
ROTATION_UP = 4  # oversampling of an image before it is read between its pixels
_PERIOD = 64  # of the grid, in pixels, on which filters are convolved; much wider than any of them


def rotation_matrix(angle: float) -> np.ndarray:
    """float64 `[3, 3]`: `[[cos, sin], [-sin, cos]]` and no shift; `angle` in radians."""
    cosine, sine = np.cos(angle), np.sin(angle)
    return np.array([[cosine, sine, 0.0], [-sine, cosine, 0.0], [0.0, 0.0, 1.0]])


def shift_whole(images: np.ndarray, shift: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
    """Shifts by whole pixels.

    Args:
        images: `[B, H, W, C]`.
        shift: (right, down) as shares of width and height; rounded to pixels.

    Returns:
        Images, 0 where nothing is known, and the mask.
    """
    height, width = images.shape[1:3]
    right, down = (int(np.rint(part * size)) for part, size in zip(shift, (width, height), strict=True))
    moved, mask = np.zeros_like(images), np.zeros((height, width), np.float32)
    if abs(right) < width and abs(down) < height:
        target = _overlap(down, height), _overlap(right, width)
        source = _overlap(-down, height), _overlap(-right, width)
        moved[:, target[0], target[1]] = images[:, source[0], source[1]]
        mask[target] = 1.0
    return moved, mask


def shift_fraction(images: np.ndarray, shift: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
    """Shifts by fractions of pixels with a separable Lanczos filter of 6 taps; see `shift_whole`."""
    height, width = images.shape[1:3]
    before, after = LANCZOS - 1, LANCZOS
    moved, mask = np.zeros_like(images), np.zeros((height, width), np.float32)
    whole, kernels = [], []
    for part, size in zip(shift, (width, height), strict=True):
        distance = np.float32(part) * np.float32(size)
        whole.append(int(np.floor(distance)))
        offset = np.arange(2 * LANCZOS) - before - (float(distance) - whole[-1])
        taps = np.sinc(offset) * np.sinc(offset / LANCZOS)
        kernels.append(taps / taps.sum())
    right, down = whole
    target = _reach(down, height, before, after), _reach(right, width, before, after)
    if all(part.start < part.stop for part in target):
        # filtered images reach `before` pixels further to the left and top, and `after` to the right and bottom
        filtered = filter2d(images, kernels[0][None, :], padding=(before, after, 0, 0))
        filtered = filter2d(filtered, kernels[1][:, None], padding=(0, 0, before, after))
        rows = slice(target[0].start - down + before, target[0].stop - down + before)
        columns = slice(target[1].start - right + before, target[1].stop - right + before)
        moved[:, target[0], target[1]] = keras.ops.convert_to_numpy(filtered)[:, rows, columns]
    inner = tuple(
        slice(max(step + after, 0), max(min(step - before, 0) + size, 0))
        for step, size in ((down, height), (right, width))
    )
    mask[inner] = 1.0
    return moved, mask


def rotate(images: np.ndarray, angle: float) -> tuple[np.ndarray, np.ndarray]:
    """Turns images about their middle by `angle` radians, without aliasing; see `shift_whole` for what it returns."""
    height, width = images.shape[1:3]
    kernel = rotation_filter(angle, ROTATION_UP)
    margin = kernel.shape[0] // 2
    sampled = keras.ops.convert_to_numpy(upsample2d(images, kernel, factor=ROTATION_UP, padding=margin))
    rows, columns = _source_places(angle, (height, width), sampled.shape[1:3], margin)
    inside = np.zeros(sampled.shape[1:3], np.float32)
    border = 2 * margin + 1
    inside[border:-border, border:-border] = 1.0
    return _read_between(sampled, rows, columns), _read_nearest(inside, rows, columns)


def pseudo_rotate(images: np.ndarray, angle: float) -> tuple[np.ndarray, np.ndarray]:
    """Filters images as `rotate` by `angle` does, without turning them: the partner of what `rotate` made."""
    kernel = rotation_filter(-angle, 1)
    filtered = keras.ops.convert_to_numpy(filter2d(images, kernel))
    mask = np.zeros(images.shape[1:3], np.float32)
    border = kernel.shape[0] // 2
    mask[border:-border, border:-border] = 1.0
    return filtered, mask


def rotation_filter(angle: float, up: int) -> np.ndarray:
    """Low-pass filter for turning an image: it keeps what both the upright and the turned pixel grid can hold.

    The sinc of one grid is convolved with that of the other, and so are their Lanczos windows.

    Args:
        angle: In radians.
        up: Samples per pixel.

    Returns:
        float64 `[taps, taps]` with `taps = 4 * 3 * up - 1`; each of the `up * up` phases sums to `1 / up^2`.
    """
    half = 2 * LANCZOS  # pixels on each side of the middle
    count = 2 * _PERIOD * up - 1
    taps = np.roll((np.arange(count) + 1) / up - _PERIOD, 1 - _PERIOD * up)  # the middle comes first, for the FFT
    y, x = np.meshgrid(taps, taps, indexing="ij")
    matrix = rotation_matrix(angle)
    turned_x, turned_y = matrix[0, 0] * x + matrix[0, 1] * y, matrix[1, 0] * x + matrix[1, 1] * y
    kernel = _convolve(np.sinc(x) * np.sinc(y), np.sinc(turned_x) * np.sinc(turned_y))
    kernel = kernel * _convolve(_window(x) * _window(y), _window(turned_x) * _window(turned_y))
    cut = (_PERIOD - half) * up
    kernel = np.roll(kernel, (_PERIOD * up - 1,) * 2, axis=(0, 1))[cut:-cut, cut:-cut]
    phases = np.pad(kernel, ((0, 1), (0, 1))).reshape(2 * half, up, 2 * half, up)
    phases = phases / phases.sum(axis=(0, 2), keepdims=True) / up**2
    return phases.reshape(2 * half * up, 2 * half * up)[:-1, :-1]


def _overlap(step: int, size: int) -> slice:
    return slice(max(step, 0), size + min(step, 0))


def _reach(step: int, size: int, before: int, after: int) -> slice:
    """Where the filtered image still has values."""
    return slice(max(step - before, 0), min(step + after, 0) + size)


def _window(x: np.ndarray) -> np.ndarray:
    scaled = np.abs(x) / LANCZOS
    return np.where(scaled < 1.0, np.sinc(scaled), 0.0)


def _convolve(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.fft.ifft2(np.fft.fft2(a) * np.fft.fft2(b)).real


def _source_places(
    angle: float, size: tuple[int, int], sampled_size: tuple[int, int], margin: int
) -> tuple[np.ndarray, np.ndarray]:
    """Row and column in the upsampled image for every pixel of the turned one."""
    height, width = size
    back = np.linalg.inv(rotation_matrix(angle))[:2]
    # in units of half the image, from its middle; the upsampled one is wider by the margin and half a sample off
    back[0, 2], back[1, 2] = 1.0 / ROTATION_UP / width, 1.0 / ROTATION_UP / height
    back[0] *= width / (width + 2 * margin / ROTATION_UP)
    back[1] *= height / (height + 2 * margin / ROTATION_UP)
    x = (2.0 * np.arange(width) + 1.0) / width - 1.0
    y = (2.0 * np.arange(height) + 1.0) / height - 1.0
    source_x = back[0, 0] * x[None] + back[0, 1] * y[:, None] + back[0, 2]
    source_y = back[1, 0] * x[None] + back[1, 1] * y[:, None] + back[1, 2]
    return ((source_y + 1.0) * sampled_size[0] - 1.0) / 2.0, ((source_x + 1.0) * sampled_size[1] - 1.0) / 2.0


def _read_between(images: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Bilinear reading; 0 outside."""
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)))
    rows = np.clip(rows + 1.0, 0.0, padded.shape[1] - 1.001)
    columns = np.clip(columns + 1.0, 0.0, padded.shape[2] - 1.001)
    top, left = np.floor(rows).astype(int), np.floor(columns).astype(int)
    down = (rows - top)[..., None].astype(images.dtype)
    right = (columns - left)[..., None].astype(images.dtype)
    upper = padded[:, top, left] * (1 - right) + padded[:, top, left + 1] * right
    lower = padded[:, top + 1, left] * (1 - right) + padded[:, top + 1, left + 1] * right
    return upper * (1 - down) + lower * down


def _read_nearest(mask: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    row, column = np.rint(rows).astype(int), np.rint(columns).astype(int)
    inside = (row >= 0) & (row < mask.shape[0]) & (column >= 0) & (column < mask.shape[1])
    found = mask[np.clip(row, 0, mask.shape[0] - 1), np.clip(column, 0, mask.shape[1] - 1)]
    return np.where(inside, found, 0.0).astype(np.float32)


def as_float(images: Any) -> np.ndarray:
    """A NumPy float32 copy."""
    return np.asarray(keras.ops.convert_to_numpy(images), np.float32)
