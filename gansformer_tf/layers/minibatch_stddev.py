"""Minibatch standard deviation."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

EPSILON = 1e-8


@keras.saving.register_keras_serializable("gansformer_tf")
class MinibatchStddev(keras.layers.Layer):
    """Appends how much a feature varies over a group of samples ("Progressive Growing of GANs", section 3).

    The batch is split into groups of `group_size` samples; sample i belongs to group `i mod (batch / group_size)`.
    Per group: biased standard deviation over the group, averaged over channels and positions.

    Args:
        group_size: Samples per group (fewer when the batch is smaller); None: the whole batch is one group.
        num_features: Channels to append; the input channels are split into as many parts.

    Call arguments:
        inputs: `[batch, ..., channels]`.

    Returns:
        `[batch, ..., channels + num_features]`.

    Raises:
        ValueError: The batch is not divisible by the group.

    Example:

    >>> tuple(MinibatchStddev(group_size=2)(ops.ones((4, 8, 8, 3))).shape)
    (4, 8, 8, 4)
    """

    def __init__(self, group_size: int | None = 4, num_features: int = 1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.group_size = group_size
        self.num_features = num_features

    def call(self, inputs: Any) -> Any:
        shape = ops.shape(inputs)
        batch, spatial, channels = shape[0], shape[1:-1], inputs.shape[-1]
        group = self.group_size
        if group is None:
            group = batch
        elif isinstance(inputs.shape[0], int):
            group = min(group, inputs.shape[0])
            if inputs.shape[0] % group:
                raise ValueError(
                    f"batch size {inputs.shape[0]} is not divisible by the minibatch-stddev group of {group}; "
                    f"use a multiple of {group} or at most {group}."
                )
        else:
            group = ops.minimum(group, batch)
        x = ops.cast(inputs, "float32")
        x = ops.reshape(x, (group, batch // group, *spatial, self.num_features, channels // self.num_features))
        x = x - ops.mean(x, axis=0, keepdims=True)
        x = ops.sqrt(ops.mean(ops.square(x), axis=0) + EPSILON)  # [batch / group, ..., features, channels]
        axes = [*range(1, 1 + len(spatial)), len(spatial) + 2]
        x = ops.mean(x, axis=axes)  # [batch / group, features]
        x = ops.reshape(x, (batch // group, *([1] * len(spatial)), self.num_features))
        x = ops.tile(x, [group, *spatial, 1])
        return ops.concatenate([inputs, ops.cast(x, inputs.dtype)], axis=-1)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (*input_shape[:-1], input_shape[-1] + self.num_features)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"group_size": self.group_size, "num_features": self.num_features}
