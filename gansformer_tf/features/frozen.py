"""Features of images at four scales, and the distance between images that they give."""

from __future__ import annotations

from typing import Any

from keras import ops

from gansformer_tf.features.efficientnet_lite import LEAST_SIDE, STRIDES, VARIANTS, build_efficientnet_lite
from gansformer_tf.features.errors import FeatureError
from gansformer_tf.features.weights import load_weights

_TINY = 1e-10  # keeps the length of a vector of zeros away from zero


class FrozenFeatures:
    """What a trained network sees in images: `features(images)` gives its taps, from fine to coarse.

    The weights never change, and this is no Keras layer, so that neither an optimizer nor a checkpoint of a model that
    holds it finds them. Gradients reach the images.

    Args:
        name: "efficientnet-lite0", "efficientnet-lite1" or "efficientnet-lite2".

    Attributes:
        model: The Keras model, see `build_efficientnet_lite`.
        size: Side of the images that it was trained with.
        channels: Of each tap.
        strides: Of each tap: 4, 8, 16, 32.
        sha256: Of the file of weights.

    Raises:
        FeatureError: An unknown name, or weights that are not installed.

    Example:

    >>> import keras
    >>> features = FrozenFeatures("efficientnet-lite0")
    >>> [tuple(tap.shape) for tap in features(keras.ops.zeros((1, 64, 64, 3)))]
    [(1, 16, 16, 24), (1, 8, 8, 40), (1, 4, 4, 112), (1, 2, 2, 320)]
    """

    strides = STRIDES

    def __init__(self, name: str) -> None:
        arrays, self.sha256 = load_weights(name)
        self.name, self.size = name, VARIANTS[name].size
        self.model = build_efficientnet_lite(name, arrays)
        self.channels = tuple(int(tap.shape[-1]) for tap in self.model.output["taps"])

    def __call__(self, images: Any) -> list[Any]:
        """Taps `[B, H / stride, W / stride, channels]` of images `[B, H, W, 1 or 3]` in [-1, 1], at their own size.

        Raises:
            FeatureError: The images are too small.
        """
        return list(self.model(as_input(images), training=False)["taps"])


class PerceptualDistance:
    """Distance of images as a trained network sees them: small shifts and noise count less than other contents.

    At each tap the vectors of all positions are brought to length 1; their squared differences are summed over
    channels and averaged over positions, and the taps are averaged. LPIPS (Zhang et al., 2018, "The Unreasonable
    Effectiveness of Deep Features") is of this form on other networks, with learned weights for the channels: the
    numbers compare only with those of the same network, whose name they carry.

    Args:
        features: The network.

    Example:

    >>> import keras
    >>> distance = PerceptualDistance(FrozenFeatures("efficientnet-lite0"))
    >>> images = keras.ops.zeros((2, 32, 32, 3))
    >>> float(distance(images, images)[0])
    0.0
    """

    def __init__(self, features: FrozenFeatures) -> None:
        self.features = features
        self.label = f"lpips-like-{features.name}"

    def __call__(self, a: Any, b: Any) -> Any:
        """Distances float32 `[B]` between images `[B, H, W, 1 or 3]` in [-1, 1]; differentiable.

        Raises:
            FeatureError: The images are too small.
        """
        taps = zip(self.features(a), self.features(b), strict=True)
        distances = [ops.mean(ops.sum(ops.square(_unit(x) - _unit(y)), axis=-1), axis=(1, 2)) for x, y in taps]
        return ops.mean(ops.stack(distances), axis=0)

    def vectors(self, images: Any) -> Any:
        """Vectors float32 `[B, numbers]` of images, whose squared distances are those of the images.

        Raises:
            FeatureError: The images are too small.
        """
        taps = [_unit(tap) for tap in self.features(images)]
        scaled = [tap / (len(taps) * tap.shape[1] * tap.shape[2]) ** 0.5 for tap in taps]
        return ops.concatenate([ops.reshape(tap, (len(tap), -1)) for tap in scaled], axis=1)


def as_input(images: Any) -> Any:
    """Images with three channels; the grey one is repeated.

    Raises:
        FeatureError: They are smaller than the coarsest tap can see.
    """
    images = ops.convert_to_tensor(images, "float32")
    height, width, channels = images.shape[1:]
    if None not in (height, width) and min(height, width) < LEAST_SIDE:
        raise FeatureError(
            f"images of {height}x{width} pixels are too small for this feature network; it needs at least {LEAST_SIDE} "
            "pixels on each side. Enlarge them first."
        )
    return ops.repeat(images, 3, axis=-1) if channels == 1 else images[..., :3]


def _unit(x: Any) -> Any:
    return x / ops.sqrt(ops.sum(ops.square(x), axis=-1, keepdims=True) + _TINY)
