"""What is left to do of a preparation, as a runner sees it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gansformer_tf.config.data import PrepareConfig
from gansformer_tf.data.prepare.state import ShardStore
from gansformer_tf.data.sources.base import Source

ReportImages = Callable[[int, int], None]  # (images done, images in all)


@dataclass(frozen=True)
class Job:
    """The shards that have to be written. A runner writes them through `store`, in any order.

    `parts[i]` holds the images of shard i, `names[i]` its file; `missing` the shards that are not there yet.
    """

    source: Source
    config: PrepareConfig
    value_range: tuple[float, float] | None
    on_error: str
    store: ShardStore
    parts: tuple[Sequence[int], ...]
    names: tuple[str, ...]
    missing: tuple[int, ...]
    report: ReportImages

    @property
    def num_images(self) -> int:
        return sum(len(part) for part in self.parts)

    @property
    def num_done(self) -> int:
        """Images in the shards that are there."""
        return self.num_images - sum(len(self.parts[index]) for index in self.missing)


Runner = Callable[[Job], None]
