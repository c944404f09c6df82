"""Attention between two sets of tokens, as the published code computes it."""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import ops

from gansformer_tf.layers.attention_parts import (
    QUERY_GATE_OFFSET,
    AttentionGate,
    attention_dropout_scale,
    normalize_tokens,
    per_head,
    score_mask,
    split_heads,
    sum_of_biases,
)
from gansformer_tf.layers.checks import check_input
from gansformer_tf.layers.equalized import EqualizedDense
from gansformer_tf.ops import bipartite_attention
from gansformer_tf.ops.bipartite_attention import integrate
from gansformer_tf.ops.random import seed_generator, stream


@keras.saving.register_keras_serializable("gansformer_tf")
class BipartiteAttention(keras.layers.Layer):
    """Tokens X attend to tokens Y and are updated: simplex attention (GANsformer, section 3.1.1).

    With queries Q = X Wq + bq + P_x Wp + bp, keys K = Y Wk + bk + P_y Wp' + bp' and values V = Y Wv + bv:
    `A = softmax(Q K^T / sqrt(d))`, `c = A V Wo + bo`, and X becomes `w(X) + c` ("add"), `w(X) (1 + c)` ("mul") or
    `w(X) (1 + c_1) + c_2` ("both"), where w normalises. `CentroidAttention` and `DuplexAttention` add the
    second direction.

    Products are reassociated so that the larger token set is never multiplied by a C x C matrix: `X (Wq K^T)` and
    `A (V Wo)`, or `(Q Wk^T) Y^T` and `(A Y) Wv` when Y is the larger one.

    Args:
        dim: Size of queries, keys and values over all heads.
        num_heads: Heads; each takes a contiguous group of `dim / num_heads` channels.
        integration: "add", "mul" or "both".
        normalization: See `normalize_tokens`.
        query_gate: Gate on X (`--img-gate` when X is the image).
        key_gate: Gate on Y (`--ltnt-gate` when Y are the latents).
        dropout: Total attention dropout rate, in training only.
        score_divisions: How often the scores are divided by sqrt(d). The original divides once per k-means
            iteration also without k-means.

    Call arguments:
        x: `[batch, n, channels]`.
        y: `[batch, m, channels_y]`.
        x_pos: `[n, position_dim]` or None, as given to `build`.
        y_pos: `[m, position_dim_y]` or None.
        component_mask: `[batch, m]`, 0 removes a token of Y, or None.
        training: Switches dropout on.
        rng: `SeedStream` for dropout; None takes the next seed of the layer's own generator.

    Returns:
        (tokens `[batch, n, channels]`, probabilities `[batch, heads, n, m]`).

    Raises:
        ValueError: `num_heads` does not divide `dim`.

    Example:

    >>> image, latents = ops.ones((2, 16, 6)), ops.ones((2, 3, 8))
    >>> tokens, probabilities = BipartiteAttention(6, num_heads=2)(image, latents)
    >>> tuple(tokens.shape), tuple(probabilities.shape)
    ((2, 16, 6), (2, 2, 16, 3))
    """

    def __init__(
        self,
        dim: int,
        *,
        num_heads: int = 1,
        integration: str = "add",
        normalization: str | None = None,
        query_gate: bool = False,
        key_gate: bool = False,
        dropout: float = 0.0,
        score_divisions: int = 1,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if dim % num_heads:
            raise ValueError(f"num_heads {num_heads} does not divide the {dim} channels of the attention.")
        self.dim = dim
        self.num_heads = num_heads
        self.integration = integration
        self.normalization = normalization
        self.query_gate = query_gate
        self.key_gate = key_gate
        self.dropout = dropout
        self.score_divisions = score_divisions
        self.seed_generator = seed_generator() if dropout > 0.0 else None

    @property
    def head_dim(self) -> int:
        """Channels of queries, keys and values in one head."""
        return self.dim // self.num_heads

    def build(self, x_shape: Any, y_shape: Any, x_pos_shape: Any = None, y_pos_shape: Any = None) -> None:
        self._build_scores(x_shape, y_shape, x_pos_shape, y_pos_shape)
        self.value = self._dense(self.dim, "value", y_shape)
        channels = int(x_shape[-1])
        outputs = 2 * channels if self.integration == "both" else channels
        self.output_projection = self._dense(outputs, "output", (None, self.dim))
        self.gate_x = self.gate_y = None
        if self.query_gate:
            self.gate_x = AttentionGate(self.num_heads, QUERY_GATE_OFFSET, name="query_gate", dtype=self.dtype_policy)
            self.gate_x.build(x_shape, x_pos_shape)
        if self.key_gate:
            self.gate_y = AttentionGate(self.num_heads, name="key_gate", dtype=self.dtype_policy)
            self.gate_y.build(y_shape, y_pos_shape)

    def _build_scores(self, x_shape: Any, y_shape: Any, x_pos_shape: Any, y_pos_shape: Any) -> None:
        self.query = self._dense(self.dim, "query", x_shape)
        self.key = self._dense(self.dim, "key", y_shape)
        self.query_position = self._dense(self.dim, "query_position", x_pos_shape)
        self.key_position = self._dense(self.dim, "key_position", y_pos_shape)

    def _dense(self, units: int, name: str, input_shape: Any) -> Any:
        if input_shape is None:
            return None
        dense = EqualizedDense(units, name=name, dtype=self.dtype_policy)
        dense.build(tuple(input_shape))
        return dense

    def call(
        self,
        x: Any,
        y: Any,
        x_pos: Any = None,
        y_pos: Any = None,
        component_mask: Any = None,
        training: bool = False,
        rng: Any = None,
    ) -> tuple[Any, Any]:
        check_input(x, ("batch", "tokens", "channels"), f"the attention {self.name}", "x has")
        check_input(y, ("batch", "tokens", "channels"), f"the attention {self.name}", "y has")
        scale = self._probability_scale(x, y, x_pos, y_pos, training, rng)
        if x.shape[1] >= y.shape[1]:
            weight, bias = self._folded_scores(y, x_pos, y_pos)
            return self._attend(x, y, weight, self._masked(bias, component_mask), scale)
        scores = self._masked(self._scores_of_many(x, y, x_pos, y_pos), component_mask)
        probabilities = ops.softmax(scores, axis=-1)
        if scale is not None:
            probabilities = probabilities * scale
        target = normalize_tokens(x, self.normalization, self.integration)
        return integrate(target, self._collect(probabilities, y), self.integration), probabilities

    # -- scores ------------------------------------------------------------------------------------------------

    def _scaled(self, scores: Any) -> Any:
        return scores * (1.0 / math.sqrt(self.head_dim) ** self.score_divisions)

    def _keys(self, y: Any, y_pos: Any) -> Any:
        keys = self.key(y)
        if self.key_position is not None:
            keys = keys + ops.expand_dims(self.key_position(y_pos), 0)
        return self._heads(keys)  # [batch, heads, m, head_dim]

    def _heads(self, tokens: Any) -> Any:
        if self.num_heads == 1:
            return ops.expand_dims(tokens, 1)
        tokens = ops.reshape(tokens, (-1, tokens.shape[1], self.num_heads, self.head_dim))
        return ops.transpose(tokens, (0, 2, 1, 3))

    def _folded_scores(self, y: Any, x_pos: Any, y_pos: Any) -> tuple[Any, Any]:
        """Wq K^T `[batch, heads, channels, m]` and the part of the scores that does not depend on X."""
        keys = self._scaled(ops.transpose(self._keys(y, y_pos), (0, 1, 3, 2)))  # [batch, heads, head_dim, m]
        weight = ops.matmul(ops.expand_dims(split_heads(self.query.effective_kernel(), self.num_heads), 0), keys)
        constant = self.query.effective_bias()
        if self.query_position is not None:
            constant = sum_of_biases(constant, self.query_position.effective_bias())
        constant = ops.reshape(constant, (1, self.num_heads, 1, self.head_dim))
        bias = ops.matmul(constant, keys)  # [batch, heads, 1, m]
        if self.query_position is not None:
            kernel = split_heads(self.query_position.effective_kernel(), self.num_heads)
            folded = ops.matmul(ops.expand_dims(kernel, 0), keys)
            bias = bias + ops.matmul(ops.expand_dims(x_pos, (0, 1)), folded)  # [batch, heads, n, m]
        return weight, bias

    def _masked(self, bias: Any, component_mask: Any) -> Any:
        return bias if component_mask is None else bias + score_mask(component_mask, self.compute_dtype)

    def _probability_scale(self, x: Any, y: Any, x_pos: Any, y_pos: Any, training: bool, rng: Any) -> Any:
        factors = []
        if self.gate_y is not None:
            factors.append(self.gate_y(y, y_pos)[:, :, None, :])
        if self.gate_x is not None:
            factors.append(self.gate_x(x, x_pos)[:, :, :, None])
        if training and self.dropout > 0.0:
            shape = (ops.shape(x)[0], self.num_heads, x.shape[1], y.shape[1])
            factors.append(self._dropout_scale(shape, rng))
        scale = None
        for factor in factors:
            scale = factor if scale is None else scale * factor
        return scale

    def _dropout_scale(self, shape: tuple, rng: Any) -> Any:
        assert self.seed_generator is not None  # there is a rate
        return attention_dropout_scale(shape, self.dropout, stream(rng, self.seed_generator), self.compute_dtype)

    # -- values ------------------------------------------------------------------------------------------------

    def _attend(self, x: Any, y: Any, weight: Any, bias: Any, scale: Any) -> tuple[Any, Any]:
        """Few components: values are taken through the output projection before they are spread over X."""
        projection = ops.reshape(self.output_projection.effective_kernel(), (self.num_heads, self.head_dim, -1))
        value = per_head(self._heads(self.value(y)), projection)  # [batch, heads, m, outputs]
        target = normalize_tokens(x, self.normalization, self.integration)
        result = bipartite_attention(
            x,
            weight,
            bias,
            value,
            output_bias=self.output_projection.effective_bias(),
            probability_scale=scale,
            integration=self.integration,
            target=target,
        )
        return result.output, result.probabilities

    def _scores_of_many(self, x: Any, y: Any, x_pos: Any, y_pos: Any) -> Any:
        """Scores `[batch, heads, n, m]` for few queries and many keys: the key projection moves to the queries."""
        queries = self.query(x)
        if self.query_position is not None:
            queries = queries + ops.expand_dims(self.query_position(x_pos), 0)
        queries = self._scaled(self._heads(queries))  # [batch, heads, n, head_dim]
        key_kernel = ops.transpose(split_heads(self.key.effective_kernel(), self.num_heads), (0, 2, 1))
        folded = per_head(queries, key_kernel)  # [batch, heads, n, channels_y]
        scores = ops.matmul(folded, ops.expand_dims(ops.transpose(y, (0, 2, 1)), 1))
        constant = self.key.effective_bias()
        if self.key_position is not None:
            constant = sum_of_biases(constant, self.key_position.effective_bias())
            position_kernel = split_heads(self.key_position.effective_kernel(), self.num_heads)
            folded = per_head(queries, ops.transpose(position_kernel, (0, 2, 1)))
            scores = scores + ops.matmul(folded, ops.transpose(y_pos))
        return scores + per_head(queries, ops.reshape(constant, (self.num_heads, self.head_dim, 1)))

    def _collect(self, probabilities: Any, y: Any) -> Any:
        """`(A Y Wv + sum(A) bv) Wo + bo`: the weighted values without projecting every token of Y."""
        gathered = ops.matmul(probabilities, ops.expand_dims(y, 1))  # [batch, heads, n, channels_y]
        values = per_head(gathered, split_heads(self.value.effective_kernel(), self.num_heads))
        bias = ops.reshape(self.value.effective_bias(), (1, self.num_heads, 1, self.head_dim))
        values = values + ops.sum(probabilities, axis=-1, keepdims=True) * bias
        values = ops.reshape(ops.transpose(values, (0, 2, 1, 3)), (-1, probabilities.shape[2], self.dim))
        return self.output_projection(values)

    def compute_output_shape(self, x_shape: Any, y_shape: Any, *args: Any, **kwargs: Any) -> Any:
        return tuple(x_shape), (x_shape[0], self.num_heads, x_shape[1], y_shape[1])

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "dim": self.dim,
            "num_heads": self.num_heads,
            "integration": self.integration,
            "normalization": self.normalization,
            "query_gate": self.query_gate,
            "key_gate": self.key_gate,
            "dropout": self.dropout,
            "score_divisions": self.score_divisions,
        }
