"""Images to be measured, by number: of a prepared data set, of a folder from anywhere, of a generator."""

from __future__ import annotations

import abc
import collections
import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gansformer_tf.config.data import DataConfig, SourceOptions
from gansformer_tf.data.images.conversions import conversions
from gansformer_tf.data.images.decode import BadImageError, decode, from_array, is_deep_png
from gansformer_tf.data.images.fit import fit
from gansformer_tf.data.manifest import MANIFEST, DatasetError
from gansformer_tf.data.read.open import read_info
from gansformer_tf.data.read.record_image import image_of, label_of
from gansformer_tf.data.read.records import Records
from gansformer_tf.data.records.original import holds_original
from gansformer_tf.data.records.tfrecord import CorruptRecordError
from gansformer_tf.data.sources.base import Item, SourceError
from gansformer_tf.data.sources.folder import FolderSource
from gansformer_tf.data.sources.labels import NONE
from gansformer_tf.data.sources.open import open_source
from gansformer_tf.data.sources.walk import listed
from gansformer_tf.data.sources.zip import ZipSource
from gansformer_tf.data.spread import spread
from gansformer_tf.drawing.sampler import Sampler
from gansformer_tf.image_files import is_sheet
from gansformer_tf.metrics.errors import MetricError

_CHANNELS = 3  # of images that feature networks read


class Images(abc.ABC):
    """A numbered set of images of one size.

    Attributes:
        what: "real" or "generated", for messages.
        readers: How many threads may read at once, for each device that computes.
        notes: What was left out of the place, a line each.
    """

    what = "real"
    readers = 2
    notes: Sequence[str] = ()

    @abc.abstractmethod
    def __len__(self) -> int: ...

    @abc.abstractmethod
    def read(self, start: int, stop: int, worker: int = 0) -> np.ndarray:
        """uint8 `[stop - start, H, W, C]`; `worker` is the number of the device that asks."""

    def converted(self) -> str:
        """What was changed of the images that were read so far, counted; empty if nothing."""
        return ""

    @abc.abstractmethod
    def describe(self) -> dict[str, Any]:
        """What decides the images, for the manifest and as the key of stored features."""


class DatasetImages(Images):
    """Real images as training sees them: cropped to the ratio, and with their mirror images if it mirrors.

    Args:
        data: The data set and how it is read.
        limit: At most so many images, chosen with `seed`; None takes all.
        seed: Of the choice.

    Raises:
        MetricError: The data set cannot be used.

    Example:

    >>> images = gf.metrics.DatasetImages(gf.config.DataConfig(dataset="birds", mirror=True))
    >>> len(images), images.read(0, 4).shape
    (32, (4, 16, 16, 3))
    """

    def __init__(self, data: DataConfig, limit: int | None = None, seed: int = 0) -> None:
        self.data = data
        self.folder = Path(data.data_dir) / data.dataset
        try:
            self.info = read_info(self.folder)
            self.size = self.info.cropped_size(data.ratio)
            self.records = Records(self.info)
        except (DatasetError, CorruptRecordError) as error:
            raise MetricError(str(error)) from error
        numbers = np.asarray(spread(len(self.records), data.max_images))
        flips = np.zeros(len(numbers), bool)
        if data.mirror:
            numbers, flips = np.tile(numbers, 2), np.repeat([False, True], len(numbers))
        if limit is not None and limit < len(numbers):
            chosen = np.sort(np.random.RandomState(seed).permutation(len(numbers))[:limit])
            numbers, flips = numbers[chosen], flips[chosen]
        self.numbers, self.flips = numbers, flips
        self.limit, self.seed = limit, seed

    def __len__(self) -> int:
        return len(self.numbers)

    def read(self, start: int, stop: int, worker: int = 0) -> np.ndarray:
        info, (height, width) = self.info, self.size
        top, left = (info.height - height) // 2, (info.width - width) // 2
        images = np.empty((stop - start, height, width, info.channels), np.uint8)
        for row, index in enumerate(range(start, stop)):
            number = int(self.numbers[index])
            try:
                image = image_of(self.records.read(number), info)[top : top + height, left : left + width]
            except ValueError as error:
                raise MetricError(f"corrupt {self.records.describe(number)}: {error}.") from error
            images[row] = image[:, ::-1] if self.flips[index] else image
        return images

    def describe(self) -> dict[str, Any]:
        manifest = self.folder / MANIFEST
        content = manifest.read_bytes() if manifest.is_file() else _listing(self.info.folder, self.info.shards)
        return {
            "dataset": self.info.name,
            "dataset_hash": hashlib.sha256(content).hexdigest(),
            "resize_filter": self.info.resize_filter,
            "height": self.size[0],
            "width": self.size[1],
            "ratio": self.data.ratio,
            "mirror": self.data.mirror,
            "max_images": self.data.max_images,
            # all of them are the same whatever the seed
            "chosen_with_seed": self.seed if self.limit == len(self) else None,
            "count": len(self),
        }

    def labels(self, count: int) -> np.ndarray | None:
        """Labels as frequent as in the data set, float32 `[count, label_dim]`; None if it has none."""
        info = self.info
        if not info.label_dim or not self.data.use_labels:
            return None
        drawn = np.random.RandomState(self.seed).randint(0, len(self.numbers), count)
        labels = np.zeros((count, info.label_dim), np.float32)
        known: dict[int, Any] = {}
        for row, index in enumerate(drawn):
            number = int(self.numbers[index])
            if number not in known:
                known[number] = label_of(self.records.read(number), info)
            label = known[number]
            if label is None:
                raise MetricError(f"the labels of {self.folder} cannot be read; prepare the data set again.")
            if isinstance(label, int):
                labels[row, label] = 1.0
            else:
                labels[row] = label
        return labels


def _listing(folder: Path, names: Sequence[str]) -> bytes:
    """Names, sizes and times of files without a manifest."""
    rows = [(name, (folder / name).stat().st_size, (folder / name).stat().st_mtime_ns) for name in names]
    return json.dumps(rows).encode()


class FolderImages(Images):
    """Images of a folder, an archive or another place that `prepare_data.py` reads.

    Args:
        place: Path.
        what: "real" or "generated".
        limit: At most so many, spread evenly; None takes all.
        size: (height, width) to bring all to, by cropping and Lanczos; None asks that they have one size.

    Raises:
        MetricError: There are none.

    Example:

    >>> images = gf.metrics.FolderImages("birds", limit=10, size=(8, 8))
    >>> len(images), images.read(0, 4).shape
    (10, (4, 8, 8, 3))
    """

    def __init__(
        self,
        place: str | os.PathLike[str],
        what: str = "real",
        limit: int | None = None,
        size: tuple[int, int] | None = None,
    ) -> None:
        try:
            self.source = open_source(place, options=SourceOptions(labels=NONE))
        except SourceError as error:
            reason = str(error).split(";")[0].rstrip(".")
            raise MetricError(f"no {what} images: {reason}; name a folder with png, jpg or webp files.") from error
        self.what, self.place, self.wanted = what, os.fspath(place), size
        self._converted: dict[str, tuple[str, ...]] = {}  # by name, as several metrics read an image
        usable = self._usable()
        self.indices = [usable[index] for index in spread(len(usable), limit)]
        # Told by the first image and not by the one that is read first: several threads read.
        self.size = size or self._image(*self.source.read(self.indices[:1])).shape[:2]

    def _usable(self) -> list[int]:
        """Numbers of the images in the source that are samples: sheets and maps that we wrote ourselves are none."""
        everything = list(range(len(self.source)))
        self.notes = [f"{self.place}: {listed(self.source.left_out)} left out."] if self.source.left_out else []
        if isinstance(self.source, FolderSource):
            usable = [index for index in everything if not is_sheet(os.path.join(self.place, self.source.name(index)))]
        elif isinstance(self.source, ZipSource):
            items = zip(everything, self.source.read(everything), strict=True)
            usable = [index for index, item in items if item.encoded is None or not is_sheet(item.encoded)]
        else:
            return everything
        sheets = len(everything) - len(usable)
        if not usable:
            raise MetricError(
                f"no {self.what} images: {self.place} holds only sheets and attention maps that generate.py wrote "
                f"({sheets}); name a folder of samples."
            )
        if sheets:
            self.notes = [*self.notes, f"{self.place}: {sheets} sheet(s) and map(s) of generate.py left out."]
        return usable

    def __len__(self) -> int:
        return len(self.indices)

    def read(self, start: int, stop: int, worker: int = 0) -> np.ndarray:
        return np.stack([self._checked(item) for item in self.source.read(self.indices[start:stop])])

    def converted(self) -> str:
        found = collections.Counter(word for words in dict(self._converted).values() for word in words)
        return f"{self.place}: converted: {listed(found)}." if found else ""

    def _image(self, item: Item) -> np.ndarray:
        if item.problem is not None:
            raise MetricError(f"{item.name} in {self.place}: {item.problem}; repair it or take it out.")
        try:
            if item.encoded is not None:
                image, deep = decode(item.encoded), is_deep_png(item.encoded)
            else:
                assert item.array is not None
                image, deep = from_array(item.array), item.array.dtype == np.uint16
            self._converted[item.name] = conversions(image, _CHANNELS, deep)
            return np.asarray(fit(image, self.wanted or (image.height, image.width)))
        except BadImageError as error:
            raise MetricError(f"{item.name} in {self.place}: {error}; repair it or take it out.") from error

    def _checked(self, item: Item) -> np.ndarray:
        pixels = self._image(item)
        size = pixels.shape[:2]
        if size != self.size:
            raise MetricError(
                f"{item.name} in {self.place} has {size[0]}x{size[1]} pixels, others {self.size[0]}x{self.size[1]}; "
                "metrics need images of one size. Prepare them with prepare_data.py, or bring all to one with "
                "--size HxW."
            )
        return pixels

    def describe(self) -> dict[str, Any]:
        return {
            "folder": self.place,
            "folder_hash": hashlib.sha256(self.source.identity().encode()).hexdigest(),
            "resize_filter": None if self.wanted is None else "lanczos",
            "size": None if self.wanted is None else list(self.wanted),
            "count": len(self),
        }


class GeneratedImages(Images):
    """Images of a generator: number i is that of seed `first_seed + i`, whatever the batch size or device.

    Args:
        samplers: One per device.
        count: How many.
        labels: Float32 `[count, label_dim]`; None draws classes from the seeds where the model has labels.
        model_hash: What identifies the weights.
        first_seed: Seed of image 0.

    Example:

    >>> images = gf.metrics.GeneratedImages([gf.load("scenes").sampler(truncation_psi=1.0)], count=5000)
    >>> len(images), images.what
    (5000, 'generated')
    """

    what = "generated"
    readers = 1

    def __init__(
        self,
        samplers: Sequence[Sampler],
        count: int,
        labels: np.ndarray | None = None,
        model_hash: str = "",
        first_seed: int = 0,
    ) -> None:
        self.samplers, self.count, self.labels = samplers, count, labels
        self.model_hash, self.first_seed = model_hash, first_seed

    def __len__(self) -> int:
        return self.count

    def read(self, start: int, stop: int, worker: int = 0) -> np.ndarray:
        labels = None if self.labels is None else self.labels[start:stop]
        seeds = range(self.first_seed + start, self.first_seed + stop)
        return np.stack([sample.pixels for sample in self.samplers[worker].samples(seeds, labels)])

    def describe(self) -> dict[str, Any]:
        sampler = self.samplers[0]
        labels = None if self.labels is None else hashlib.sha256(np.ascontiguousarray(self.labels).tobytes())
        return {
            "snapshot_hash": self.model_hash,
            "first_seed": self.first_seed,
            "labels_hash": labels.hexdigest() if labels else None,
            "count": self.count,
            **sampler.describe(),
        }


def open_images(
    place: str | os.PathLike[str],
    what: str,
    limit: int | None = None,
    size: tuple[int, int] | None = None,
    mirror: bool = False,
) -> Images:
    """Images at a path: a prepared data set, or anything `FolderImages` reads.

    Args:
        place: Path.
        what: "real" or "generated", for messages.
        limit: At most so many; None takes all.
        size: (height, width) to bring the images of a folder to; None asks that they have one size.
        mirror: Whether the mirror images of a data set count too.

    Raises:
        MetricError: There are none, or options do not fit.

    Example:

    >>> len(gf.metrics.open_images("birds", "real")), len(gf.metrics.open_images("datasets/birds", "real", limit=10))
    (16, 10)
    """
    path = Path(place)
    if path.is_dir() and ((path / MANIFEST).is_file() or holds_original(path)):
        if size is not None:
            raise MetricError(f"--size has no meaning for {path}: images of a data set have one size.")
        found: Images = DatasetImages(DataConfig(dataset=path.name, data_dir=str(path.parent), mirror=mirror), limit)
        found.what = what
        return found
    if mirror:
        raise MetricError(f"--mirror is for prepared data sets; {path} is none. See prepare_data.py.")
    return FolderImages(path, what, limit, size)
