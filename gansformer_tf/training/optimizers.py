"""Adam with the correction for lazy regularisation, for one or many replicas; which optimizer a network has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from gansformer_tf.config import TrainConfig
from gansformer_tf.training.keras_optimizer import KerasOptimizer
from gansformer_tf.training.schedule import Schedule
from gansformer_tf.training.variables import raw_variables


class Adam(tf.Module):
    """Adam (Kingma and Ba 2015) whose main and regularisation steps share one state.

    The update is TensorFlow's fused form: `m += (g - m)(1 - b1)`, `v += (g^2 - v)(1 - b2)`,
    `x -= lr * sqrt(1 - b2^t) / (1 - b1^t) * m / (sqrt(v) + epsilon)`.

    Lazy regularisation (Karras et al. 2020, appendix B) adds one regularisation step to every `interval` main
    steps, so over one such cycle the optimizer makes `interval + 1` steps in place of `interval`. To keep the
    effective rates, with `c = interval / (interval + 1)`: `lr * c`, `beta1 ** c`, `beta2 ** c`.

    `keras.optimizers.Adam` computes the same numbers, but cannot skip a step as a whole on every replica, which a
    non-finite gradient asks for; `KerasOptimizer` makes it do so, at a price.

    Args:
        variables: The `tf.Variable`s to train, in a fixed order. Their state is created here, so build the optimizer
            inside the strategy's scope.
        learning_rate, beta1, beta2: As if there were no regularisation steps. Rate and beta2 may follow a schedule;
            the correction of the second moment's start then takes the beta2 of the moment, as PyTorch's Adam does.
        epsilon: Added to the root of the second moment.
        lazy_interval: Main steps per regularisation step; None when there is no regularisation step.

    Attributes:
        learning_rate, beta1, beta2: With that correction, at the beginning of a schedule.
    """

    def __init__(
        self,
        variables: Sequence[tf.Variable],
        *,
        learning_rate: float | Schedule,
        beta1: float,
        beta2: float | Schedule,
        epsilon: float,
        lazy_interval: int | None = None,
    ) -> None:
        super().__init__(name="adam")
        self._correction = 1.0 if lazy_interval is None else lazy_interval / (lazy_interval + 1.0)
        self._rate = learning_rate if isinstance(learning_rate, Schedule) else Schedule(learning_rate)
        self._beta2 = beta2 if isinstance(beta2, Schedule) else Schedule(beta2)
        self.learning_rate = self._rate.start * self._correction
        self.beta1 = beta1**self._correction
        self.beta2 = self._beta2.start**self._correction
        self.epsilon = epsilon
        self._strategy = tf.distribute.get_strategy()
        self.variables_to_train = list(variables)
        self.first_moments = [_slot(variable, "m") for variable in variables]
        self.second_moments = [_slot(variable, "v") for variable in variables]
        self.step = tf.Variable(0, dtype=tf.int64, trainable=False, name="adam_step")

    def apply(self, gradients: Sequence[tf.Tensor], scale: Any = 1.0, taken: Any = True, images_seen: Any = 0) -> None:
        """Makes one step; call it in cross-replica context with gradients already summed over replicas.

        Args:
            gradients: In the order of the variables.
            scale: Factor on all of them, as `clip_scale` gives it.
            taken: Whether there is a step at all. False leaves every number of the optimizer and of the variables as
                it is, whatever the gradients are. A `tf.cond` would do the same with three times the operations: its
                branches take each variable in and hand it on.
            images_seen: Real images of all steps before, for the schedules.
        """
        learning_rate = self._rate.at(images_seen) * self._correction
        beta2 = self._beta2.at(images_seen) ** self._correction
        time = tf.cast(self.step.read_value() + 1, tf.float32)
        self.step.assign_add(tf.cast(taken, tf.int64))
        constants = {
            "beta1_power": tf.pow(tf.constant(self.beta1, tf.float32), time),
            "beta2_power": tf.pow(tf.cast(beta2, tf.float32), time),
            "lr": tf.where(taken, learning_rate, 0.0),
            "beta1": tf.where(taken, self.beta1, 1.0),
            "beta2": tf.where(taken, beta2, 1.0),
            "epsilon": tf.constant(self.epsilon, tf.float32),
        }
        # Not a number times zero is zero in `multiply_no_nan`; times one it is exact, like any product.
        scale = tf.where(taken, scale, 0.0)

        def update(variable: tf.Variable, m: tf.Variable, v: tf.Variable, gradient: tf.Tensor) -> None:
            tf.raw_ops.ResourceApplyAdam(
                var=variable.handle,
                m=m.handle,
                v=v.handle,
                grad=tf.math.multiply_no_nan(gradient, scale),
                **constants,
            )

        for variable, m, v, gradient in zip(
            self.variables_to_train, self.first_moments, self.second_moments, gradients, strict=True
        ):
            self._strategy.extended.update(variable, update, args=(m, v, gradient), group=False)

    def state(self) -> dict[str, tf.Variable]:
        """The optimizer's variables by name."""
        state = {"step": self.step}
        for index, (m, v) in enumerate(zip(self.first_moments, self.second_moments, strict=True)):
            state |= {f"m/{index}": m, f"v/{index}": v}
        return state


Optimizer = Adam | KerasOptimizer


def optimizer_of(config: TrainConfig, network: str, variables: Sequence[Any], given: Any = None) -> Optimizer:
    """The optimizer of network "G" or "D" for its Keras variables: Adam of the settings, or one of Keras if given."""
    # As in the published code, the generator's rates are corrected also when path length is off (StyleGAN3 sets no
    # interval).
    lazy_interval = config.g_reg_interval if network == "G" else config.d_reg_interval if config.penalties else None
    if given is not None:
        return KerasOptimizer(given, variables, lazy_interval)
    rates = {
        "G": (config.g_learning_rate, config.g_learning_rate_end),
        "D": (config.d_learning_rate, config.d_learning_rate_end),
    }
    return Adam(
        raw_variables(variables),
        learning_rate=Schedule(*rates[network], *config.schedule_images),
        beta1=config.adam_beta1,
        beta2=Schedule(config.adam_beta2, config.adam_beta2_end, *config.schedule_images),
        epsilon=config.adam_epsilon,
        lazy_interval=lazy_interval,
    )


def global_norm(gradients: Sequence[tf.Tensor]) -> tf.Tensor:
    """Root of the sum of squares over all gradients; not finite as soon as one element is not."""
    return tf.sqrt(2.0 * tf.add_n([tf.nn.l2_loss(gradient) for gradient in gradients]))


def clip_scale(norm: tf.Tensor, limit: float) -> tf.Tensor:
    """Factor that makes the global norm of gradients at most `limit`."""
    return limit / tf.maximum(norm, limit)


def _slot(variable: tf.Variable, name: str) -> tf.Variable:
    return tf.Variable(tf.zeros(variable.shape, variable.dtype), trainable=False, name=name)
