"""Any optimizer of Keras in a training step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from gansformer_tf.training.variables import raw_variable, raw_variables


class KerasOptimizer:
    """A copy of an optimizer, which makes a step, or leaves out a whole one, on every replica.

    The correction for lazy regularisation (see `Adam`) is one of moments that decay: it is made for optimizers that
    have `beta_1` and `beta_2` (AdamW, Adamax, Nadam, Lamb, Lion, Adam with a schedule). Others, SGD and RMSprop among
    them, take the steps of the penalties with the learning rate that they were given.

    Args:
        given: It stays as it is, so it may be used again.
        variables: The Keras variables to train, in a fixed order. The optimizer's own are created here, so build it
            inside the strategy's scope.
        lazy_interval: Main steps per regularisation step; None when there is no regularisation step.
    """

    name = "keras"

    def __init__(self, given: keras.Optimizer, variables: Sequence[Any], lazy_interval: int | None = None) -> None:
        self._strategy = tf.distribute.get_strategy()
        self._variables = list(variables)
        self.variables_to_train = raw_variables(self._variables)
        self.optimizer = _copy(given, 1.0 if lazy_interval is None else lazy_interval / (lazy_interval + 1.0))
        self.optimizer.build(self._variables)
        self.step = raw_variable(self.optimizer.iterations)

    def apply(self, gradients: Sequence[tf.Tensor], scale: Any = 1.0, taken: Any = True, images_seen: Any = 0) -> None:
        """Makes one step; arguments as for `Adam.apply`. A schedule of Keras counts steps, and not images."""

        def replica(gradients: Sequence[tf.Tensor]) -> None:
            # Keras adds up what the replicas have, after clipping it: the first one has the sum, the others nothing.
            replica_id = tf.distribute.get_replica_context().replica_id_in_sync_group
            share = tf.where(tf.equal(replica_id, 0), scale, 0.0)
            self.optimizer.apply([tf.math.multiply_no_nan(gradient, share) for gradient in gradients], self._variables)

        def step() -> tf.Tensor:
            self._strategy.run(replica, args=(list(gradients),))
            return tf.constant(True)

        tf.cond(taken, step, lambda: tf.constant(False))

    def state(self) -> dict[str, tf.Variable]:
        """The optimizer's variables by name."""
        return {str(index): raw_variable(variable) for index, variable in enumerate(self.optimizer.variables)}


def _copy(given: keras.Optimizer, correction: float) -> keras.Optimizer:
    config = given.get_config()
    if not isinstance(config["learning_rate"], float):
        config["learning_rate"] = keras.optimizers.schedules.deserialize(config["learning_rate"])
    if "beta_1" in config and "beta_2" in config:
        config |= {name: config[name] ** correction for name in ("beta_1", "beta_2")}
        rate = config["learning_rate"]
        config["learning_rate"] = rate * correction if isinstance(rate, float) else _Scaled(rate, correction)
    return type(given).from_config(config)


class _Scaled(keras.optimizers.schedules.LearningRateSchedule):
    """A schedule of which every value is multiplied."""

    def __init__(self, schedule: Any, factor: float) -> None:
        super().__init__()
        self.schedule, self.factor = schedule, factor

    def __call__(self, step: Any) -> Any:
        return self.schedule(step) * self.factor
