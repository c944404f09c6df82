"""The network of the referee: for every pixel whether it is of an object, where that object's middle is, what it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from gansformer_tf.files import write_atomically
from gansformer_tf.metrics.composition.referee.scheme import ATTRIBUTES, CHANNELS, SIDE, channels_of
from gansformer_tf.metrics.errors import MetricError

WEIGHTS = Path(__file__).parent / "weights.safetensors"


def build() -> keras.Model:
    """Images 0..255, `[batch, 64, 64, 3]`, to `[batch, 64, 64, channels]`; with fresh weights.

    A U-net whose finest features have half the resolution: four pixels of the output come from one place. The heads are
    those of Panoptic-DeepLab (Cheng et al. 2020): foreground, heat around the middles of objects, the way (down, right)
    from a pixel to the middle of its object in units of 8 pixels, and scores of every attribute.
    """
    images = keras.Input((SIDE, SIDE, 3), name="images")
    x = layers.Rescaling(1 / 127.5, -1.0)(images)
    half = _conv(_conv(x, 32, 5, 2), 32)
    quarter = _conv(_conv(half, 64, 3, 2), 64)
    eighth = _conv(_conv(quarter, 96, 3, 2), 96)
    x = layers.UpSampling2D(2)(_conv(eighth, 32, 1))
    x = _conv(layers.Concatenate()([x, quarter]), 48)
    x = layers.UpSampling2D(2)(_conv(x, 24, 1))
    x = _conv(_conv(layers.Concatenate()([x, half]), 32), 32)
    count, side = sum(CHANNELS.values()), SIDE // 2
    x = layers.Reshape((side, side, 2, 2, count))(layers.Conv2D(4 * count, 1)(x))
    x = layers.Permute((1, 3, 2, 4, 5))(x)
    return keras.Model(images, layers.Reshape((SIDE, SIDE, count))(x), name="referee")


def _conv(x: Any, channels: int, size: int = 3, strides: int = 1) -> Any:
    x = layers.Conv2D(channels, size, strides=strides, padding="same", use_bias=False)(x)
    return layers.ReLU()(layers.BatchNormalization(momentum=0.95)(x))


def loss(wanted: Any, found: Any) -> Any:
    """Cross entropies of foreground, heat and attributes, and the distance of the offsets; where objects are."""
    mask = wanted[..., :1]
    pixels = ops.sum(mask) + 1.0
    total = ops.mean(_binary(mask, found[..., :1]))
    centre = channels_of("centre")
    total += 10.0 * ops.mean(_binary(wanted[..., centre], found[..., centre]))
    offset = channels_of("offset")
    total += 0.5 * ops.sum(mask * ops.abs(wanted[..., offset] - found[..., offset])) / pixels
    for name in ATTRIBUTES:
        logs = ops.log_softmax(found[..., channels_of(name)], axis=-1)
        total -= 0.3 * ops.sum(wanted[..., channels_of(name)] * logs) / pixels
    return total


def _binary(wanted: Any, scores: Any) -> Any:
    return ops.relu(scores) - scores * wanted + ops.softplus(-ops.abs(scores))


def save_weights(model: keras.Model, path: Path, metadata: dict[str, str]) -> None:
    """Writes the weights in half precision, in their order."""
    from safetensors.numpy import save

    arrays = {f"{index:03d}": np.asarray(value, np.float16) for index, value in enumerate(model.get_weights())}
    write_atomically(path, save(arrays, metadata))


def load(path: Path = WEIGHTS) -> keras.Model:
    """The trained network.

    Raises:
        MetricError: The file is missing, or is of another network.
    """
    from safetensors.numpy import load_file

    model = build()
    try:
        arrays = load_file(path)
        model.set_weights([arrays[name].astype(np.float32) for name in sorted(arrays)])
    except (OSError, ValueError) as error:
        raise MetricError(
            f"{path} does not hold this referee's weights ({error}); benchmarks/referee.py trains it."
        ) from error
    return model
