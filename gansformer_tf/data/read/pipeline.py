"""The training input: an endless tf.data dataset that any step can be entered at."""

from __future__ import annotations

import os
import re
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from gansformer_tf.data.manifest import DatasetError
from gansformer_tf.data.read.dataset_info import DatasetInfo
from gansformer_tf.data.read.epoch_order import EpochOrder
from gansformer_tf.data.read.exit_gate import GATE
from gansformer_tf.data.read.open import read_info
from gansformer_tf.data.read.records import Records
from gansformer_tf.data.records import keys
from gansformer_tf.data.records.example import find_bytes, find_feature
from gansformer_tf.data.records.original import DATA, added_number, find_original, read_labels
from gansformer_tf.data.records.tfrecord import CorruptRecordError
from gansformer_tf.data.spread import spread

PREFETCH_BATCHES = 4
_CORRUPT = re.compile(r"corrupt (?:record|shard)[^\n]*")


def training_dataset(
    path: str | os.PathLike[str],
    *,
    batch_size: int,
    seed: int,
    start_step: int = 0,
    mirror: bool = False,
    max_images: int | None = None,
    ratio: float | None = None,
    use_labels: bool = False,
    shard: tuple[int, int] = (0, 1),
    held_out: int = 0,
    only_held_out: bool = False,
) -> tf.data.Dataset:
    """Endless batches of a prepared data set, shuffled anew in every epoch.

    The batch of a step is a function of the arguments alone: with `start_step=n` the dataset begins with the batch
    that stands at step n of the whole sequence, and nothing before it is read.

    Args:
        path: A prepared folder, one with TFRecords of the original code, or a ZIP archive of images.
        batch_size: Images per batch of this shard.
        seed: Of the order and the mirroring.
        start_step: First step.
        mirror: Mirror half of the images, chosen anew in every epoch.
        max_images: Use only this many images, spread evenly over all of them.
        ratio: Crop the middle to this height / width; None keeps all.
        use_labels: Read labels; otherwise `label` has no columns.
        shard: `(index, count)`: this reader serves part `index` of a global batch of `count * batch_size` images.
        held_out: So many of these images, spread evenly over them, are left out.
        only_held_out: Read those instead of the others.

    Returns:
        Dataset of dictionaries: `image` uint8 `[batch, height, width, channels]` and `label` float32
        `[batch, label_dim]` (one-hot, or the stored vectors).

    Raises:
        DatasetError: The folder cannot be used, or labels are asked for and there are none.
        CorruptRecordError: A shard was cut. A damaged record met later raises `tf.errors.OpError` while iterating;
            `corrupt_record` gives its message.

    Example:

    >>> data = gf.data.training_dataset("datasets/birds", batch_size=4, seed=1000)
    >>> next(iter(data))["image"].shape
    TensorShape([4, 16, 16, 3])
    """
    info = read_info(path)
    index, count = shard
    if not 0 <= index < count:
        raise ValueError(f"shard {shard}: the index must lie in 0..{count - 1}.")
    if batch_size < 1:
        raise ValueError(f"batch_size is {batch_size}; at least 1 image is needed.")
    reader = _Reader(info, seed, max_images, ratio, use_labels, mirror, held_out, only_held_out)

    def load(step: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        with GATE:
            return reader.batch((int(step) * count + index) * batch_size, batch_size)

    def read(step: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        stored = tf.uint8 if reader.plain else tf.string
        images, labels, flips = tf.numpy_function(load, [step], (stored, tf.float32, tf.bool), stateful=False)
        shape = (*reader.size, info.channels) if reader.plain else ()
        images.set_shape((batch_size, *shape))
        labels.set_shape((batch_size, reader.label_dim))
        flips.set_shape((batch_size,))
        return images, labels, flips

    steps = tf.data.Dataset.counter(start_step, dtype=tf.int64)
    decode = _decoder(reader)

    def finish(images: tf.Tensor, labels: tf.Tensor, flips: tf.Tensor) -> dict[str, tf.Tensor]:
        if not reader.plain:
            shape = tf.TensorSpec((*reader.size, info.channels), tf.uint8)
            images = tf.map_fn(decode, (images, flips), fn_output_signature=shape)
        return {"image": images, "label": labels}

    batches = steps.map(read, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    return batches.map(finish, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True).prefetch(PREFETCH_BATCHES)


def corrupt_record(error: BaseException) -> str | None:
    """The one-line message of a corrupt record inside an error that iterating raised; None for other errors."""
    match = _CORRUPT.search(str(error))
    return match.group(0) if match else None


def _decoder(reader: _Reader) -> Callable[[tuple[tf.Tensor, tf.Tensor]], tf.Tensor]:
    info, (height, width) = reader.info, reader.size
    top, left = reader.corner

    def decode(element: tuple[tf.Tensor, tf.Tensor]) -> tf.Tensor:
        image, flip = element
        if info.encoding == "jpeg":
            image = tf.io.decode_jpeg(image, channels=info.channels, dct_method="INTEGER_ACCURATE")
        elif info.encoding == "png":
            image = tf.io.decode_png(image, channels=info.channels)
        else:
            image = _decode_webp(image, info.channels)
        image = tf.ensure_shape(image, (info.height, info.width, info.channels))
        if (height, width) != (info.height, info.width):
            image = image[top : top + height, left : left + width]
        if reader.mirror:  # tf.reverse has a fast path for this; a slice with step -1 takes as long as decoding
            image = tf.cond(flip, lambda: tf.reverse(image, [1]), lambda: image)
        return image

    return decode


def _decode_webp(data: tf.Tensor, channels: int) -> tf.Tensor:
    # WebP has no grey, and drops an alpha channel that is opaque everywhere.
    image = tf.io.decode_image(data, channels=0, expand_animations=False)
    image.set_shape((None, None, None))
    if channels != 4:
        return image[:, :, :channels]
    opaque = tf.fill(tf.concat([tf.shape(image)[:2], [1]], axis=0), tf.constant(255, tf.uint8))
    return tf.concat([image, opaque], axis=2)[:, :, :4]


class _Reader:
    """Reads the records of a batch: plain pixels `[B, H, W, C]`, ready; or encoded images `[B]`, to be decoded."""

    def __init__(
        self,
        info: DatasetInfo,
        seed: int,
        max_images: int | None,
        ratio: float | None,
        use_labels: bool,
        mirror: bool,
        held_out: int,
        only_held_out: bool,
    ) -> None:
        if use_labels and not info.label_dim:
            raise DatasetError(
                f"the data set {info.name} has no labels; train without them, or prepare it again with --labels."
            )
        self.info, self.mirror = info, mirror
        self.size = info.cropped_size(ratio)  # (height, width)
        self.corner = (info.height - self.size[0]) // 2, (info.width - self.size[1]) // 2  # (top, left)
        self.records = Records(info)
        numbers = np.asarray(spread(len(self.records), max_images))
        if held_out:
            apart = np.asarray(spread(len(numbers), held_out))
            numbers = numbers[apart] if only_held_out else np.delete(numbers, apart)
            if not len(numbers):
                raise DatasetError(f"all {held_out} images of {info.name} are held out; give a smaller --held-out.")
        self.numbers = numbers
        self.order = EpochOrder(seed, len(self.numbers))
        self.plain = info.encoding in ("raw", "original")
        self.label_dim = info.label_dim if use_labels else 0
        self.added_labels = self._original_labels() if use_labels else None

    def _original_labels(self) -> np.ndarray | None:
        files = find_original(self.info.folder) if self.info.encoding == "original" else None
        return read_labels(self.info.folder, files, self.info.num_images) if files is not None else None

    def batch(self, start: int, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Images, labels and mirror flags of the places `start` to `start + count - 1` of the sequence."""
        places, flips = self.order.at(start, count)
        labels = np.zeros((count, self.label_dim), np.float32)
        images = np.empty((count, *self.size, self.info.channels), np.uint8) if self.plain else np.empty(count, object)
        for row, place in enumerate(places):
            number = int(self.numbers[place])
            payload = self.records.read(number)
            try:
                if self.plain:
                    self._copy_pixels(payload, flips[row], images[row])
                else:
                    images[row] = _encoded(payload)
                if self.label_dim:
                    labels[row] = self._label(payload, number)
            except (ValueError, IndexError) as error:
                raise CorruptRecordError(f"corrupt {self.records.describe(number)}: {error}.") from error
        return images, labels, flips

    def _copy_pixels(self, payload: bytes, flip: bool, target: np.ndarray) -> None:
        height, width, channels = self.info.height, self.info.width, self.info.channels
        original = self.info.encoding == "original"
        start, end = find_bytes(payload, DATA if original else keys.ENCODED)
        pixels = np.frombuffer(payload, np.uint8, end - start, start)
        if original:
            pixels = pixels.reshape(channels, height, width).transpose(1, 2, 0)
        else:
            pixels = pixels.reshape(height, width, channels)
        (top, left), (height, width) = self.corner, self.size
        pixels = pixels[top : top + height, left : left + width]
        if not (flip and self.mirror):
            target[:] = pixels
            return
        for channel in range(channels):  # four times as fast as all channels at once
            target[:, :, channel] = pixels[:, ::-1, channel]

    def _label(self, payload: bytes, number: int) -> np.ndarray | list[float]:
        if self.added_labels is not None:
            shard, record = self.records.locate(number)
            return self.added_labels[added_number(shard, record, len(self.info.shards))]
        if self.info.class_names is not None:
            return np.eye(self.label_dim, dtype=np.float32)[find_feature(payload, keys.LABEL)[0]]
        return find_feature(payload, keys.LABEL_VECTOR)


def _encoded(payload: bytes) -> bytes:
    start, end = find_bytes(payload, keys.ENCODED)
    return payload[start:end]
