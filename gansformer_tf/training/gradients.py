"""Gradients of one phase for what one replica holds of the batch, which may go through the networks in parts."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from gansformer_tf.config import TrainConfig
from gansformer_tf.training.draws import phase_seed
from gansformer_tf.training.layout import BatchLayout, accumulate
from gansformer_tf.training.phases import MicroBatch, PhaseLosses, Statistics
from gansformer_tf.training.plan import Phase
from gansformer_tf.training.remat import Rematerialization

Gradients = tuple[list[tf.Tensor], Statistics]


class ReplicaBatch(NamedTuple):
    """Number of the step, seed of the phase, the replica, and its samples: uint8 images, one-hot labels."""

    step: tf.Tensor
    seed: tf.Tensor
    replica_id: tf.Tensor
    images: tf.Tensor
    labels: tf.Tensor


class PhaseGradients:
    """Shares of one replica in the gradients of the mean losses; holds no state.

    Args:
        losses: The losses of a part.
        layout: How the batch is cut.
        config: Settings.
        variables: What each network, "G" and "D", trains.
        rematerialization: For the main phases; regularisers need gradients of second order, which it does not have.
        goes_on: Asked between the parts of a batch; where it says no, the others are left out.
    """

    def __init__(
        self,
        losses: PhaseLosses,
        layout: BatchLayout,
        config: TrainConfig,
        variables: Mapping[str, Sequence[tf.Variable]],
        rematerialization: Rematerialization,
        goes_on: Callable[[], Any],
    ) -> None:
        self.losses, self.layout, self.config, self._goes_on = losses, layout, config, goes_on
        self._variables, self._rematerialization = variables, rematerialization

    def parts(self, phase: Phase) -> tuple[int, int]:
        """How many parts each replica's samples go through a phase in, and their size."""
        count, size = self.layout.num_micro_batches, self.layout.micro_size
        # The second-order gradients of path length hold more than twice of what a sample of the main phase does.
        if phase.takes_path_lengths and size % (2 * self.config.path_length_batch_shrink) == 0:
            return 2 * count, size // 2
        return count, size

    def of(self, phase: Phase, batch: ReplicaBatch, *path_means: tf.Tensor) -> Gradients:
        """This replica's share of the gradient of the mean loss, and of the statistics; "parts" counts the parts in it.

        Args:
            phase: Of the same losses.
            batch: This replica's samples.
            path_means: Where the phase takes path lengths: the running mean, and that over the global batch unless
                this is all of it.
        """
        count, size = self.parts(phase)

        def share(index: Any) -> Gradients:
            gradients, statistics = self._of_part(phase, self._part(batch, index, size), *path_means)
            return gradients, statistics | {"parts": tf.ones([])}

        def zeros() -> Gradients:
            return (
                [tf.zeros(variable.shape, variable.dtype) for variable in self._variables[phase.network]],
                {key: tf.zeros(shape) for key, shape in phase.statistics.items()} | {"parts": tf.zeros([])},
            )

        return accumulate(share, count, zeros, self._goes_on)

    def trace(self, phase: Phase, images: tf.Tensor, labels: tf.Tensor) -> tf.Graph:
        """Graph of the gradients of one part of a batch in a phase, without running it."""
        count, size = self.parts(phase)

        def gradients(batch: ReplicaBatch, mean: tf.Tensor) -> Gradients:
            means = [mean] * (2 if count > 1 else 1) if phase.takes_path_lengths else []
            return self._of_part(phase, self._part(batch, 0, size), *means)

        zero = tf.constant(0, tf.int64)
        batch = ReplicaBatch(zero, phase_seed(self.config.seed, zero, phase.position), zero, images, labels)
        return tf.function(gradients, autograph=False).get_concrete_function(batch, tf.zeros([])).graph

    # the mean path length over the whole batch, which every part of it needs

    def needs_other_path_lengths(self, phase: Phase) -> bool:
        """Whether a part needs the mean path length of others: it is one of several."""
        return phase.takes_path_lengths and self.parts(phase)[0] * self.layout.num_replicas > 1

    def num_path_lengths(self, phase: Phase) -> int:
        """Of all replicas."""
        count, size = self.parts(phase)
        return self.losses.path_batch_size(size) * count * self.layout.num_replicas

    def total_path_length(self, phase: Phase, batch: ReplicaBatch) -> tf.Tensor:
        """Sum of the path lengths of this replica's samples."""
        count, size = self.parts(phase)

        def share(index: Any) -> tf.Tensor:
            return tf.reduce_sum(self.losses.path_lengths(self._part(batch, index, size)))

        return accumulate(share, count, lambda: tf.zeros([]), self._goes_on)

    # one part

    def _part(self, batch: ReplicaBatch, index: Any, size: int) -> MicroBatch:
        layout = self.layout
        start = index * size
        return MicroBatch(
            seed=batch.seed,
            first=batch.replica_id * layout.replica_size + tf.cast(start, tf.int64),
            images=to_float(_rows(batch.images, start, size)),
            labels=_rows(batch.labels, start, size) if batch.labels.shape[-1] else None,
            global_size=layout.global_size,
            images_seen=batch.step * layout.global_size,
        )

    def _of_part(self, phase: Phase, part: MicroBatch, *path_means: tf.Tensor) -> Gradients:
        variables = self._variables[phase.network]
        keep = contextlib.nullcontext() if phase.second_order else self._rematerialization.enabled()
        with keep, tf.GradientTape(watch_accessed_variables=False) as tape:
            for variable in variables:
                tape.watch(variable)
            loss, statistics = phase.loss(part, *path_means)
        gradients = tape.gradient(loss, variables, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        return gradients, statistics


def to_float(images: tf.Tensor) -> tf.Tensor:
    """uint8 pixels as float32 in [-1, 1]."""
    return tf.cast(images, tf.float32) / 127.5 - 1.0


def _rows(values: tf.Tensor, start: Any, size: int) -> tf.Tensor:
    """`size` rows from `start` on; in a slice `[start : start + size]` XLA would not see that the size is known."""
    return tf.slice(values, [start, *[0] * (values.shape.rank - 1)], [size, *values.shape[1:]])
