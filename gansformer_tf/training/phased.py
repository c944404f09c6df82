"""A training step as a row of phases, over micro-batches and replicas: what all families' steps have in common."""

from __future__ import annotations

import collections
import importlib
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from gansformer_tf.config import RunConfig, TrainConfig
from gansformer_tf.training.draws import phase_seed
from gansformer_tf.training.gradients import PhaseGradients, ReplicaBatch
from gansformer_tf.training.layout import BatchLayout
from gansformer_tf.training.optimizers import Optimizer, clip_scale, global_norm
from gansformer_tf.training.phases import Statistics
from gansformer_tf.training.plan import Phase
from gansformer_tf.training.remat import Rematerialization
from gansformer_tf.training.variables import network_state


class PhasedStep:
    """What the training loop knows of a family: networks, optimizers and the phases of a step, one after the other.

    A phase takes one optimizer step of one network. It is traced once (`trace_counts` counts), may go through the batch
    in parts and over replicas, is left out as a whole where its gradients are not finite, and may be interrupted. A
    family's step makes its networks, optimizers and phases, and says in `_phase_ended` and `_step_ended` what else
    moves. Build it inside `strategy.scope()`, after the networks.

    Args:
        generator, discriminator: The networks being trained.
        ema_generator: The generator that snapshots hold and samples are drawn with; it may be `generator` itself.
        config: Settings.
        strategy: The distribution strategy; the default one trains on one device.

    Attributes:
        phases: All phases by name, in their order.
        phases_done: How far the current step is: the position behind the last phase that was made; 0 between steps.
        remedy: What to try when gradients stay non-finite.
        smaller_parts: What a batch in more parts changes.
        untrained: Parts of the generator that no step of this run trains.
    """

    remedy = "Try a smaller --g-lr or --d-lr."
    smaller_parts = "Fewer images at once (--batch-gpu) need less memory and train the same way."
    untrained: tuple[Any, ...] = ()
    path_mean: Any = None  # the running mean of the path length, where phases take it

    def __init__(
        self,
        generator: Any,
        discriminator: Any,
        ema_generator: Any,
        config: TrainConfig,
        strategy: tf.distribute.Strategy | None = None,
    ) -> None:
        for network in (generator, discriminator, ema_generator):
            if not network.built:
                # Keras would build it in its first call, and that extra call would draw random numbers.
                raise ValueError(f"{network.name} is not built; create all its variables before training.")
        self.generator, self.discriminator, self.ema_generator = generator, discriminator, ema_generator
        self.config = config
        self.strategy = strategy or tf.distribute.get_strategy()
        self.layout = BatchLayout(config, self.strategy.num_replicas_in_sync)
        discriminator.config.check_training(config)
        discriminator.config.check_batch(self.layout.micro_size, of=config.batch_size)
        self.compiled = uses_xla(config.jit)
        self.trace_counts: collections.Counter[str] = collections.Counter()
        self.phases_done = 0

    def _set_phases(
        self,
        phases: Mapping[str, Phase],
        optimizers: Mapping[str, Optimizer],
        losses: Any = None,
        rematerialization: Rematerialization | None = None,
    ) -> None:
        """Readies the phases; the last thing that the constructor of a family's step does.

        Args:
            phases: By name, in their order.
            optimizers: By network.
            losses: Path lengths, for the phases that take them.
            rematerialization: Of the phases of first order.
        """
        self.phases, self.optimizers = dict(phases), dict(optimizers)
        self.gradients = PhaseGradients(
            losses,
            self.layout,
            self.config,
            {network: optimizer.variables_to_train for network, optimizer in self.optimizers.items()},
            rematerialization or Rematerialization(),
            # A compiled loop reads a variable once, before it begins.
            goes_on=(lambda: True) if self.compiled else lambda: tf.logical_not(self._interrupted.read_value()),
        )
        # The variable is for loops on the devices to read, the other for this process: reading it waits for no device.
        self._interrupted, self._is_interrupted = counter(False, "interrupted", tf.bool), False
        self.skipped = {network: counter(0, f"skipped_{network}") for network in self.optimizers}
        # Of each phase by itself: a penalty may stay finite where the loss does not, or the other way round.
        self.skipped_in_row = {name: counter(0, f"skipped_in_row_{name}") for name in self.phases}
        self._phases: dict[str, Any] = {name: self._compile(phase) for name, phase in self.phases.items()}

    # what a family says

    def _phase_begins(self, phase: Phase, taken: tf.Tensor) -> None:
        """In the graph of a phase, before its optimizer step, which is made if `taken`."""

    def _phase_ended(self, phase: Phase, statistics: Statistics, taken: tf.Tensor) -> None:
        """In the graph of a phase, behind its optimizer step: takes out of the statistics what is not to be logged."""

    def _step_ended(self, step: int) -> Any:
        """Behind the phases of a step; returns a variable that it moved, or None."""

    def phases_of(self, step: int) -> list[Phase]:
        """The phases that step number `step` runs."""
        return [phase for phase in self.phases.values() if phase.runs_in(step)]

    def _is_timed(self, step: int, phases: Sequence[Phase]) -> bool:
        """Whether every phase there is runs in this call, and none is traced in it."""
        whole = phases == self.phases_of(0) and not self.phases_done
        return whole and all(self.trace_counts[phase.name] for phase in phases)

    def augment_anew(self) -> None:
        """Forgets how far the augmentation has come, if there is any."""

    def readings(self) -> dict[str, float]:
        """What a tick logs beside the statistics of its steps."""
        return {}

    def concerns(self, record: Mapping[str, Any]) -> list[str]:
        """Lines about what is wrong with the record of a tick."""
        return []

    def samples(self, count: int) -> np.ndarray | None:
        """Images to show, uint8 `[count, height, width, channels]`; None: what `ema_generator` draws."""
        return None

    def state(self) -> dict[str, tf.Variable]:
        """Everything a checkpoint holds, by name."""
        state = network_state(self.generator, "generator") | network_state(self.discriminator, "discriminator")
        for network, optimizer in self.optimizers.items():
            state[f"skipped/{network}"] = self.skipped[network]
            # Those of the penalties are left out: no checkpoint is written while one of the four is above 0.
            state[f"skipped_in_row/{network}"] = self.skipped_in_row[network]
            state |= {f"{optimizer.name}/{network}/{name}": value for name, value in optimizer.state().items()}
        return state

    # one step

    def interrupt(self, on: bool = True) -> None:
        """Makes `run` return soon, and at once in later calls until this is taken back.

        The phase that is being computed ends after the micro-batch at hand, as if it had not begun. May be called from
        another thread, and anywhere in this one.

        Args:
            on: False takes it back.
        """
        self._is_interrupted = on
        with tf.init_scope():  # this thread may be tracing
            for variable in self.strategy.experimental_local_results(self._interrupted):
                variable.assign(on)

    def run(self, step: int, images: Any, labels: Any) -> Statistics | None:
        """Runs one step, or what `phases_done` says is left of it.

        After `interrupt` the rest is left out: the phase at hand, and those behind it. A later call with the same
        arguments goes on there; the step is then what it would have been in one piece.

        Args:
            step: Number of the step, from 0.
            images: uint8 `[batch, height, width, channels]` of this process (the global batch, or this worker's part).
            labels: One-hot `[batch, label_dim]`; `label_dim` may be 0.

        Returns:
            Scalars by name, as tensors that may still be in computation; in steps that run every phase also the
            seconds each took, as `seconds/<phase>`. None where something was left out.
        """
        statistics: Statistics = {}
        number = tf.constant(step, tf.int64)
        images, labels = self._distribute(images), self._distribute(labels)
        phases = self.phases_of(step)
        # Waiting for a device costs time itself, so only these rare steps do.
        clock = _PhaseClock(statistics) if self._is_timed(step, phases) else None
        for phase in phases:
            if phase.position < self.phases_done:
                continue
            if self._is_interrupted:
                return None
            found = self._phases[phase.name](number, images, labels)
            complete = found.pop("complete")
            # Only then, for reading the answer means waiting for the device.
            if self._is_interrupted and not complete:
                return None
            statistics |= found
            if clock:
                clock.stop(phase.name, next(iter(found.values())))
            self.phases_done = phase.position + 1
        moved = self._step_ended(step)
        self.phases_done = 0
        if clock and moved is not None:
            clock.stop("EMA", moved)
        return statistics

    # one phase

    def _compile(self, phase: Phase) -> Callable[..., Statistics]:
        def gradients_of(batch: ReplicaBatch, *path_means: tf.Tensor) -> tuple[list[tf.Tensor], Statistics]:
            return self.gradients.of(phase, batch, *path_means)

        def total_path_length(batch: ReplicaBatch) -> tf.Tensor:
            return self.gradients.total_path_length(phase, batch)

        if self.compiled:
            gradients_of = tf.function(gradients_of, autograph=False, jit_compile=True)
            total_path_length = tf.function(total_path_length, autograph=False, jit_compile=True)

        def run(step: tf.Tensor, images: Any, labels: Any) -> Statistics:
            self.trace_counts[phase.name] += 1
            seed = phase_seed(self.config.seed, step, phase.position)

            def replica(images: tf.Tensor, labels: tf.Tensor) -> tuple[list[tf.Tensor], Statistics]:
                context = tf.distribute.get_replica_context()
                replica_id = tf.cast(context.replica_id_in_sync_group, tf.int64)
                batch = ReplicaBatch(step, seed, replica_id, images, labels)
                path_means = [self.path_mean.read_value()] if phase.takes_path_lengths else []
                if self.gradients.needs_other_path_lengths(phase):
                    total = total_path_length(batch)
                    if self.strategy.num_replicas_in_sync > 1:
                        total = context.all_reduce(tf.distribute.ReduceOp.SUM, total)
                    path_means.append(total / self.gradients.num_path_lengths(phase))
                gradients, statistics = gradients_of(batch, *path_means)
                if self.strategy.num_replicas_in_sync > 1:
                    # A sum with one non-finite part is not finite, so all replicas take the same decision below.
                    gradients, statistics = context.all_reduce(tf.distribute.ReduceOp.SUM, (gradients, statistics))
                return gradients, statistics

            per_replica, statistics = self.strategy.run(replica, args=(images, labels))
            gradients = [self._local(gradient) for gradient in per_replica]
            statistics = {key: self._local(value) for key, value in statistics.items()}
            norm = global_norm(gradients)
            statistics[f"gradient_norm/{phase.name.lower()}"] = norm
            num_parts = self.gradients.parts(phase)[0] * self.layout.num_replicas
            statistics["complete"] = tf.equal(statistics.pop("parts"), num_parts)
            return self._apply(phase, step, per_replica, norm, statistics)

        return tf.function(run, autograph=False)

    def _apply(
        self, phase: Phase, step: tf.Tensor, gradients: Sequence[Any], norm: tf.Tensor, statistics: Statistics
    ) -> Statistics:
        """Makes the optimizer step of a phase unless the gradients are not finite or not complete.

        Returns:
            The scalars to log, and "complete".
        """
        finite, complete = tf.math.is_finite(norm), statistics["complete"]
        taken = tf.logical_and(finite, complete)
        limit = self.config.clip_norm
        scale = 1.0 if limit is None else clip_scale(norm, limit)
        self._phase_begins(phase, taken)
        self.optimizers[phase.network].apply(gradients, scale, taken, step * self.layout.global_size)
        self._phase_ended(phase, statistics, taken)
        lost = tf.cast(tf.logical_and(complete, tf.logical_not(finite)), tf.int64)
        self.skipped[phase.network].assign_add(lost)
        in_row = self.skipped_in_row[phase.name]
        in_row.assign(tf.where(complete, lost * (in_row + 1), in_row))
        return statistics

    # values on replicas

    def _distribute(self, values: Any) -> Any:
        """Cuts this process's part of the batch into one run of samples per local replica."""
        values = tf.convert_to_tensor(values)
        size = self.layout.replica_size
        local = values.shape[0] // size
        if self.strategy.num_replicas_in_sync == 1:
            return values
        return self.strategy.experimental_distribute_values_from_function(
            lambda context: values[
                (context.replica_id_in_sync_group % local) * size : (context.replica_id_in_sync_group % local + 1)
                * size
            ]
        )

    def _local(self, value: Any) -> tf.Tensor:
        return self.strategy.experimental_local_results(value)[0]


def make_step(config: RunConfig, strategy: tf.distribute.Strategy) -> PhasedStep:
    """The step of a configuration's family, with fresh networks; call it inside the strategy's scope.

    Raises:
        ConfigError: The networks or settings do not go together.
    """
    config.model.check_pair()
    module, name = config.model.generator.training.split(":")
    return getattr(importlib.import_module(module), name)(config, strategy)


class _PhaseClock:
    """Adds the seconds between calls of `stop` to the statistics."""

    def __init__(self, statistics: Statistics) -> None:
        self._statistics, self._started = statistics, time.perf_counter()

    def stop(self, name: str, result: Any) -> None:
        """Waits for a result of the phase, then writes down the time since the last phase."""
        np.asarray(result)
        now = time.perf_counter()
        self._statistics[f"seconds/{name}"] = now - self._started
        self._started = now


def uses_xla(mode: str) -> bool:
    """Whether phases are compiled with XLA.

    "auto" does so on GPUs only: on a CPU a step of the generator takes 1.3 times as long compiled as not.
    """
    return mode == "on" or (mode == "auto" and bool(tf.config.list_logical_devices("GPU")))


def counter(value: Any, name: str, dtype: Any = tf.int64) -> tf.Variable:
    """A variable that training counts with; no network has it."""
    return tf.Variable(value, dtype=dtype, trainable=False, name=name)
