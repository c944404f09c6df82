"""One training step: the phases as compiled functions, over micro-batches and replicas."""

from __future__ import annotations

import collections
import contextlib
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from gansformer_tf.config import TrainConfig
from gansformer_tf.training.augment.control import Augmentation
from gansformer_tf.training.draws import phase_seed
from gansformer_tf.training.ema import ema_beta
from gansformer_tf.training.layout import BatchLayout, accumulate
from gansformer_tf.training.optimizers import Adam, clip_to_norm, global_norm
from gansformer_tf.training.phases import MicroBatch, PhaseLosses, Statistics
from gansformer_tf.training.remat import Rematerialization
from gansformer_tf.training.variables import network_state, raw_variable, raw_variables, unfrozen_variables

# Order within a step, as in StyleGAN2; the position is part of the seed of the phase's draws.
PHASES = ("G", "G_reg", "D", "D_reg")


class TrainStep:
    """Makes training steps; owns the optimizers and the few numbers that training keeps beside the weights.

    Build it inside `strategy.scope()`, after the networks. Every phase is traced once (`trace_counts` counts).

    Args:
        generator, discriminator: The networks being trained.
        ema_generator: Generator of the same configuration that holds the moving average.
        config: Settings.
        strategy: The distribution strategy; the default one trains on one device.
    """

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
        discriminator.config.check_batch(self.layout.micro_size, of=config.batch_size)
        self.augmentation = Augmentation(config)
        self.losses = PhaseLosses(generator, discriminator, config, self.augmentation)
        self.rematerialization = Rematerialization()
        if config.recompute:
            self.rematerialization.attach(generator, discriminator)
        self.compiled = uses_xla(config.jit)
        self.trace_counts: collections.Counter[str] = collections.Counter()

        common = {"beta1": config.adam_beta1, "beta2": config.adam_beta2, "epsilon": config.adam_epsilon}
        # As in the published code, the generator's rates are corrected also when path length is off (StyleGAN3 sets no
        # interval).
        self.g_optimizer = Adam(
            raw_variables(generator.trainable_variables),
            learning_rate=config.g_learning_rate,
            lazy_interval=config.g_reg_interval,
            **common,
        )
        self.d_optimizer = Adam(
            raw_variables(unfrozen_variables(discriminator, config.freeze_d)),
            learning_rate=config.d_learning_rate,
            lazy_interval=None if config.d_reg == "none" else config.d_reg_interval,
            **common,
        )
        self.path_mean = _counter(0.0, "path_mean", tf.float32)
        self.skipped = {network: _counter(0, f"skipped_{network}") for network in ("G", "D")}
        # Of each phase by itself: a penalty may stay finite where the loss does not, or the other way round.
        self.skipped_in_row = {name: _counter(0, f"skipped_in_row_{name}") for name in PHASES}
        self._phases: dict[str, Any] = {name: self._compile(name) for name in PHASES}
        self._update_average = tf.function(self._ema_phase, autograph=False)
        # How far the current step is, as a position in `PHASES`; 0 between two steps.
        self.phases_done = 0
        # Asked between two phases of a step: where it says so, `run` returns before the others.
        self.stopping: Callable[[], bool] = lambda: False

    def phases_of(self, step: int) -> list[str]:
        """Names of the phases that step number `step` runs."""
        config = self.config
        return [
            name
            for name, runs in (
                ("G", True),
                ("G_reg", config.path_length and step % (config.g_reg_interval or 1) == 0),
                ("D", True),
                ("D_reg", config.d_reg != "none" and step % config.d_reg_interval == 0),
            )
            if runs
        ]

    def run(self, step: int, images: Any, labels: Any) -> Statistics:
        """Runs one step, or what `phases_done` says is left of it.

        When `stopping` says so between two phases the rest is left out, and `phases_done` is above 0 afterwards. The
        next call, with the same arguments, goes on there: the step is then what it would have been in one piece.

        Args:
            step: Number of the step, from 0.
            images: uint8 `[batch, height, width, channels]` of this process (the global batch, or this worker's part).
            labels: One-hot `[batch, label_dim]`; `label_dim` may be 0.

        Returns:
            Scalars by name, as tensors that may still be in computation; in steps that run every phase also the
            seconds each took, as `seconds/<phase>`.
        """
        statistics: Statistics = {}
        counter = tf.constant(step, tf.int64)
        images, labels = self._distribute(images), self._distribute(labels)
        phases = self.phases_of(step)
        # Waiting for a device costs time itself, so only these rare steps do.
        clock = _PhaseClock(statistics) if self._is_timed(step, phases) else None
        for name in phases:
            if PHASES.index(name) < self.phases_done:
                continue
            if self.phases_done and self.stopping():
                return statistics
            found = self._phases[name](counter, images, labels)
            statistics |= found
            if clock:
                clock.stop(name, next(iter(found.values())))
            self.phases_done = PHASES.index(name) + 1
        self.update_average((step + 1) * self.layout.global_size)
        self.phases_done = 0
        if clock:
            clock.stop("EMA", self.ema_generator.w_avg)
        return statistics

    def _is_timed(self, step: int, phases: Sequence[str]) -> bool:
        """Whether every phase there is runs in this call, and none is traced in it."""
        whole = phases == self.phases_of(0) and not self.phases_done
        return whole and all(self.trace_counts[name] for name in phases)

    def parts(self, name: str) -> tuple[int, int]:
        """How many parts each replica's samples go through a phase in, and their size."""
        count, size = self.layout.num_micro_batches, self.layout.micro_size
        # The second-order gradients of path length hold more than twice of what a sample of "G" does.
        if name == "G_reg" and size % (2 * self.config.path_length_batch_shrink) == 0:
            return 2 * count, size // 2
        return count, size

    def trace(self, name: str, images: tf.Tensor, labels: tf.Tensor) -> tf.Graph:
        """Graph of the gradients of one part of a batch in a phase, without running it."""
        count, size = self.parts(name)

        def gradients(step: tf.Tensor, seed: tf.Tensor, images: tf.Tensor, labels: tf.Tensor) -> Any:
            batch = self._micro_batch(0, size, step, seed, tf.constant(0, tf.int64), images, labels)
            others = tf.zeros([]) if name == "G_reg" and count > 1 else None
            return self._part_gradients(name, batch, self.path_mean.read_value(), others)

        step = tf.constant(0, tf.int64)
        seed = phase_seed(self.config.seed, step, PHASES.index(name))
        return tf.function(gradients, autograph=False).get_concrete_function(step, seed, images, labels).graph

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
        for network, optimizer in (("G", self.g_optimizer), ("D", self.d_optimizer)):
            state[f"skipped/{network}"] = self.skipped[network]
            # Those of the penalties are left out: no checkpoint is written while one of the four is above 0.
            state[f"skipped_in_row/{network}"] = self.skipped_in_row[network]
            state[f"adam/{network}/step"] = optimizer.step
            for index, (m, v) in enumerate(zip(optimizer.first_moments, optimizer.second_moments, strict=True)):
                state[f"adam/{network}/m/{index}"] = m
                state[f"adam/{network}/v/{index}"] = v
        return state

    # one phase

    def _compile(self, name: str) -> Callable[..., Statistics]:
        def gradients_of(*arguments: Any) -> tuple[list[tf.Tensor], Statistics]:
            return self._gradients(name, *arguments)

        def path_lengths_of(*arguments: Any) -> tf.Tensor:
            return self._total_path_length(*arguments)

        if self.compiled:
            gradients_of = tf.function(gradients_of, autograph=False, jit_compile=True)
            path_lengths_of = tf.function(path_lengths_of, autograph=False, jit_compile=True)

        def phase(step: tf.Tensor, images: Any, labels: Any) -> Statistics:
            self.trace_counts[name] += 1
            seed = phase_seed(self.config.seed, step, PHASES.index(name))

            def replica(images: tf.Tensor, labels: tf.Tensor) -> tuple[list[tf.Tensor], Statistics]:
                context = tf.distribute.get_replica_context()
                arguments = [step, seed, tf.cast(context.replica_id_in_sync_group, tf.int64), images, labels]
                if name == "G_reg" and self._needs_other_path_lengths:
                    total = path_lengths_of(*arguments)
                    if self.strategy.num_replicas_in_sync > 1:
                        total = context.all_reduce(tf.distribute.ReduceOp.SUM, total)
                    arguments.append(total / self._num_path_lengths)
                gradients, statistics = gradients_of(*arguments)
                if self.strategy.num_replicas_in_sync > 1:
                    # A sum with one non-finite part is not finite, so all replicas take the same decision below.
                    gradients, statistics = context.all_reduce(tf.distribute.ReduceOp.SUM, (gradients, statistics))
                return gradients, statistics

            per_replica, statistics = self.strategy.run(replica, args=(images, labels))
            gradients = [self._local(gradient) for gradient in per_replica]
            statistics = {key: self._local(value) for key, value in statistics.items()}
            return self._apply(name, gradients, per_replica, statistics)

        return tf.function(phase, autograph=False)

    def _gradients(
        self,
        name: str,
        step: tf.Tensor,
        seed: tf.Tensor,
        replica_id: tf.Tensor,
        images: tf.Tensor,
        labels: tf.Tensor,
        path_mean_of_batch: tf.Tensor | None = None,
    ) -> tuple[list[tf.Tensor], Statistics]:
        """This replica's share of the gradient of the mean loss, and of the statistics."""
        running_mean = self.path_mean.read_value()
        count, size = self.parts(name)

        def share(index: Any) -> tuple[list[tf.Tensor], Statistics]:
            batch = self._micro_batch(index, size, step, seed, replica_id, images, labels)
            return self._part_gradients(name, batch, running_mean, path_mean_of_batch)

        zeros = (
            [tf.zeros(variable.shape, variable.dtype) for variable in self._variables_of(name)],
            {key: tf.zeros(shape) for key, shape in self.losses.statistics_of(name).items()},
        )
        return accumulate(share, count, zeros)

    def _part_gradients(
        self, name: str, batch: MicroBatch, running_mean: tf.Tensor, path_mean_of_batch: tf.Tensor | None
    ) -> tuple[list[tf.Tensor], Statistics]:
        """Share of one part of the samples in the gradient and in the statistics."""
        variables = self._variables_of(name)
        # Regularisers need gradients of second order, which rematerialised blocks do not have.
        keep = contextlib.nullcontext() if name.endswith("_reg") else self.rematerialization.enabled()
        with keep, tf.GradientTape(watch_accessed_variables=False) as tape:
            for variable in variables:
                tape.watch(variable)
            if name == "G_reg":
                loss, statistics = self.losses.generator_regularizer(batch, running_mean, path_mean_of_batch)
            else:
                loss, statistics = {
                    "G": self.losses.generator_main,
                    "D": self.losses.discriminator_main,
                    "D_reg": self.losses.discriminator_regularizer,
                }[name](batch)
        gradients = tape.gradient(loss, variables, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        return gradients, statistics

    def _optimizer_of(self, name: str) -> Adam:
        return self.g_optimizer if name.startswith("G") else self.d_optimizer

    def _variables_of(self, name: str) -> Sequence[tf.Variable]:
        return self._optimizer_of(name).variables_to_train

    def _micro_batch(
        self,
        index: Any,
        size: int,
        step: tf.Tensor,
        seed: tf.Tensor,
        replica_id: tf.Tensor,
        images: tf.Tensor,
        labels: tf.Tensor,
    ) -> MicroBatch:
        layout = self.layout
        start = index * size
        return MicroBatch(
            seed=seed,
            first=replica_id * layout.replica_size + tf.cast(start, tf.int64),
            images=to_float(_rows(images, start, size)),
            labels=_rows(labels, start, size) if labels.shape[-1] else None,
            global_size=layout.global_size,
            images_seen=step * layout.global_size,
        )

    @property
    def _needs_other_path_lengths(self) -> bool:
        """Whether a part needs the mean path length of others: it is one of several."""
        return self.parts("G_reg")[0] * self.layout.num_replicas > 1

    @property
    def _num_path_lengths(self) -> int:
        count, size = self.parts("G_reg")
        return self.losses.path_batch_size(size) * count * self.layout.num_replicas

    def _total_path_length(
        self, step: tf.Tensor, seed: tf.Tensor, replica_id: tf.Tensor, images: tf.Tensor, labels: tf.Tensor
    ) -> tf.Tensor:
        """Sum of the path lengths of this replica's samples."""

        count, size = self.parts("G_reg")

        def share(index: Any) -> tf.Tensor:
            batch = self._micro_batch(index, size, step, seed, replica_id, images, labels)
            return tf.reduce_sum(self.losses.path_lengths(batch))

        return accumulate(share, count, tf.zeros([]))

    def _apply(
        self,
        name: str,
        gradients: list[tf.Tensor],
        per_replica: Sequence[Any],
        statistics: Statistics,
    ) -> Statistics:
        """Makes the optimizer step of a phase unless a gradient is not finite; returns the scalars to log."""
        network, optimizer = name[0], self._optimizer_of(name)
        norm = global_norm(gradients)
        statistics[f"gradient_norm/{name.lower()}"] = norm
        w_average = statistics.pop("w_average", None)
        magnitudes = statistics.pop("magnitudes", None)
        path_length = statistics.get("path_length")
        limit = self.config.clip_norm

        def update() -> tf.Tensor:
            clipped = per_replica
            if limit is not None:
                clipped = clip_to_norm(gradients, norm, limit)
            optimizer.apply(clipped)
            if w_average is not None:
                average = raw_variable(self.generator.w_avg)
                average.assign(w_average + self.config.w_avg_decay * (average - w_average))
            if magnitudes is not None:
                for index, variable in enumerate(raw_variables(self.generator.magnitudes)):
                    variable.assign(magnitudes[index])
            if path_length is not None:
                self.path_mean.assign_add(self.config.path_length_decay * (path_length - self.path_mean))
            if "score/real_sign" in statistics:
                self.augmentation.observe(statistics["score/real_sign"])
            self.skipped_in_row[name].assign(0)
            return tf.constant(0, tf.int64)

        def skip() -> tf.Tensor:
            self.skipped[network].assign_add(1)
            self.skipped_in_row[name].assign_add(1)
            return tf.constant(1, tf.int64)

        tf.cond(tf.math.is_finite(norm), update, skip)
        return statistics

    def _ema_phase(self, beta: tf.Tensor) -> None:
        self.trace_counts["EMA"] += 1

        def blend(average: tf.Variable, value: tf.Variable) -> None:
            average.assign(value + beta * (average - value))

        def copy(average: tf.Variable, value: tf.Variable) -> None:
            average.assign(value)

        for function, averages, values in (
            (blend, self.ema_generator.trainable_variables, self.generator.trainable_variables),
            (copy, self.ema_generator.non_trainable_variables, self.generator.non_trainable_variables),
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


def to_float(images: tf.Tensor) -> tf.Tensor:
    """uint8 pixels as float32 in [-1, 1]."""
    return tf.cast(images, tf.float32) / 127.5 - 1.0


def _rows(values: tf.Tensor, start: Any, size: int) -> tf.Tensor:
    """`size` rows from `start` on; in a slice `[start : start + size]` XLA would not see that the size is known."""
    return tf.slice(values, [start, *[0] * (values.shape.rank - 1)], [size, *values.shape[1:]])


def _counter(value: Any, name: str, dtype: Any = tf.int64) -> tf.Variable:
    return tf.Variable(value, dtype=dtype, trainable=False, name=name)
