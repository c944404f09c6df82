"""One training step: the phases as compiled functions, over micro-batches and replicas."""

from __future__ import annotations

import collections
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from gansformer_tf.config import TrainConfig
from gansformer_tf.models.base import require_w
from gansformer_tf.training.augment.control import Augmentation
from gansformer_tf.training.draws import phase_seed
from gansformer_tf.training.ema import ema_beta
from gansformer_tf.training.gradients import PhaseGradients, ReplicaBatch
from gansformer_tf.training.layout import BatchLayout
from gansformer_tf.training.optimizers import Adam, clip_scale, global_norm
from gansformer_tf.training.phases import PhaseLosses, Statistics
from gansformer_tf.training.plan import Phase, plan_of
from gansformer_tf.training.remat import Rematerialization
from gansformer_tf.training.schedule import Schedule
from gansformer_tf.training.variables import network_state, raw_variable, raw_variables, unfrozen_variables


class TrainStep:
    """Makes training steps; owns the optimizers and the few numbers that training keeps beside the weights.

    Build it inside `strategy.scope()`, after the networks. Every phase is traced once (`trace_counts` counts).

    Args:
        generator, discriminator: The networks being trained.
        ema_generator: Generator of the same configuration that holds the moving average.
        config: Settings.
        strategy: The distribution strategy; the default one trains on one device.

    Attributes:
        phases: All phases by name, in their order.
        phases_done: How far the current step is: the position behind the last phase that was made; 0 between steps.
    """

    def __init__(
        self,
        generator: Any,
        discriminator: Any,
        ema_generator: Any,
        config: TrainConfig,
        strategy: tf.distribute.Strategy | None = None,
    ) -> None:
        require_w(generator.config, "training against a discriminator was")
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
        discriminator.prepare()
        self.augmentation = Augmentation(config)
        self.losses = PhaseLosses(generator, discriminator, config, self.augmentation)
        rematerialization = Rematerialization()
        if config.recompute:
            rematerialization.attach(generator, discriminator)
        self.compiled = uses_xla(config.jit)
        self.trace_counts: collections.Counter[str] = collections.Counter()

        way = config.schedule_images
        common: dict[str, Any] = {
            "beta1": config.adam_beta1,
            "beta2": Schedule(config.adam_beta2, config.adam_beta2_end, *way),
            "epsilon": config.adam_epsilon,
        }
        # As in the published code, the generator's rates are corrected also when path length is off (StyleGAN3 sets no
        # interval).
        self.g_optimizer = Adam(
            raw_variables(generator.trainable_variables),
            learning_rate=Schedule(config.g_learning_rate, config.g_learning_rate_end, *way),
            lazy_interval=config.g_reg_interval,
            **common,
        )
        self.d_optimizer = Adam(
            raw_variables(unfrozen_variables(discriminator, config.freeze_d)),
            learning_rate=Schedule(config.d_learning_rate, config.d_learning_rate_end, *way),
            lazy_interval=config.d_reg_interval if config.penalties else None,
            **common,
        )
        self.optimizers = {"G": self.g_optimizer, "D": self.d_optimizer}
        self.phases = plan_of(self.losses, config)
        self.gradients = PhaseGradients(
            self.losses,
            self.layout,
            config,
            {network: optimizer.variables_to_train for network, optimizer in self.optimizers.items()},
            rematerialization,
            # A compiled loop reads a variable once, before it begins.
            goes_on=(lambda: True) if self.compiled else lambda: tf.logical_not(self._interrupted.read_value()),
        )
        # The variable is for loops on the devices to read, the other for this process: reading it waits for no device.
        self._interrupted, self._is_interrupted = _counter(False, "interrupted", tf.bool), False
        self.path_mean = _counter(0.0, "path_mean", tf.float32)
        self.skipped = {network: _counter(0, f"skipped_{network}") for network in self.optimizers}
        # Of each phase by itself: a penalty may stay finite where the loss does not, or the other way round.
        self.skipped_in_row = {name: _counter(0, f"skipped_in_row_{name}") for name in self.phases}
        self._phases: dict[str, Any] = {name: self._compile(phase) for name, phase in self.phases.items()}
        self._update_average = tf.function(self._ema_phase, autograph=False)
        self.phases_done = 0

    def phases_of(self, step: int) -> list[Phase]:
        """The phases that step number `step` runs."""
        return [phase for phase in self.phases.values() if phase.runs_in(step)]

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
        counter = tf.constant(step, tf.int64)
        images, labels = self._distribute(images), self._distribute(labels)
        phases = self.phases_of(step)
        # Waiting for a device costs time itself, so only these rare steps do.
        clock = _PhaseClock(statistics) if self._is_timed(phases) else None
        for phase in phases:
            if phase.position < self.phases_done:
                continue
            if self._is_interrupted:
                return None
            found = self._phases[phase.name](counter, images, labels)
            complete = found.pop("complete")
            # Only then, for reading the answer means waiting for the device.
            if self._is_interrupted and not complete:
                return None
            statistics |= found
            if clock:
                clock.stop(phase.name, next(iter(found.values())))
            self.phases_done = phase.position + 1
        self.update_average((step + 1) * self.layout.global_size)
        self.phases_done = 0
        if clock:
            clock.stop("EMA", self.ema_generator.w_avg)
        return statistics

    def _is_timed(self, phases: Sequence[Phase]) -> bool:
        """Whether every phase there is runs in this call, and none is traced in it."""
        whole = phases == self.phases_of(0) and not self.phases_done
        return whole and all(self.trace_counts[phase.name] for phase in phases)

    def update_average(self, images_seen: int) -> None:
        """Moves the averaged generator towards the current one."""
        beta = ema_beta(self.layout.global_size, self.config.ema_half_life_kimg, images_seen, self.config.ema_rampup)
        self._update_average(tf.constant(beta, tf.float32))

    def state(self) -> dict[str, tf.Variable]:
        """Everything a checkpoint holds, by name."""
        state = {"path_mean": self.path_mean}
        state |= network_state(self.generator, "generator")
        state |= network_state(self.discriminator, "discriminator")
        state |= network_state(self.ema_generator, "ema_generator")
        state |= {f"augment/{name}": variable for name, variable in self.augmentation.state().items()}
        for network, optimizer in self.optimizers.items():
            state[f"skipped/{network}"] = self.skipped[network]
            # Those of the penalties are left out: no checkpoint is written while one of the four is above 0.
            state[f"skipped_in_row/{network}"] = self.skipped_in_row[network]
            state[f"adam/{network}/step"] = optimizer.step
            for index, (m, v) in enumerate(zip(optimizer.first_moments, optimizer.second_moments, strict=True)):
                state[f"adam/{network}/m/{index}"] = m
                state[f"adam/{network}/v/{index}"] = v
        return state

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

        def assign(variable: tf.Variable, value: tf.Tensor) -> None:
            variable.assign(tf.where(taken, value, variable.read_value()))

        limit = self.config.clip_norm
        scale = 1.0 if limit is None else clip_scale(norm, limit)
        self.optimizers[phase.network].apply(gradients, scale, taken, step * self.layout.global_size)
        if "w_average" in statistics:
            average, w_average = raw_variable(self.generator.w_avg), statistics.pop("w_average")
            assign(average, w_average + self.config.w_avg_decay * (average - w_average))
        if "magnitudes" in statistics:
            magnitudes = statistics.pop("magnitudes")
            for index, variable in enumerate(raw_variables(self.generator.magnitudes)):
                assign(variable, magnitudes[index])
        if "path_length" in statistics:
            change = self.config.path_length_decay * (statistics["path_length"] - self.path_mean)
            assign(self.path_mean, self.path_mean + change)
        if "score/real_sign" in statistics:
            self.augmentation.observe(statistics["score/real_sign"], taken)
        lost = tf.cast(tf.logical_and(complete, tf.logical_not(finite)), tf.int64)
        self.skipped[phase.network].assign_add(lost)
        in_row = self.skipped_in_row[phase.name]
        in_row.assign(tf.where(complete, lost * (in_row + 1), in_row))
        return statistics

    def _ema_phase(self, beta: tf.Tensor) -> None:
        self.trace_counts["EMA"] += 1

        def blend(average: tf.Variable, value: tf.Variable) -> None:
            average.assign(value + beta * (average - value))

        def copy(average: tf.Variable, value: tf.Variable) -> None:
            average.assign(value)

        for function, averages, values in (
            (blend, self.ema_generator.trainable_variables, self.generator.trainable_variables),
            (copy, self.ema_generator.non_trainable_weights, self.generator.non_trainable_weights),
        ):
            for average, value in zip(raw_variables(averages), raw_variables(values), strict=True):
                self.strategy.extended.update(average, function, args=(value,), group=False)

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


def _counter(value: Any, name: str, dtype: Any = tf.int64) -> tf.Variable:
    return tf.Variable(value, dtype=dtype, trainable=False, name=name)
