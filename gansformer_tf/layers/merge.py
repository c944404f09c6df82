"""Merging of the images that k-GAN generates."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from gansformer_tf.layers.equalized import EqualizedConv2D


@keras.saving.register_keras_serializable("gansformer_tf")
class ComponentMerge(keras.layers.Layer):
    """Weights with which k feature maps are merged into one (k-GAN, van Steenkiste et al. 2020).

    A 1x1 convolution scores every component at every pixel. "softmax": weights are the softmax over components;
    "max": the best component takes the pixel; "sum": all weights are 1 (not averaged, as in the original);
    "leaves": component d covers the ones before it with opacity `sigmoid(s_d - max_{j<d} s_j)` (dead leaves).

    Args:
        num_components: k.
        merge_type: "sum", "softmax", "max" or "leaves".
        same: One weight per component and image (scores summed over pixels) in place of one per pixel.
        batch_maximum: Take the maximum of "leaves" over the whole batch and image, as the original does; then a
            image depends on the others of its batch.

    Call arguments:
        x: `[batch * k, height, width, channels]`, components of one sample next to each other.

    Returns:
        Weights `[batch, k, height, width, 1]`, or `[batch, k, 1, 1, 1]` with `same`.

    Example:

    >>> features = ops.ones((2 * 3, 8, 8, 4))
    >>> weights = ComponentMerge(3)(features)
    >>> tuple(weights.shape), tuple(merge_components(features, weights).shape)
    ((2, 3, 8, 8, 1), (2, 8, 8, 4))
    """

    def __init__(
        self,
        num_components: int,
        merge_type: str = "softmax",
        *,
        same: bool = False,
        batch_maximum: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.num_components = num_components
        self.merge_type = merge_type
        self.same = same
        self.batch_maximum = batch_maximum

    def build(self, input_shape: Any) -> None:
        self.score = None
        if self.merge_type != "sum":
            self.score = EqualizedConv2D(1, 1, use_bias=False, name="score", dtype=self.dtype_policy)
            self.score.build(input_shape)

    def call(self, x: Any) -> Any:
        if self.score is None:
            size = (1, 1) if self.same else x.shape[1:3]
            ones = ops.ones_like(ops.reshape(x, (-1, self.num_components, *x.shape[1:]))[..., :1])
            return ones[:, :, : size[0], : size[1]]
        scores = self.score(x)
        scores = ops.reshape(scores, (-1, self.num_components, *scores.shape[1:]))
        if self.same:
            scores = ops.sum(scores, axis=(2, 3), keepdims=True)
        if self.merge_type == "softmax":
            return ops.softmax(scores, axis=1)
        if self.merge_type == "max":
            winner = ops.one_hot(ops.argmax(scores, axis=1), self.num_components, axis=1, dtype=self.compute_dtype)
            return ops.reshape(winner, (-1, *scores.shape[1:]))
        return self._leaves(scores)

    def _leaves(self, scores: Any) -> Any:
        weights = [ops.ones_like(scores[:, 0])]
        for index in range(1, self.num_components):
            below = scores[:, :index]
            highest = ops.max(below) if self.batch_maximum else ops.max(below, axis=1)
            opacity = ops.sigmoid(scores[:, index] - highest)
            weights = [weight * (1.0 - opacity) for weight in weights] + [opacity]
        return ops.stack(weights, axis=1)

    def compute_output_shape(self, input_shape: Any) -> Any:
        batch, height, width, _ = input_shape
        size = (1, 1) if self.same else (height, width)
        return (None if batch is None else batch // self.num_components, self.num_components, *size, 1)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "num_components": self.num_components,
            "merge_type": self.merge_type,
            "same": self.same,
            "batch_maximum": self.batch_maximum,
        }


def merge_components(x: Any, weights: Any) -> Any:
    """Feature maps of components merged into one by their weights (k-GAN, van Steenkiste et al. 2020).

    Args:
        x: `[batch * k, height, width, channels]`, components of one sample next to each other.
        weights: As `ComponentMerge` gives them, or any that broadcast to `[batch, k, height, width, channels]`.

    Returns:
        `[batch, height, width, channels]`, the sum over the components.

    Example:

    >>> features, weights = ops.ones((2 * 3, 8, 8, 4)), ops.ones((2, 3, 1, 1, 1)) / 3
    >>> tuple(merge_components(features, weights).shape)
    (2, 8, 8, 4)
    """
    x = ops.reshape(x, (-1, weights.shape[1], *x.shape[1:]))
    return ops.sum(x * weights, axis=1)


def merge_latents(w: Any, weights: Any) -> Any:
    """Merges `w [batch, k, layers, dim]` with the weights averaged over pixels, repeated k times."""
    mean = ops.mean(weights, axis=(2, 3))[..., None]  # [batch, k, 1, 1]
    merged = ops.sum(w * mean, axis=1, keepdims=True)
    return ops.repeat(merged, weights.shape[1], axis=1)
