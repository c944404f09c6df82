"""A folder of images as a `tf.data.Dataset`, without preparing anything before."""

from __future__ import annotations

import collections
import itertools
import os
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import tensorflow as tf

from gansformer_tf.config.base import require, require_choice, require_positive
from gansformer_tf.config.data import FITS, RESIZE_FILTERS, SourceOptions
from gansformer_tf.config.image import geometry
from gansformer_tf.data.images.decode import BadImageError
from gansformer_tf.data.images.fitted import fitted
from gansformer_tf.data.read.epoch_order import EpochOrder
from gansformer_tf.data.sources.base import Item, Source, SourceError
from gansformer_tf.data.sources.labels import FOLDERS, NONE
from gansformer_tf.data.sources.open import open_source
from gansformer_tf.data.sources.walk import listed
from gansformer_tf.data.workers import default_workers

INFERRED = "inferred"
SUBSETS = ("training", "validation")
MAX_BYTES = 4 << 30  # of pixels, which are kept in memory
_READ_AT_ONCE = 64


class Position:
    """The step at which iterating a data set begins next; each iteration moves it on by one pass.

    Attributes:
        step: Batches from the beginning of the endless sequence; may be set.
    """

    def __init__(self) -> None:
        self.step = 0

    def take(self, count: int) -> int:
        """The step that a pass of `count` batches begins at."""
        start, self.step = self.step, self.step + count
        return start


def images_from_directory(
    directory: str | os.PathLike[str],
    resolution: int | tuple[int, int],
    batch_size: int = 16,
    *,
    labels: str | None = None,
    channels: int = 3,
    shuffle: bool = True,
    seed: int = 1000,
    mirror: bool = False,
    validation_split: float | None = None,
    subset: str | None = None,
    fit: str = "crop",
    resize_filter: str = "lanczos",
    max_images: int | None = None,
) -> tf.data.Dataset:
    """Batches of the images below a folder (or in a ZIP archive), brought to one size.

    The images are read once, now, and kept in memory as pixels. Shuffled, every pass has another order, which is a
    function of the seed and the number of the pass alone: with equal images, `batch_size` and `seed` the batches are
    those that `run_network.py` trains with on the data set that `prepare_data.py --encoding png` makes of the folder.

    Args:
        directory: Searched with all its sub-folders. PNG, JPEG, WebP, BMP and GIF files are taken.
        resolution: Pixels of a square image, or (height, width): the longer side a power of two, the shorter one a
            multiple of a quarter of it, as the networks ask for.
        batch_size: Images in a batch. Batches are always whole; what is left of a pass comes first in the next.
        labels: None for images alone; "inferred": the class of an image is the sub-folder it is in; or the path of a
            CSV or JSON file with names and labels, as for `prepare_data.py --labels`.
        channels: 1 (grey), 3 (RGB) or 4 (RGBA).
        shuffle: False keeps the order of the paths.
        seed: Of the order, of mirroring, and of the split.
        mirror: Whether half of the images are mirrored, chosen anew in every pass.
        validation_split: Share of the images that is set apart, between 0 and 1.
        subset: "training" or "validation" with a `validation_split`: which part this is.
        fit: "crop" cuts the middle out, "pad" adds black bars, "stretch" changes the proportions.
        resize_filter: "lanczos", "box" or "bicubic".
        max_images: Take this many, spread evenly.

    Returns:
        A dataset of uint8 images 0 to 255 `[batch_size, height, width, channels]`, the convention of `GAN.fit`, or with
        labels of tuples (images, float32 `[batch_size, classes]`, one-hot). Its length is that of one pass. It has
        the attributes `class_names` (None without classes), `file_paths`, and `position`, where `GAN.fit` says at
        which step to begin.

    Raises:
        ConfigError: An argument breaks its rule.
        SourceError: The folder is missing, holds no image, too many for the memory, or fewer than a batch; labels do
            not fit.

    Warns:
        UserWarning: What was left out or converted, with counts and the first reason.

    Example:

    >>> data = gf.data.images_from_directory("birds", resolution=64, batch_size=16)
    >>> next(iter(data)).shape
    TensorShape([16, 64, 64, 3])
    """
    geometry(resolution)
    size = (resolution, resolution) if isinstance(resolution, int) else (int(resolution[0]), int(resolution[1]))
    _check(batch_size, channels, validation_split, subset, fit, resize_filter, max_images)
    given = {None: NONE, INFERRED: FOLDERS}.get(labels, labels)
    source = _opened(directory, given)
    chosen = _chosen(len(source), seed, validation_split, subset, max_images)
    pixels, kept = _read(source, chosen, size, channels, fit, resize_filter)
    if len(kept) < batch_size:
        raise SourceError(
            f"{directory} gives {len(kept)} usable images for a batch_size of {batch_size}; add images, or lower it."
        )
    order = EpochOrder(seed, len(kept))
    classes = _labels(source, kept)
    position, steps = Position(), len(kept) // batch_size

    def load(step: np.ndarray) -> tuple[np.ndarray, ...]:
        if shuffle:
            places, flips = order.at(int(step) * batch_size, batch_size)
        else:
            places = (int(step) % steps) * batch_size + np.arange(batch_size)
            _, flips = order.at(int(step) * batch_size, batch_size)
        images = pixels[places]
        if mirror:
            images[flips] = images[flips, :, ::-1]
        return (images,) if classes is None else (images, classes[places])

    def batch(step: tf.Tensor) -> Any:
        kinds = [tf.uint8] if classes is None else [tf.uint8, tf.float32]
        images, *rest = tf.numpy_function(load, [step], kinds, stateful=False)
        images.set_shape((batch_size, *size, channels))
        if classes is None:
            return images
        rest[0].set_shape((batch_size, classes.shape[1]))
        return images, rest[0]

    def pass_from(start: tf.Tensor) -> tf.data.Dataset:
        return tf.data.Dataset.range(start, start + steps)

    starts = tf.data.Dataset.from_tensors(0).map(
        lambda _: tf.numpy_function(lambda: np.int64(position.take(steps)), [], tf.int64)
    )
    dataset = starts.flat_map(pass_from).map(batch, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    dataset = dataset.apply(tf.data.experimental.assert_cardinality(steps)).prefetch(tf.data.AUTOTUNE)
    dataset.position = position
    dataset.class_names = None if source.class_names is None else list(source.class_names)
    dataset.file_paths = [os.path.join(source.place, source.name(int(index))) for index in kept]
    return dataset


def _check(
    batch_size: int,
    channels: int,
    validation_split: float | None,
    subset: str | None,
    fit: str,
    resize_filter: str,
    max_images: int | None,
) -> None:
    require_positive("batch_size", batch_size)
    require_choice("channels", channels, (1, 3, 4))
    require_choice("fit", fit, FITS)
    require_choice("resize_filter", resize_filter, RESIZE_FILTERS)
    if max_images is not None:
        require_positive("max_images", max_images)
    require(
        (validation_split is None) == (subset is None),
        f"validation_split is {validation_split} and subset is {subset!r}; give both, or neither.",
    )
    if validation_split is not None:
        require(0 < validation_split < 1, f"validation_split is {validation_split}; it is a share between 0 and 1.")
        require_choice("subset", subset, SUBSETS)


def _opened(directory: str | os.PathLike[str], labels: str | None) -> Source:
    kind = "images" if os.path.isdir(directory) else None
    try:
        return open_source(os.fspath(directory), kind, SourceOptions(labels=labels))
    except SourceError as error:
        # The source speaks of the script's flags.
        words = {"--images-dir": "directory", "--labels": "labels", "--format": "the files", "labels folders": "labels"}
        text = str(error)
        for flag, word in words.items():
            text = text.replace(flag, word)
        raise SourceError(text) from error


def _chosen(
    count: int, seed: int, validation_split: float | None, subset: str | None, max_images: int | None
) -> np.ndarray:
    from gansformer_tf.data.spread import spread

    numbers = np.asarray(spread(count, max_images))
    if validation_split is None:
        return numbers
    apart = np.random.RandomState([seed % 2**32, count]).permutation(len(numbers))
    validation = round(len(numbers) * validation_split)
    part = apart[:validation] if subset == "validation" else apart[validation:]
    return numbers[np.sort(part)]


def _read(
    source: Source, chosen: np.ndarray, size: tuple[int, int], channels: int, mode: str, resize_filter: str
) -> tuple[np.ndarray, np.ndarray]:
    """Pixels of the images that can be used, and their numbers in the source."""
    needed = len(chosen) * size[0] * size[1] * channels
    if needed > MAX_BYTES:
        raise SourceError(
            f"{len(chosen)} images of {size[0]}x{size[1]} take {needed / 2**30:.1f} GiB of memory, over the limit of "
            f"{MAX_BYTES >> 30}; use a smaller resolution or max_images, or prepare_data.py and "
            "gansformer_tf.data.training_dataset."
        )
    pixels = np.empty((len(chosen), *size, channels), np.uint8)
    kept: list[int] = []
    problems: list[str] = []
    converted: collections.Counter[str] = collections.Counter()

    def decoded(item: Item) -> tuple[np.ndarray | None, tuple[str, ...], str]:
        if item.problem is not None:
            return None, (), f"{item.name}: {item.problem}"
        try:
            image, changes = fitted(
                item.encoded, item.array, size, channels=channels, mode=mode, resize_filter=resize_filter
            )
        except BadImageError as error:
            return None, (), f"{item.name}: {error}"
        return np.asarray(image).reshape(*size, channels), changes, ""

    with ThreadPoolExecutor(default_workers()) as pool:
        for part in _parts(chosen):
            found = pool.map(decoded, source.read(part))
            for index, (image, changes, problem) in zip(part, found, strict=True):
                if image is None:
                    problems.append(problem)
                    continue
                pixels[len(kept)] = image
                kept.append(index)
                converted.update(changes)
    _tell(source, problems, converted)
    return pixels[: len(kept)], np.asarray(kept, np.int64)


def _parts(chosen: np.ndarray) -> Iterator[list[int]]:
    numbers = iter(chosen.tolist())
    while part := list(itertools.islice(numbers, _READ_AT_ONCE)):
        yield part


def _tell(source: Source, problems: list[str], converted: collections.Counter[str]) -> None:
    told = []
    if source.left_out:
        told.append(f"left out {listed(source.left_out)} files")
    if problems:
        told.append(f"left out {len(problems)} images that cannot be used (the first is {problems[0]})")
    if converted:
        told.append("converted " + ", ".join(f"{count} {what}" for what, count in converted.most_common()))
    if told:
        warnings.warn(f"{source.place}: {'; '.join(told)}.", stacklevel=4)


def _labels(source: Source, kept: np.ndarray) -> np.ndarray | None:
    if not source.label_dim:
        return None
    values = [source.label(int(index)) for index in kept]
    if source.class_names is not None:
        return np.eye(source.label_dim, dtype=np.float32)[np.asarray(values, np.int64)]
    return np.asarray(values, np.float32)
