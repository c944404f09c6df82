"""Batch normalization over small groups of neighbours in the batch."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

_EPSILON = 1e-5


@keras.saving.register_keras_serializable("gansformer_tf")
class LocalBatchNorm(keras.layers.Layer):
    """Normalises each channel over positions and the images of a group; then a learned scale and offset.

    Groups are runs of neighbours, so that the result does not depend on how a batch is cut into multiples of the group,
    and there are no running averages: it is for networks that judge batches.

    Source: "StyleGAN-T" (Sauer et al. 2023), whose discriminator heads it is from.

    Args:
        group_size: Images in a group; a smaller batch is one group.

    Call arguments:
        x: `[batch, height, width, channels]`, the batch a multiple of the group.

    Returns:
        The same shape.

    Raises:
        ValueError: The batch cannot be cut into groups.

    Example:

    >>> tuple(LocalBatchNorm(2)(ops.ones((4, 8, 8, 3))).shape)
    (4, 8, 8, 3)
    """

    def __init__(self, group_size: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.group_size = group_size

    def build(self, input_shape: Any) -> None:
        shape = (int(input_shape[-1]),)
        self.scale = self.add_weight(shape=shape, initializer="ones", name="scale", autocast=False)
        self.offset = self.add_weight(shape=shape, initializer="zeros", name="offset", autocast=False)

    def call(self, x: Any) -> Any:
        batch = x.shape[0]
        group = self.group_size if batch is None else min(self.group_size, batch)
        if batch is not None and batch % group:
            raise ValueError(
                f"a batch of {batch} images cannot be normalised in groups of {group}; use a multiple of {group}."
            )
        groups = ops.reshape(ops.cast(x, "float32"), (-1, group, *x.shape[1:]))
        mean, variance = ops.moments(groups, axes=(1, 2, 3), keepdims=True)
        normal = ops.reshape((groups - mean) * ops.rsqrt(variance + _EPSILON), (-1, *x.shape[1:]))
        return ops.cast(normal * ops.convert_to_tensor(self.scale) + ops.convert_to_tensor(self.offset), x.dtype)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"group_size": self.group_size}
