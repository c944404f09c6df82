"""The augmentation pipe: every transformation in turn, each with probability p."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from gansformer_tf.ops._formulation import in_xla
from gansformer_tf.training.augment import color, corruption, geometric


@dataclass(frozen=True)
class AugmentStrengths:
    """Relative probability of each transformation (0 switches it off), and how far it goes.

    Pixel blitting: flip, quarter turns, whole-pixel shifts. Geometry: isotropic scale, rotation, anisotropic scale,
    fractional shifts. Colour: brightness, contrast, luma flip, hue, saturation. Corruption: octave filter, noise,
    cutout.
    """

    xflip: float = 0.0
    rotate90: float = 0.0
    xint: float = 0.0
    scale: float = 0.0
    rotate: float = 0.0
    aniso: float = 0.0
    xfrac: float = 0.0
    brightness: float = 0.0
    contrast: float = 0.0
    lumaflip: float = 0.0
    hue: float = 0.0
    saturation: float = 0.0
    imgfilter: float = 0.0
    noise: float = 0.0
    cutout: float = 0.0
    xint_max: float = 0.125  # of the image size
    scale_std: float = 0.2  # of log2
    rotate_max: float = 1.0  # of a full circle
    aniso_std: float = 0.2  # of log2
    xfrac_std: float = 0.125  # of the image size
    brightness_std: float = 0.2
    contrast_std: float = 0.5  # of log2
    hue_max: float = 1.0  # of a full circle
    saturation_std: float = 1.0  # of log2
    imgfilter_bands: tuple[float, ...] = (1.0, 1.0, 1.0, 1.0)
    imgfilter_std: float = 1.0  # of log2
    noise_std: float = 0.1
    cutout_size: float = 0.5  # of the image size


_BLIT: dict[str, Any] = {"xflip": 1.0, "rotate90": 1.0, "xint": 1.0}
_GEOMETRY: dict[str, Any] = {"scale": 1.0, "rotate": 1.0, "aniso": 1.0, "xfrac": 1.0}
_COLOR: dict[str, Any] = {"brightness": 1.0, "contrast": 1.0, "lumaflip": 1.0, "hue": 1.0, "saturation": 1.0}

# Names of published sets; the default of StyleGAN2-ADA is "bgc".
PIPES: dict[str, AugmentStrengths] = {
    "blit": AugmentStrengths(**_BLIT),
    "geom": AugmentStrengths(**_GEOMETRY),
    "color": AugmentStrengths(**_COLOR),
    "filter": AugmentStrengths(imgfilter=1.0),
    "noise": AugmentStrengths(noise=1.0),
    "cutout": AugmentStrengths(cutout=1.0),
    "bg": AugmentStrengths(**_BLIT, **_GEOMETRY),
    "bgc": AugmentStrengths(**_BLIT, **_GEOMETRY, **_COLOR),
    "bgcf": AugmentStrengths(**_BLIT, **_GEOMETRY, **_COLOR, imgfilter=1.0),
    "bgcfn": AugmentStrengths(**_BLIT, **_GEOMETRY, **_COLOR, imgfilter=1.0, noise=1.0),
    "bgcfnc": AugmentStrengths(**_BLIT, **_GEOMETRY, **_COLOR, imgfilter=1.0, noise=1.0, cutout=1.0),
}


def augment(images: tf.Tensor, draw: Any, strengths: AugmentStrengths, p: tf.Tensor) -> tf.Tensor:
    """Augments a batch.

    Args:
        images: float `[batch, height, width, channels]` in [-1, 1], batch and sizes static.
        draw: Source of random numbers with `uniform(shape)` and `normal(shape)`, such as a `SampleStream`.
        strengths: Which transformations.
        p: Probability of each, a scalar in [0, 1].

    Returns:
        As `images`; differentiable with respect to them.
    """
    batch, height, width, channels = images.shape
    p = tf.convert_to_tensor(p, tf.float32)
    inverse = geometric.draw_inverse_transform(draw, strengths, p, batch, height, width)
    if inverse is not None:
        images = geometric.transform(images, inverse, compiled=in_xla())
    matrix = color.draw_color_transform(draw, strengths, p, batch, channels)
    if matrix is not None:
        images = color.transform(images, matrix)
    if strengths.imgfilter > 0:
        images = corruption.filter_images(images, corruption.draw_image_filter(draw, strengths, p, batch))
    if strengths.noise > 0:
        images = corruption.add_noise(draw, strengths, p, images)
    if strengths.cutout > 0:
        images = corruption.cut_out(draw, strengths, p, images)
    return images
