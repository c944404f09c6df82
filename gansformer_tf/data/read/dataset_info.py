"""What a data set holds, as training sees it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gansformer_tf.config.data import image_size
from gansformer_tf.data.manifest import DatasetError


@dataclass(frozen=True)
class DatasetInfo:
    """What a data set holds.

    `encoding` is png, jpeg, webp, raw (`[H, W, C]`), or original (records of the original code, raw `[C, H, W]`).
    `label_dim` is the number of classes, or the length of label vectors; 0 without labels.
    """

    name: str
    folder: Path
    height: int
    width: int
    channels: int
    num_images: int
    label_dim: int
    class_names: tuple[str, ...] | None
    encoding: str
    resize_filter: str
    shards: tuple[str, ...]
    shard_lengths: tuple[int, ...]

    @property
    def resolution(self) -> int:
        """The longer side in pixels."""
        return max(self.height, self.width)

    def cropped_size(self, ratio: float | None) -> tuple[int, int]:
        """(height, width) after cropping to a ratio (height / width) while reading; None keeps all.

        Raises:
            DatasetError: The images are not large enough in that direction.
        """
        if ratio is None:
            return self.height, self.width
        height, width = image_size(self.resolution, ratio)
        if height > self.height or width > self.width:
            raise DatasetError(
                f"--ratio {ratio:g} asks for {height}x{width} (height x width) but the images of {self.name} have "
                f"{self.height}x{self.width}; prepare it again with --ratio {ratio:g}, or leave --ratio out."
            )
        return height, width
