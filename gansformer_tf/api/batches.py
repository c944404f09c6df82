"""What `GAN.fit` takes: which part of an element is what, and where a data set is gone on with."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from gansformer_tf.config import ConfigError

_WAY = "gansformer_tf.data.images_from_directory gives what fit takes"


def parts_of(element: Any) -> tuple[Any, Any]:
    """(images, labels or None) of an element: a dictionary with "image" and "label", a tuple, or images alone."""
    if isinstance(element, dict):
        labels = element.get("label")
        return element["image"], None if labels is None or labels.shape[-1] == 0 else labels
    if isinstance(element, (tuple, list)):
        return element[0], element[1] if len(element) > 1 else None
    return element, None


def check_data(data: Any, config: Any) -> int:
    """The size of the batches.

    Args:
        data: What `fit` was given.
        config: Of the discriminator, which sees the images.

    Raises:
        ConfigError: It is no dataset, or its batches do not fit the networks.
    """
    if not isinstance(data, tf.data.Dataset):
        raise ConfigError(
            f"data is a {type(data).__name__}; fit takes a tf.data.Dataset, such as "
            "tf.data.Dataset.from_tensor_slices(images).shuffle(len(images)).batch(16, drop_remainder=True)."
        )
    images, labels = parts_of(data.element_spec)
    shape, wanted = tuple(images.shape), (config.height, config.width, config.image_channels)
    if len(shape) != 4:
        raise ConfigError(f"images have shape {shape}; fit takes batches [batch, height, width, channels]: use .batch.")
    if images.dtype != tf.uint8:
        raise ConfigError(
            f"images are {images.dtype.name}; fit takes uint8 from 0 to 255. Cast them where they are in that range "
            f"(tf.cast(images, tf.uint8)); {_WAY}."
        )
    if shape[1:] != wanted:
        first = " They have channels first; transpose them." if shape[1:] == (wanted[2], *wanted[:2]) else ""
        raise ConfigError(f"images have shape {shape}; these networks take [batch, *{wanted}].{first}")
    if shape[0] is None:
        raise ConfigError(f"the batches have no fixed size; use .batch(16, drop_remainder=True). {_WAY}.")
    _check_labels(labels, config.label_dim)
    return int(shape[0])


def _check_labels(labels: Any, label_dim: int) -> None:
    if label_dim and labels is None:
        raise ConfigError(f"the data have no labels, this GAN has {label_dim} classes; give (images, labels).")
    if labels is None:
        return
    classes = labels.shape[-1] if len(labels.shape) > 1 else None
    if not label_dim:
        raise ConfigError(
            f"the data have labels, this GAN has none; build it with label_dim={classes or 'the number of classes'}, "
            "or leave them out: data.map(lambda images, labels: images)."
        )
    if classes not in (None, label_dim):
        raise ConfigError(f"the labels have {classes} classes, this GAN has {label_dim}; build it with that label_dim.")


def going_on(data: tf.data.Dataset, step: Any) -> tf.data.Dataset:
    """The endless repetition of a data set, which when iterated begins at the batch of a step.

    Args:
        data: One pass of it, or an endless one. One with a `position` begins there itself; another is read up to the
            batch wanted, so its order has to be the same every time.
        step: Called for the number of the step.
    """
    length = int(data.cardinality())

    def skipped() -> np.ndarray:
        if hasattr(data, "position"):
            data.position.step = step()
            return np.int64(0)
        return np.int64(step() % length if length > 0 else step())

    start = tf.data.Dataset.from_tensors(0).map(lambda _: tf.numpy_function(skipped, [], tf.int64))
    return start.flat_map(lambda count: data.repeat().skip(tf.ensure_shape(count, ())))
