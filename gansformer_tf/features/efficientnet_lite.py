"""EfficientNet-Lite 0 to 2 in Keras (Tan and Le, 2019, "EfficientNet"; its Lite form has ReLU6 and no squeezing).

Structure and names of weights are those of the PyTorch package `efficientnet-lite-pytorch`. Weights do not change, so
batch normalization is folded into the convolutions before it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import layers

from gansformer_tf.features.errors import FeatureError

CLASSES = 1000
FEATURES = 1280
EPSILON = 1e-3  # of batch normalization
STEM_CHANNELS = 32
STRIDES = (4, 8, 16, 32)  # of the taps
LEAST_SIDE = STRIDES[-1]  # the coarsest tap has one pixel


@dataclass(frozen=True)
class Variant:
    """How a network of the family is scaled; `size` is the side of the images that it was trained with."""

    width: float
    depth: float
    size: int


VARIANTS = {
    "efficientnet-lite0": Variant(1.0, 1.0, 224),
    "efficientnet-lite1": Variant(1.0, 1.1, 240),
    "efficientnet-lite2": Variant(1.1, 1.2, 260),
}


@dataclass(frozen=True)
class Stage:
    """Blocks alike; the first has the stride, the others add what they get. `tapped`: the last one is looked at."""

    repeats: int
    kernel: int
    stride: int
    expansion: int
    channels: int
    tapped: bool = False


STAGES = (
    Stage(1, 3, 1, 1, 16),
    Stage(2, 3, 2, 6, 24, tapped=True),
    Stage(2, 5, 2, 6, 40, tapped=True),
    Stage(3, 3, 2, 6, 80),
    Stage(3, 5, 1, 6, 112, tapped=True),
    Stage(4, 5, 2, 6, 192),
    Stage(1, 3, 1, 6, 320, tapped=True),
)


def build_efficientnet_lite(name: str, arrays: Mapping[str, np.ndarray]) -> keras.Model:
    """The network of a name with the weights of its PyTorch file.

    Args:
        name: Of `VARIANTS`.
        arrays: Weights by their PyTorch names.

    Returns:
        A model that is not trained: images float32 `[B, H, W, 3]` in [-1, 1], each side at least 32 pixels, to
        `{"taps": [t4, t8, t16, t32], "pooled": [B, 1280], "logits": [B, 1000]}`; `tn` is `[B, H / n, W / n, channels]`
        with 24, 40, 112, 320 channels (24, 48, 120, 352 in Lite2).

    Raises:
        FeatureError: A weight is missing or has another shape.
    """
    weights = _Weights(name, arrays)
    images = layers.Input((None, None, 3), dtype="float32")
    x = _conv(images, weights, "_conv_stem", "_bn0", STEM_CHANNELS, 3, stride=2)
    taps, index = [], 0
    for stage, repeats, channels in _scaled(VARIANTS[name]):
        for repeat in range(repeats):
            x = _block(x, weights, f"_blocks.{index}", stage, channels, stage.stride if repeat == 0 else 1)
            index += 1
        if stage.tapped:
            taps.append(x)
    x = _conv(x, weights, "_conv_head", "_bn1", FEATURES, 1)
    pooled = layers.GlobalAveragePooling2D(dtype="float32")(x)
    classify = layers.Dense(CLASSES, dtype="float32")
    logits = classify(pooled)
    classify.set_weights([weights("_fc.weight", (CLASSES, FEATURES)).T, weights("_fc.bias", (CLASSES,))])
    model = keras.Model(images, {"taps": taps, "pooled": pooled, "logits": logits}, name=name.replace("-", "_"))
    model.trainable = False
    return model


def _scaled(variant: Variant) -> list[tuple[Stage, int, int]]:
    """(stage, blocks, channels): width in steps of 8, depth rounded up; the first and last stage keep their depth."""
    found = []
    for place, stage in enumerate(STAGES):
        fixed = place in (0, len(STAGES) - 1)
        repeats = stage.repeats if fixed else math.ceil(variant.depth * stage.repeats)
        wanted = stage.channels * variant.width
        channels = int(wanted + 4) // 8 * 8
        found.append((stage, repeats, channels + 8 if channels < 0.9 * wanted else channels))
    return found


def _block(x: Any, weights: _Weights, scope: str, stage: Stage, channels: int, stride: int) -> Any:
    """Widen, filter each channel alone, narrow; with the input added where the shapes agree."""
    before, given = x, x.shape[-1]
    if stage.expansion > 1:
        x = _conv(x, weights, f"{scope}._expand_conv", f"{scope}._bn0", given * stage.expansion, 1)
    x = _depthwise(x, weights, f"{scope}._depthwise_conv", f"{scope}._bn1", stage.kernel, stride)
    x = _conv(x, weights, f"{scope}._project_conv", f"{scope}._bn2", channels, 1, activation=None)
    return layers.Add(dtype="float32")([x, before]) if stride == 1 and given == channels else x


def _conv(
    x: Any,
    weights: _Weights,
    name: str,
    normalization: str,
    channels: int,
    kernel: int,
    stride: int = 1,
    activation: str | None = "relu6",
) -> Any:
    """Convolution and the batch normalization behind it."""
    conv = layers.Conv2D(
        channels,
        kernel,
        stride,
        padding="same",
        activation=activation,
        data_format="channels_last",
        dtype="float32",
    )
    given = x.shape[-1]
    y = conv(x)
    scale, offset = weights.normalization(normalization, channels)
    array = weights(f"{name}.weight", (channels, given, kernel, kernel)).transpose(2, 3, 1, 0)  # [kh, kw, in, out]
    conv.set_weights([array * scale, offset])
    return y


def _depthwise(x: Any, weights: _Weights, name: str, normalization: str, kernel: int, stride: int) -> Any:
    """Convolution of each channel alone, and the batch normalization behind it."""
    conv = layers.DepthwiseConv2D(
        kernel, stride, padding="same", activation="relu6", data_format="channels_last", dtype="float32"
    )
    channels = x.shape[-1]
    y = conv(x)
    scale, offset = weights.normalization(normalization, channels)
    array = weights(f"{name}.weight", (channels, 1, kernel, kernel)).transpose(2, 3, 0, 1)  # [kh, kw, channels, 1]
    conv.set_weights([array * scale[:, None], offset])
    return y


class _Weights:
    """Arrays of a file, checked where they are used."""

    def __init__(self, name: str, arrays: Mapping[str, np.ndarray]) -> None:
        self.name, self.arrays = name, arrays

    def __call__(self, key: str, shape: tuple[int, ...]) -> np.ndarray:
        array = self.arrays.get(key)
        if array is None or array.shape != shape:
            found = "is missing" if array is None else f"has shape {array.shape} in place of {shape}"
            raise FeatureError(f"these are no weights of {self.name}: {key} {found}; install its package again.")
        return array.astype(np.float32)

    def normalization(self, scope: str, channels: int) -> tuple[np.ndarray, np.ndarray]:
        """Factor and offset that a batch normalization applies."""
        gamma, beta, mean, variance = (
            self(f"{scope}.{part}", (channels,)).astype(np.float64)
            for part in ("weight", "bias", "running_mean", "running_var")
        )
        scale = gamma / np.sqrt(variance + EPSILON)
        return scale.astype(np.float32), (beta - mean * scale).astype(np.float32)
