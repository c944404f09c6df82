"""One training step of a generator against a discriminator."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from gansformer_tf.config import RunConfig, TrainConfig
from gansformer_tf.layers.precision import dtype_policy
from gansformer_tf.models.base import require_w
from gansformer_tf.models.families import build_discriminator, build_generator
from gansformer_tf.training.augment.control import Augmentation
from gansformer_tf.training.ema import ema_beta
from gansformer_tf.training.optimizers import optimizer_of
from gansformer_tf.training.phased import PhasedStep, counter
from gansformer_tf.training.phases import PhaseLosses, Statistics
from gansformer_tf.training.plan import Phase, plan_of
from gansformer_tf.training.remat import Rematerialization
from gansformer_tf.training.variables import network_state, raw_variable, raw_variables, unfrozen_variables


class TrainStep(PhasedStep):
    """Makes training steps of a GAN; see `PhasedStep`.

    It also owns the few numbers that training keeps beside the weights: the running mean of the path length, the state
    of the augmentation, and the moving average of the generator.

    Args:
        generator, discriminator: The networks being trained.
        ema_generator: Generator of the same configuration that holds the moving average.
        config: Settings.
        strategy: The distribution strategy; the default one trains on one device.
        optimizers: Keras's, by network ("G", "D"), in place of Adam with the rates and betas of the settings.
    """

    remedy = "Try a smaller --g-lr or --d-lr, or a larger --gamma."

    def __init__(
        self,
        generator: Any,
        discriminator: Any,
        ema_generator: Any,
        config: TrainConfig,
        strategy: tf.distribute.Strategy | None = None,
        optimizers: Mapping[str, Any] | None = None,
    ) -> None:
        require_w(generator.config, "training against a discriminator was")
        super().__init__(generator, discriminator, ema_generator, config, strategy)
        discriminator.prepare()
        self.augmentation = Augmentation(config)
        self.losses = PhaseLosses(generator, discriminator, config, self.augmentation)
        rematerialization = Rematerialization()
        if config.recompute:
            rematerialization.attach(generator, discriminator)

        given = optimizers or {}
        self.g_optimizer = optimizer_of(config, "G", generator.trainable_variables, given.get("G"))
        trained = unfrozen_variables(discriminator, config.freeze_d)
        self.d_optimizer = optimizer_of(config, "D", trained, given.get("D"))
        self.path_mean = counter(0.0, "path_mean", tf.float32)
        self._set_phases(
            plan_of(self.losses, config),
            {"G": self.g_optimizer, "D": self.d_optimizer},
            self.losses,
            rematerialization,
        )
        self._update_average = tf.function(self._ema_phase, autograph=False)

    def _phase_ended(self, phase: Phase, statistics: Statistics, taken: tf.Tensor) -> None:
        def assign(variable: tf.Variable, value: tf.Tensor) -> None:
            variable.assign(tf.where(taken, value, variable.read_value()))

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

    def _step_ended(self, step: int) -> Any:
        self.update_average((step + 1) * self.layout.global_size)
        return self.ema_generator.w_avg

    def update_average(self, images_seen: int) -> None:
        """Moves the averaged generator towards the current one."""
        beta = ema_beta(self.layout.global_size, self.config.ema_half_life_kimg, images_seen, self.config.ema_rampup)
        self._update_average(tf.constant(beta, tf.float32))

    def augment_anew(self) -> None:
        self.augmentation.start_over()

    def readings(self) -> dict[str, float]:
        return {"augment_p": float(self.augmentation.p)} if self.augmentation.has_p else {}

    def state(self) -> dict[str, tf.Variable]:
        state = {"path_mean": self.path_mean} | super().state()
        state |= network_state(self.ema_generator, "ema_generator")
        return state | {f"augment/{name}": variable for name, variable in self.augmentation.state().items()}

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


def make_step(config: RunConfig, strategy: tf.distribute.Strategy) -> TrainStep:
    """The networks of a configuration, the average like the generator, and their step."""
    dtype = dtype_policy(config.train.precision)
    generator = build_generator(config.model.generator, dtype=dtype)
    discriminator = build_discriminator(config.model.discriminator, dtype=dtype)
    ema_generator = build_generator(config.model.generator, name="ema_generator")
    ema_generator.set_weights(generator.get_weights())
    return TrainStep(generator, discriminator, ema_generator, config.train, strategy)
