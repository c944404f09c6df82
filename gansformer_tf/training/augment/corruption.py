"""Image-space filtering, noise and cutout of the adaptive augmentation."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

# Low-pass filter of the sym2 wavelet (Daubechies 1992), normalised to sum 2 ** 0.5.
SYM2 = np.array([-0.12940952255092145, 0.22414386804185735, 0.836516303737469, 0.48296291314469025])
# Power of natural images in the four octaves of the filter bank, from the lowest: about 1 / f^2.
EXPECTED_POWER = np.array([10.0, 1.0, 1.0, 1.0]) / 13.0


def filter_bank() -> np.ndarray:
    """Four filters, low to high octave, that add up to the identity: float32 `[4, taps]`."""
    signs = (-1.0) ** np.arange(len(SYM2))
    low = np.convolve(SYM2, SYM2[::-1]) / 2.0
    high_taps = SYM2 * signs
    high = np.convolve(high_taps, high_taps[::-1]) / 2.0
    bank = np.ones([1, 1])
    for _ in range(3):
        spread = np.zeros([len(bank), 2 * bank.shape[1] - 1])
        spread[:, ::2] = bank
        bank = np.stack([np.convolve(row, low) for row in spread])
        top = np.zeros([1, bank.shape[1]])
        start = (bank.shape[1] - len(high)) // 2
        top[0, start : start + len(high)] = high
        bank = np.concatenate([bank, top])
    return bank.astype(np.float32)


def draw_image_filter(draw: Any, strengths: Any, p: tf.Tensor, batch: int) -> tf.Tensor:
    """Random amplification of octaves, one filter per image: `[batch, taps]`."""
    bank = filter_bank()
    power = tf.constant(EXPECTED_POWER, tf.float32)
    gains = tf.ones([batch, len(bank)])
    for band, band_strength in enumerate(strengths.imgfilter_bands):
        gain = tf.exp(draw.normal((batch,)) * (strengths.imgfilter_std * float(np.log(2.0))))
        gate = draw.uniform((batch,)) < strengths.imgfilter * p * band_strength
        gain = tf.where(gate, gain, 1.0)
        selected = tf.one_hot(band, len(bank))
        amplified = selected * gain[:, None] + (1.0 - selected)
        # keep the expected power of the image
        amplified /= tf.sqrt(tf.reduce_sum(power * tf.square(amplified), axis=1, keepdims=True))
        gains *= amplified
    return gains @ tf.constant(bank)


def filter_images(images: tf.Tensor, taps: tf.Tensor) -> tf.Tensor:
    """Filters each image with its own symmetric filter along both axes; borders are reflected.

    Args:
        images: `[batch, height, width, channels]`; both sides longer than half the filter.
        taps: `[batch, length]`, length odd.

    Raises:
        ValueError: The images are too small for the filter.
    """
    batch, height, width, channels = images.shape
    length = taps.shape[1]
    reach = length // 2
    if min(height, width) <= reach:
        raise ValueError(f"images of {height}x{width} are too small for the image filter; it needs {reach + 1} pixels.")
    padded = tf.pad(images, [[0, 0], [reach, reach], [reach, reach], [0, 0]], mode="REFLECT")
    rows = tf.signal.frame(padded, length, 1, axis=2)  # [batch, padded height, width, taps, channels]
    filtered = tf.einsum("bhwtc,bt->bhwc", rows, taps)
    columns = tf.signal.frame(filtered, length, 1, axis=1)  # [batch, height, taps, width, channels]
    filtered = tf.einsum("bhtwc,bt->bhwc", columns, taps)
    return tf.reshape(filtered, [batch, height, width, channels])


def add_noise(draw: Any, strengths: Any, p: tf.Tensor, images: tf.Tensor) -> tf.Tensor:
    """Adds Gaussian noise of a random strength per image."""
    batch = images.shape[0]
    sigma = tf.abs(draw.normal((batch, 1, 1, 1))) * strengths.noise_std
    sigma = tf.where(draw.uniform((batch, 1, 1, 1)) < strengths.noise * p, sigma, 0.0)
    return images + draw.normal(tuple(images.shape)) * sigma


def cut_out(draw: Any, strengths: Any, p: tf.Tensor, images: tf.Tensor) -> tf.Tensor:
    """Sets a random rectangle of each image to zero (grey)."""
    batch, height, width, _ = images.shape
    gate = draw.uniform((batch, 1)) < strengths.cutout * p
    size = tf.where(gate, strengths.cutout_size, 0.0)  # [batch, 1]
    center = draw.uniform((batch, 2))
    x = (tf.range(width, dtype=tf.float32)[None] + 0.5) / width
    y = (tf.range(height, dtype=tf.float32)[None] + 0.5) / height
    outside_x = tf.abs(x - center[:, :1]) >= size / 2.0
    outside_y = tf.abs(y - center[:, 1:]) >= size / 2.0
    keep = outside_x[:, None, :] | outside_y[:, :, None]
    return images * tf.cast(keep, images.dtype)[..., None]
