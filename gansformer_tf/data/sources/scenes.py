"""The built-in scenes as a source: image i is the scene of seed i."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gansformer_tf.data.scenes.render import MAX_RESOLUTION, render
from gansformer_tf.data.sources.base import Item, Source, SourceError, digest


class SceneSource(Source):
    """Rendered scenes.

    Args:
        count: Number of images.
        size: (height, width) in pixels, at most 256 each.
    """

    format = "scenes"
    place = "built-in scenes"

    def __init__(self, count: int, size: tuple[int, int]) -> None:
        if max(size) > MAX_RESOLUTION:
            raise SourceError(
                f"scenes of {size[0]}x{size[1]} pixels; the renderer goes up to {MAX_RESOLUTION}. "
                f"Choose --resolution {MAX_RESOLUTION} or less."
            )
        self.count, self.size = count, size

    def __len__(self) -> int:
        return self.count

    def name(self, index: int) -> str:
        return f"scene-{index:06d}"

    def read(self, indices: Sequence[int]) -> Iterator[Item]:
        for index in indices:
            image = render([index], height=self.size[0], width=self.size[1]).images[0]
            yield Item(self.name(index), array=image)

    def identity(self) -> str:
        return digest([self.format, self.count, self.size])
