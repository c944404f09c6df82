"""`--dry-run`: what a preparation would make, from a small sample; nothing is written."""

from __future__ import annotations

import time
from dataclasses import dataclass

from gansformer_tf.config.data import PrepareConfig
from gansformer_tf.data.prepare.image_to_record import convert
from gansformer_tf.data.prepare.prepare import count_shards
from gansformer_tf.data.sources.base import Source
from gansformer_tf.data.spread import spread

SAMPLE = 32


@dataclass(frozen=True)
class Estimate:
    """Sizes in bytes, time in seconds with one process."""

    num_images: int
    num_shards: int
    bytes_per_image: float
    seconds_per_image: float
    bad: list[tuple[str, str]]

    @property
    def num_bytes(self) -> float:
        return self.num_images * self.bytes_per_image


def estimate(source: Source, config: PrepareConfig, value_range: tuple[float, float] | None = None) -> Estimate:
    """Converts a few images, spread evenly over the source, and adds up."""
    chosen = spread(len(source), config.max_images)
    sample = [int(chosen[place]) for place in spread(len(chosen), SAMPLE)]
    started = time.perf_counter()
    results = [convert(item, config, value_range) for item in source.read(sample)]
    seconds = time.perf_counter() - started
    good = [result.record for result in results if result.record is not None]
    return Estimate(
        num_images=len(chosen),
        num_shards=count_shards(config, len(chosen)),
        bytes_per_image=sum(map(len, good)) / max(1, len(good)),
        seconds_per_image=seconds / len(results),
        bad=[(result.name, result.problem or "") for result in results if result.record is None],
    )
