"""Pieces that the attention layers share: normalization, gates, dropout, masks."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from gansformer_tf.layers.equalized import EqualizedDense
from gansformer_tf.ops import normalize_channels

NORMALIZATION_EPSILON = 1e-8
MASKED_SCORE = -10000.0
# The gate of the attending side starts half open in the direction of 1 (the original's constant).
QUERY_GATE_OFFSET = 1.0


def normalize_tokens(x: Any, normalization: str | None, integration: str) -> Any:
    """Normalises tokens before the control signal is integrated; no learned parameters.

    "add" needs tokens of mean 0, "mul" tokens of root mean square 1, "both" both (mean first), since the control
    then sets the bias, the gain or both, as AdaIN does with mean and variance.

    Args:
        x: `[batch, tokens, channels]`.
        normalization: None, "layer" (over channels), "instance" (over tokens) or "batch" (which behaves like
            "layer" in the original, and here).
        integration: "add", "mul" or "both".

    Returns:
        The shape of `x`.
    """
    if normalization is None:
        return x
    center, scale = integration in ("add", "both"), integration in ("mul", "both")
    dtype = x.dtype
    x = ops.cast(x, "float32")
    if normalization == "instance":
        if center:
            x = x - ops.mean(x, axis=1, keepdims=True)
        if scale:
            x = x * ops.rsqrt(ops.mean(ops.square(x), axis=1, keepdims=True) + NORMALIZATION_EPSILON)
    else:
        x = normalize_channels(x, center, scale, NORMALIZATION_EPSILON)
    return ops.cast(x, dtype)


def split_heads(weight: Any, num_heads: int) -> Any:
    """`[inputs, dim]` as `[heads, inputs, dim / heads]`: heads are contiguous groups of channels."""
    inputs, dim = weight.shape
    if num_heads == 1:  # as below: fewer operations to trace, hold and run
        return ops.expand_dims(weight, 0)
    return ops.transpose(ops.reshape(weight, (inputs, num_heads, dim // num_heads)), (1, 0, 2))


def per_head(tokens: Any, weight: Any) -> Any:
    """`[batch, heads, n, inputs]` times a weight `[heads, inputs, outputs]` of each head.

    With one head this must not be a batched product that broadcasts the weight: TensorFlow 2.21's CPU kernel writes
    outside its output for shapes `[b, 1, n, c] @ [1, 1, c, d]`.
    """
    if weight.shape[0] == 1:
        return ops.expand_dims(ops.matmul(ops.squeeze(tokens, 1), ops.squeeze(weight, 0)), 1)
    return ops.matmul(tokens, ops.expand_dims(weight, 0))


def sum_of_biases(first: Any, second: Any) -> Any:
    """`first + second`, where both may be variables.

    Of a plain sum both have the same gradient, and TensorFlow 2.21 never lets go of a tensor (and with it the whole
    graph of a function) that `GradientTape.gradient` returns twice. Taking the negative away is as exact.
    """
    return first - (-second)


def head_scores(tokens: Any, weight: Any) -> Any:
    """`[batch, n, channels]` times `[1 or batch, heads, channels, k]`, as `[batch, heads, n, k]`."""
    if weight.shape[0] != 1:
        return ops.matmul(ops.expand_dims(tokens, 1), weight)
    _, heads, channels, k = weight.shape
    if heads == 1:
        return ops.expand_dims(ops.matmul(tokens, ops.squeeze(weight, (0, 1))), 1)
    flat = ops.reshape(ops.transpose(weight[0], (1, 0, 2)), (channels, heads * k))
    scores = ops.reshape(ops.matmul(tokens, flat), (-1, tokens.shape[1], heads, k))
    return ops.transpose(scores, (0, 2, 1, 3))


def score_mask(component_mask: Any, dtype: str) -> Any:
    """Additive term that removes components: `component_mask` is `[batch, k]`, 1 keeps a component and 0 drops it."""
    return (1.0 - ops.cast(component_mask, dtype))[:, None, None, :] * MASKED_SCORE  # [batch, 1, 1, k]


def attention_dropout_scale(shape: tuple, rate: float, rng: Any, dtype: str) -> Any:
    """Factors of the original's two dropouts in a row: single probabilities, then whole key columns.

    Args:
        shape: (batch, heads, queries, keys).
        rate: Total rate p; each of the two drops with p / 2.
        rng: Seed stream.

    Returns:
        `[batch, heads, queries, keys]`.
    """
    keep = 1.0 - rate / 2.0
    batch, heads, _, keys = shape

    def keep_mask(mask_shape: tuple) -> Any:
        return ops.cast(rng.uniform(mask_shape) < keep, dtype) / keep

    return keep_mask(shape) * keep_mask((batch, heads, 1, keys))


@keras.saving.register_keras_serializable("gansformer_tf")
class AttentionGate(keras.layers.Layer):
    """Gate per token and head: `sigmoid(dense(token) + dense(position) + offset)`.

    Call arguments:
        tokens: `[batch, tokens, channels]`.
        positions: `[tokens, position_dim]` or None.

    Returns:
        `[batch, heads, tokens]`.

    Source: the published code of GANsformer (`--ltnt-gate`, `--img-gate`); the paper does not mention gates.
    """

    def __init__(self, num_heads: int, offset: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.num_heads = num_heads
        self.offset = offset

    def build(self, tokens_shape: Any, positions_shape: Any = None) -> None:
        self.content = EqualizedDense(self.num_heads, name="content", dtype=self.dtype_policy)
        self.content.build(tokens_shape)
        self.position = None
        if positions_shape is not None:
            self.position = EqualizedDense(self.num_heads, name="position", dtype=self.dtype_policy)
            self.position.build(positions_shape)

    def call(self, tokens: Any, positions: Any = None) -> Any:
        logits = self.content(tokens)
        if self.position is not None:
            logits = logits + self.position(positions)[None]
        return ops.transpose(ops.sigmoid(logits + self.offset), (0, 2, 1))

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"num_heads": self.num_heads, "offset": self.offset}
