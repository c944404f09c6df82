"""Configuration of the training data, and of its preparation."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from gansformer_tf.config.base import is_power_of_two, require, require_choice, require_positive

FITS = ("crop", "pad", "stretch")
RESIZE_FILTERS = ("lanczos", "box", "bicubic")
ENCODINGS = ("png", "jpeg", "webp", "raw")
SCENES = "scenes"  # the built-in renderer, as a format and as the name of its data set
SOURCE_FORMATS = ("png", "jpg", "images", "npy", "hdf5", "lmdb", "tfds", "zip", "tfrecords")
SKIP, STOP = "skip", "stop"
ON_ERROR = (SKIP, STOP)
RUNNERS = ("local", "beam")
MIN_RESOLUTION = 8
MAX_RESOLUTION = 4096
MAX_SHARDS = 99999  # shard names have five digits
# The networks double a base grid of at most 4 pixels per side, see `ImageConfig`.
BASE_GRID = 4
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


@dataclass(frozen=True)
class DataConfig:
    """Which prepared data set is read, and how.

    `dataset` is a name below `data_dir`. `ratio` (height / width) crops the images while reading; None keeps
    them as they were prepared. `max_images` limits the number of images used (None: all). `num_images` is how many
    the data set had when the run was started (None: not known), by which a change of it is noticed.

    Example:

    >>> gf.config.DataConfig(dataset="birds", mirror=True).data_dir
    'datasets'
    """

    dataset: str = ""
    data_dir: str = "datasets"
    ratio: float | None = None
    mirror: bool = False
    max_images: int | None = None
    num_images: int | None = None
    use_labels: bool = False
    num_threads: int | None = None  # that read and decode; None: as many as pay

    def __post_init__(self) -> None:
        if self.ratio is not None:
            require_positive("ratio", self.ratio)
        if self.num_threads is not None:
            require_positive("num_threads", self.num_threads)
        if self.max_images is not None:
            require_positive("max_images", self.max_images)


@dataclass(frozen=True)
class SourceOptions:
    """What a source of images needs to be told beside its place.

    `array_key` names an array of an HDF5 or `.npz` file, `tfds_key` and `split` a feature and split of TFDS;
    `value_range` is black and white of float arrays, `array_shape` that of plain uint8 values of an LMDB. `labels` is
    "folders", "none", a path of a CSV or JSON file, or None: those the source itself comes with.
    """

    array_key: str | None = None
    tfds_key: str | None = None
    split: str = "train"
    value_range: tuple[float, float] | None = None
    array_shape: tuple[int, ...] | None = None
    labels: str | None = None


@dataclass(frozen=True)
class PrepareConfig:
    """What a prepared data set looks like. Everything here decides the bytes of its shards.

    `resolution` is the longer side in pixels, `ratio` is height / width. `quality` is that of jpeg and webp; None
    takes the encoding's default (webp: lossless). `num_shards` and `max_images` None: as the number of images
    asks for, and all of them.
    """

    name: str
    resolution: int = 256
    ratio: float = 1.0
    fit: str = "crop"
    resize_filter: str = "lanczos"
    encoding: str = "jpeg"
    quality: int | None = None
    channels: int = 3
    num_shards: int | None = None
    max_images: int | None = None

    def __post_init__(self) -> None:
        require(
            _NAME.fullmatch(self.name) is not None,
            f"the data set name {self.name!r} becomes a folder; use letters, digits, '_', '-' and '.', "
            "starting with a letter or digit.",
        )
        require(
            is_power_of_two(self.resolution) and MIN_RESOLUTION <= self.resolution <= MAX_RESOLUTION,
            f"--resolution {self.resolution}: the networks double their grid from 4x4 on, so it must be a power of "
            f"two from {MIN_RESOLUTION} to {MAX_RESOLUTION}; choose {self._nearest_resolution()}.",
        )
        require_positive("--ratio", self.ratio)
        require_choice("--fit", self.fit, FITS)
        require_choice("--resize-filter", self.resize_filter, RESIZE_FILTERS)
        require_choice("--encoding", self.encoding, ENCODINGS)
        require_choice("--channels", self.channels, (1, 3, 4))
        require(
            not (self.encoding == "jpeg" and self.channels == 4),
            "--encoding jpeg has no room for the 4th channel (transparency); use --encoding png, webp or raw.",
        )
        if self.quality is not None:
            require(1 <= self.quality <= 100, f"--quality is {self.quality}; it must lie between 1 and 100.")
            require(
                self.encoding in ("jpeg", "webp"),
                f"--quality {self.quality} has no meaning for the lossless --encoding {self.encoding}; leave it out.",
            )
        if self.num_shards is not None:
            require(
                1 <= self.num_shards <= MAX_SHARDS,
                f"--shards-num is {self.num_shards}; it must lie between 1 and {MAX_SHARDS}.",
            )
        if self.max_images is not None:
            require(self.max_images >= 1, f"--max-images is {self.max_images}; at least 1 image is needed.")

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of the stored images in pixels."""
        return image_size(self.resolution, self.ratio)

    def _nearest_resolution(self) -> int:
        powers = [2**power for power in range(3, 13)]
        return min(powers, key=lambda power: abs(power - self.resolution))


def image_size(resolution: int, ratio: float) -> tuple[int, int]:
    """(height, width) of images whose longer side is `resolution` and whose height / width is about `ratio`.

    The networks double a base grid of at most 4 pixels per side, so the shorter side is the multiple of
    `resolution / 4` nearest to `resolution * ratio` (to `resolution / ratio` for portraits, ratio > 1).
    """
    unit = resolution // BASE_GRID
    shorter = resolution * min(ratio, 1 / ratio)
    units = min(BASE_GRID, max(1, int(shorter / unit + 0.5)))
    return (units * unit, resolution) if ratio <= 1 else (resolution, units * unit)


@dataclass(frozen=True)
class PrepareCommand:
    """One call of `prepare_data.py`: data sets that are prepared, or one that is looked at.

    `sets` are prepared below `data_dir`, from the place `images_dir` (None: each is one of the catalog or the built-in
    scenes); `source_archive` is a file that was downloaded by hand. `inspect` and `verify` are folders of finished data
    sets. `workers` None: as many as there are cores.
    """

    sets: tuple[PrepareConfig, ...] = ()
    images_dir: str | None = None
    format: str | None = None
    source: SourceOptions = field(default_factory=SourceOptions)
    data_dir: str = DataConfig.data_dir
    source_archive: str | None = None
    inspect: str | None = None
    verify: str | None = None
    dry_run: bool = False
    workers: int | None = None
    on_error: str = SKIP
    runner: str = RUNNERS[0]
    beam_options: str = ""

    def __post_init__(self) -> None:
        if self.workers is not None:
            require(self.workers >= 0, f"--workers is {self.workers}; give 0 (no extra process) or more.")
        require(not self.beam_options or self.runner == "beam", "--beam-options needs --runner beam.")

    def is_scenes(self, name: str) -> bool:
        """Whether a data set is rendered."""
        return self.format == SCENES or (name == SCENES and self.images_dir is None)
