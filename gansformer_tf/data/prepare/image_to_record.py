"""One image of a source to one record. Worker processes and Beam workers all call `convert`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from gansformer_tf.config.data import PrepareConfig
from gansformer_tf.data.images.decode import BadImageError
from gansformer_tf.data.images.encode import encode
from gansformer_tf.data.images.fitted import fitted
from gansformer_tf.data.records import keys
from gansformer_tf.data.records.example import encode_example
from gansformer_tf.data.records.tfrecord import frame
from gansformer_tf.data.sources.base import Item


@dataclass(frozen=True)
class ImageRecord:
    """A framed record, or the reason why the image gave none."""

    name: str
    record: bytes | None
    problem: str | None = None
    converted: tuple[str, ...] = ()  # what of it was changed, in words


def convert(item: Item, config: PrepareConfig, value_range: tuple[float, float] | None = None) -> ImageRecord:
    """Decodes, fits, encodes and frames one image. The result depends on the arguments only."""
    if item.problem is not None:
        return ImageRecord(item.name, None, item.problem)
    try:
        image, converted = fitted(
            item.encoded,
            _array_of(item) if item.encoded is None else None,
            config.size,
            channels=config.channels,
            mode=config.fit,
            resize_filter=config.resize_filter,
            value_range=value_range,
        )
    except BadImageError as error:
        return ImageRecord(item.name, None, str(error))
    features: dict[str, Any] = {
        keys.ENCODED: encode(image, config.encoding, config.quality),
        keys.FORMAT: config.encoding,
        keys.HEIGHT: image.height,
        keys.WIDTH: image.width,
        keys.FILENAME: item.name.encode("utf-8", "surrogateescape"),
    }
    if item.label is not None:
        if isinstance(item.label, tuple):
            features[keys.LABEL_VECTOR] = [float(value) for value in item.label]
        else:
            features[keys.LABEL] = item.label
    return ImageRecord(item.name, frame(encode_example(features)), converted=converted)


def _array_of(item: Item) -> np.ndarray:
    if item.array is None:
        raise ValueError(f"{item.name} has neither encoded bytes nor an array; a source must give one of them.")
    return item.array
