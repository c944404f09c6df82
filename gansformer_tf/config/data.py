"""Configuration of the training data."""

from __future__ import annotations

from dataclasses import dataclass

from gansformer_tf.config.base import require, require_positive


@dataclass(frozen=True)
class DataConfig:
    """Which prepared data set is read, and how.

    `dataset` is a name below `data_dir`. `ratio` (height / width) crops the pictures while reading; None keeps
    them as they were prepared. `max_images` limits the number of pictures used (None: all).
    """

    dataset: str = ""
    data_dir: str = "datasets"
    ratio: float | None = None
    mirror: bool = False
    max_images: int | None = None
    use_labels: bool = False
    shuffle_buffer: int = 4096

    def __post_init__(self) -> None:
        if self.ratio is not None:
            require_positive("ratio", self.ratio)
        if self.max_images is not None:
            require_positive("max_images", self.max_images)
        require(self.shuffle_buffer >= 1, f"shuffle_buffer is {self.shuffle_buffer}; it must be at least 1.")
