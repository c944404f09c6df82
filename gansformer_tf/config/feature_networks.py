"""The networks whose features a projected discriminator may score."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class FeatureNetwork:
    """A trained network that shows images at several scales, from fine to coarse.

    Attributes:
        channels: Of each tap.
        strides: Pixels of the image per pixel of each tap.
        network: "module:class", called with the name; imported where features are computed. Its objects are functions
            of images in [-1, 1] that return the taps.
    """

    channels: tuple[int, ...]
    strides: tuple[int, ...] = (4, 8, 16, 32)
    network: str = "gansformer_tf.features.frozen:FrozenFeatures"

    @property
    def least_side(self) -> int:
        """Pixels that an image needs on each side, so that the coarsest tap has one."""
        return self.strides[-1]


FEATURE_NETWORKS: dict[str, FeatureNetwork] = {
    "efficientnet-lite0": FeatureNetwork((24, 40, 112, 320)),
    "efficientnet-lite1": FeatureNetwork((24, 40, 112, 320)),
    "efficientnet-lite2": FeatureNetwork((24, 48, 120, 352)),
}
