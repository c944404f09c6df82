"""What a projection brings down: the perceptual distance to an image, and that of its pixels."""

from __future__ import annotations

from typing import Any

from keras import ops

from gansformer_tf.config.project import ProjectConfig
from gansformer_tf.features.efficientnet_lite import LEAST_SIDE
from gansformer_tf.features.errors import FeatureError
from gansformer_tf.features.frozen import FrozenFeatures, PerceptualDistance

NETWORK = "efficientnet-lite0"
_WHITE = 1 - 1e-3  # the lightest of the 256 levels, within rounding
_LARGEST_SIDE = 256  # larger images are compared at this size, as StyleGAN2's projector does


class ImageDistance:
    """Perceptual and squared distance of images `[batch, height, width, channels]` in [-1, 1].

    Where the perceptual network cannot be had, pixels alone are compared, and `lacks` says why in one line.

    Args:
        height, width: Of the images.
    """

    def __init__(self, height: int, width: int) -> None:
        self.perceptual: PerceptualDistance | None = None
        self.lacks = ""
        self._factor = max(1, max(height, width) // _LARGEST_SIDE)
        if min(height, width) // self._factor < LEAST_SIDE:
            self.lacks = f"images of {height}x{width} pixels are too small for {NETWORK}; pixels alone are compared."
            return
        try:
            self.perceptual = PerceptualDistance(FrozenFeatures(NETWORK))
        except FeatureError as error:
            self.lacks = f"pixels alone are compared: {error}"

    @property
    def label(self) -> str:
        """Name of the perceptual distance; empty where there is none."""
        return self.perceptual.label if self.perceptual is not None else ""

    def loss(self, images: Any, targets: Any, config: ProjectConfig) -> Any:
        """What `config` brings down, `[batch]`. Beyond black and white a drawing is as good as at them."""
        images = ops.where(targets >= _WHITE, ops.minimum(images, 1.0), images)
        images = ops.where(targets <= -_WHITE, ops.maximum(images, -1.0), images)
        seen = config.perceptual_weight * self.seen(images, targets)
        return seen + config.pixel_weight * self.squared(images, targets)

    def vectors(self, images: Any, config: ProjectConfig) -> Any:
        """Vectors `[batch, numbers]` whose squared distances are what `config` brings down, between black and white."""
        images = ops.clip(images, -1.0, 1.0)
        pixels = ops.reshape(images, (len(images), -1))
        parts = [pixels * (config.pixel_weight / pixels.shape[1]) ** 0.5]
        if self.perceptual is not None:
            parts.append(config.perceptual_weight**0.5 * self.perceptual.vectors(self._reduced(images)))
        return ops.concatenate(parts, axis=1)

    def seen(self, a: Any, b: Any) -> Any:
        """Perceptual distances `[batch]`; zeros where there is no network."""
        if self.perceptual is None:
            return ops.zeros(ops.shape(a)[:1])
        return self.perceptual(self._reduced(a), self._reduced(b))

    def squared(self, a: Any, b: Any) -> Any:
        """Mean squared errors `[batch]`."""
        return ops.mean(ops.square(a - b), axis=(1, 2, 3))

    def _reduced(self, images: Any) -> Any:
        if self._factor == 1:
            return images
        return ops.average_pool(images, self._factor, data_format="channels_last")
