"""How a batch is cut into parts, and how the parts are added up again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from gansformer_tf.config import ConfigError, TrainConfig


class BatchLayout:
    """How the global batch is cut: replicas first, then micro-batches, both into runs of neighbours.

    Raises:
        ConfigError: The global batch is no multiple of what the replicas hold at once.
    """

    def __init__(self, config: TrainConfig, num_replicas: int) -> None:
        self.global_size = config.batch_size
        self.micro_size = config.batch_size_per_replica
        self.num_replicas = num_replicas
        at_once = self.micro_size * num_replicas
        if self.global_size % at_once:
            devices = f" on each of {num_replicas} devices" if num_replicas > 1 else ""
            raise ConfigError(
                f"batch size {self.global_size} is not a multiple of {at_once} ({self.micro_size} images at once"
                f"{devices}); change --batch-size or --batch-gpu."
            )
        self.num_micro_batches = self.global_size // at_once

    @property
    def replica_size(self) -> int:
        return self.micro_size * self.num_micro_batches


def accumulate(share: Callable[[Any], Any], count: int, zeros: Callable[[], Any], goes_on: Callable[[], Any]) -> Any:
    """Sum of `share(0) ... share(count - 1)` as a loop that is traced once.

    Args:
        share: Returns a structure of tensors for an index.
        count: Number of shares.
        zeros: Makes the structure of zeros the sum starts from.
        goes_on: Asked before each share of several; the sum ends there when it says no.
    """
    if count == 1:
        return share(0)

    def body(index: tf.Tensor, totals: Any) -> tuple[tf.Tensor, Any]:
        return index + 1, tf.nest.map_structure(tf.add, totals, share(index))

    return tf.while_loop(
        lambda index, totals: tf.logical_and(index < count, goes_on()),
        body,
        (tf.constant(0), zeros()),
        parallel_iterations=1,
        maximum_iterations=count,
    )[1]
