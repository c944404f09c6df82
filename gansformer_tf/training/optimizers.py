"""Adam with the correction for lazy regularisation, for one or many replicas."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf


class Adam(tf.Module):
    """Adam (Kingma and Ba 2015) whose main and regularisation steps share one state.

    The update is TensorFlow's fused form: `m += (g - m)(1 - b1)`, `v += (g^2 - v)(1 - b2)`,
    `x -= lr * sqrt(1 - b2^t) / (1 - b1^t) * m / (sqrt(v) + epsilon)`.

    Lazy regularisation (Karras et al. 2020, appendix B) adds one regularisation step to every `interval` main
    steps, so over one such cycle the optimizer makes `interval + 1` steps in place of `interval`. To keep the
    effective rates, with `c = interval / (interval + 1)`: `lr * c`, `beta1 ** c`, `beta2 ** c`.

    `keras.optimizers.Adam` computes the same numbers, but cannot skip a step as a whole on every replica, which a
    non-finite gradient asks for.

    Args:
        variables: The `tf.Variable`s to train, in a fixed order. Their state is created here, so build the optimizer
            inside the strategy's scope.
        learning_rate, beta1, beta2: As if there were no regularisation steps.
        epsilon: Added to the root of the second moment.
        lazy_interval: Main steps per regularisation step; None when there is no regularisation step.
    """

    def __init__(
        self,
        variables: Sequence[tf.Variable],
        *,
        learning_rate: float,
        beta1: float,
        beta2: float,
        epsilon: float,
        lazy_interval: int | None = None,
    ) -> None:
        super().__init__(name="adam")
        correction = 1.0 if lazy_interval is None else lazy_interval / (lazy_interval + 1.0)
        self.learning_rate = learning_rate * correction
        self.beta1 = beta1**correction
        self.beta2 = beta2**correction
        self.epsilon = epsilon
        self._strategy = tf.distribute.get_strategy()
        self.variables_to_train = list(variables)
        self.first_moments = [_slot(variable, "m") for variable in variables]
        self.second_moments = [_slot(variable, "v") for variable in variables]
        self.step = tf.Variable(0, dtype=tf.int64, trainable=False, name="adam_step")

    def apply(self, gradients: Sequence[tf.Tensor]) -> None:
        """Makes one step; call it in cross-replica context with gradients already summed over replicas."""
        self.step.assign_add(1)
        time = tf.cast(self.step.read_value(), tf.float32)
        beta1_power = tf.pow(tf.constant(self.beta1, tf.float32), time)
        beta2_power = tf.pow(tf.constant(self.beta2, tf.float32), time)

        def update(variable: tf.Variable, m: tf.Variable, v: tf.Variable, gradient: tf.Tensor) -> None:
            tf.raw_ops.ResourceApplyAdam(
                var=variable.handle,
                m=m.handle,
                v=v.handle,
                beta1_power=beta1_power,
                beta2_power=beta2_power,
                lr=self.learning_rate,
                beta1=self.beta1,
                beta2=self.beta2,
                epsilon=self.epsilon,
                grad=gradient,
            )

        for variable, m, v, gradient in zip(
            self.variables_to_train, self.first_moments, self.second_moments, gradients, strict=True
        ):
            self._strategy.extended.update(variable, update, args=(m, v, gradient), group=False)


def global_norm(gradients: Sequence[tf.Tensor]) -> tf.Tensor:
    """Root of the sum of squares over all gradients; not finite as soon as one element is not."""
    return tf.sqrt(2.0 * tf.add_n([tf.nn.l2_loss(gradient) for gradient in gradients]))


def clip_to_norm(gradients: Sequence[tf.Tensor], norm: tf.Tensor, limit: float) -> list[tf.Tensor]:
    """Scales all gradients so that their global norm is at most `limit`."""
    scale = limit / tf.maximum(norm, limit)
    return [gradient * scale for gradient in gradients]


def _slot(variable: tf.Variable, name: str) -> tf.Variable:
    return tf.Variable(tf.zeros(variable.shape, variable.dtype), trainable=False, name=name)
