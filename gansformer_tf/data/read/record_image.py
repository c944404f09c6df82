"""Images out of records, without TensorFlow: for inspecting and verifying."""

from __future__ import annotations

import numpy as np

from gansformer_tf.data.images.decode import pixels_of
from gansformer_tf.data.read.dataset_info import DatasetInfo
from gansformer_tf.data.records import keys
from gansformer_tf.data.records.example import decode_example
from gansformer_tf.data.records.original import parse_original


def image_of(payload: bytes, info: DatasetInfo) -> np.ndarray:
    """The image of a record, uint8 `[H, W, C]`.

    Raises:
        ValueError: The record holds something else than the data set says.
    """
    shape = (info.height, info.width, info.channels)
    if info.encoding == "original":
        pixels = parse_original(payload).transpose(1, 2, 0)
    else:
        features = decode_example(payload)
        stored = features.get(keys.ENCODED)
        if not stored:
            raise ValueError(f"it has no {keys.ENCODED}")
        pixels = _pixels(stored[0], info)
    if pixels.shape != shape:
        raise ValueError(f"the image has shape {pixels.shape} instead of {shape}")
    return pixels


def _pixels(stored: bytes, info: DatasetInfo) -> np.ndarray:
    if info.encoding == "raw":
        size = info.height * info.width * info.channels
        if len(stored) != size:
            raise ValueError(f"{len(stored)} bytes of pixels instead of {size}")
        return np.frombuffer(stored, np.uint8).reshape(info.height, info.width, info.channels)
    return pixels_of(stored, info.channels)


def label_of(payload: bytes, info: DatasetInfo) -> int | tuple[float, ...] | None:
    """The label of a record: a class number, a vector, or None."""
    if info.encoding == "original" or not info.label_dim:
        return None
    features = decode_example(payload)
    if info.class_names is not None:
        return int(features[keys.LABEL][0])
    return tuple(features[keys.LABEL_VECTOR])
