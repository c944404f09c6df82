"""Duplex attention of the published code: image positions are assigned to centroids."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from gansformer_tf.layers.attention import BipartiteAttention
from gansformer_tf.layers.attention_parts import head_scores, per_head, split_heads

ASSIGNMENT_EPSILON = 1e-8


@keras.saving.register_keras_serializable("gansformer_tf")
class CentroidAttention(BipartiteAttention):
    """Duplex attention of the published code: X is assigned to centroids instead of to keys made from Y.

    Elements E = [X Wq + bq, P_x Wp + bp] (content and position side by side, `2 dim` channels, then split into
    heads) are compared with centroids M: `A = softmax((E * s_i) M^T / sqrt(d))`. M starts as a learned constant;
    each further iteration sets `M = normalize_over_tokens(A)^T E` (k-means). With `iterative`, M starts from the
    assignments that the previous attention layer ended with.

    So in the default, non-iterative form the attention map does not depend on Y at all: Y acts through the values
    only. This is what the published snapshots were trained with; `DuplexAttention` is the form of the paper.

    Args:
        num_centroids: k, the tokens of Y.
        iterations: k-means iterations.
        iterative: Start from carried assignments; `first` marks the first such layer, which has none to start
            from and pools queries instead.

    Call arguments:
        As `BipartiteAttention`, and `assignments`: `[batch, heads, k, n]` with `iterative`.

    Returns:
        (tokens, probabilities `[batch, heads, n, k]`, assignments `[batch, heads, k, n]`).

    Source: the published code of GANsformer, which section 3.1.2 describes in another form.

    Example:

    >>> image, latents = ops.ones((2, 16, 6)), ops.ones((2, 3, 8))
    >>> tokens, probabilities, assignments = CentroidAttention(6, num_centroids=3)(image, latents)
    >>> tuple(probabilities.shape), tuple(assignments.shape)
    ((2, 1, 16, 3), (2, 1, 3, 16))
    """

    def __init__(
        self,
        dim: int,
        *,
        num_centroids: int,
        iterations: int = 1,
        iterative: bool = False,
        first: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(dim, **kwargs)
        self.num_centroids = num_centroids
        self.iterations = iterations
        self.iterative = iterative
        self.first = first

    def _build_scores(self, x_shape: Any, y_shape: Any, x_pos_shape: Any, y_pos_shape: Any) -> None:
        self.query = self._dense(self.dim, "query", x_shape)
        self.query_position = self._dense(self.dim, "query_position", x_pos_shape)
        size = 2 * self.head_dim
        self.centroids: Any = None
        self.centroid_query: Any = None
        if not self.iterative:
            self.centroids = self.add_weight(
                shape=(1, self.num_heads, self.num_centroids, size),
                initializer=keras.initializers.RandomNormal(stddev=1.0),
                name="centroids",
            )
        elif self.first:
            self.centroid_query = self._dense(2 * self.dim, "centroid_query", (None, self.dim))
        self.element_scales = [
            self.add_weight(shape=(self.num_heads, 1, size), initializer="ones", name=f"element_scale_{i}")
            for i in range(self.iterations)
        ]

    def call(
        self,
        x: Any,
        y: Any,
        x_pos: Any = None,
        y_pos: Any = None,
        component_mask: Any = None,
        assignments: Any = None,
        training: bool = False,
        rng: Any = None,
    ) -> tuple[Any, Any, Any]:
        kernels = self._element_kernels()
        centroids = self._initial_centroids(x, x_pos, assignments, kernels)
        for i in range(self.iterations - 1):
            weight, bias = self._centroid_scores(x, x_pos, centroids, self.element_scales[i], kernels)
            scores = head_scores(x, weight) + self._masked(bias, component_mask)
            probabilities = ops.softmax(scores, axis=-1)
            if training and self.dropout > 0.0:
                shape = ops.shape(probabilities)
                probabilities = probabilities * self._dropout_scale(shape, rng)
            centroids = self._gather(normalize_over_tokens(probabilities), x, x_pos, kernels)
        weight, bias = self._centroid_scores(x, x_pos, centroids, self.element_scales[-1], kernels)
        scale = self._probability_scale(x, y, x_pos, y_pos, training, rng)
        tokens, probabilities = self._attend(x, y, weight, self._masked(bias, component_mask), scale)
        return tokens, probabilities, normalize_over_tokens(probabilities)

    def _element_kernels(self) -> tuple[Any, Any, Any]:
        """Maps from X, P_x and 1 to the elements, each `[heads, inputs, 2 head_dim]`."""
        kernel = self.query.effective_kernel()
        bias = self.query.effective_bias()
        dim = kernel.shape[-1]
        content = split_heads(ops.pad(kernel, ((0, 0), (0, dim))), self.num_heads)
        if self.query_position is None:
            constant = ops.pad(bias, ((0, dim),))
            return content, None, split_heads(ops.expand_dims(constant, 0), self.num_heads)
        kernel = self.query_position.effective_kernel()
        position = split_heads(ops.pad(kernel, ((0, 0), (dim, 0))), self.num_heads)
        constant = ops.concatenate([bias, self.query_position.effective_bias()])
        return content, position, split_heads(ops.expand_dims(constant, 0), self.num_heads)

    def _initial_centroids(self, x: Any, x_pos: Any, assignments: Any, kernels: tuple) -> Any:
        if self.centroids is not None:
            return ops.convert_to_tensor(self.centroids)
        if assignments is not None:
            return self._gather(assignments, x, x_pos, kernels)
        return self._pooled_queries(x, x_pos)

    def _pooled_queries(self, x: Any, x_pos: Any) -> Any:
        """Centroids from the queries: token j goes to centroid `j k // n` (the original needs n == k)."""
        n, k = x.shape[1], self.num_centroids
        queries = self.query(x)
        if self.query_position is not None:
            queries = queries + ops.expand_dims(self.query_position(x_pos), 0)
        if n >= k:
            owner = [j * k // n for j in range(n)]
        else:  # fewer tokens than centroids: some tokens start several centroids
            queries = ops.take(queries, [i * n // k for i in range(k)], axis=1)
            owner = list(range(k))
        pool = ops.transpose(ops.one_hot(owner, k, dtype=self.compute_dtype))  # [k, n]
        pool = pool / ops.sum(pool, axis=-1, keepdims=True)
        centroids = self.centroid_query(ops.matmul(pool[None], queries))  # [batch, k, 2 dim]
        centroids = ops.reshape(centroids, (-1, k, self.num_heads, 2 * self.head_dim))
        return ops.transpose(centroids, (0, 2, 1, 3))

    def _gather(self, assignments: Any, x: Any, x_pos: Any, kernels: tuple) -> Any:
        """`assignments @ E`, `[batch, heads, k, 2 head_dim]`, without building E."""
        content, position, constant = kernels
        centroids = per_head(ops.matmul(assignments, ops.expand_dims(x, 1)), content)
        if position is not None:
            centroids = centroids + per_head(ops.matmul(assignments, x_pos), position)
        return centroids + ops.sum(assignments, axis=-1, keepdims=True) * ops.expand_dims(constant, 0)

    def _centroid_scores(self, x: Any, x_pos: Any, centroids: Any, scale: Any, kernels: tuple) -> tuple[Any, Any]:
        content, position, constant = kernels
        target = self._scaled(ops.transpose(centroids * scale, (0, 1, 3, 2)))  # [1 or batch, heads, 2 head_dim, k]
        bias = ops.matmul(ops.expand_dims(constant, 0), target)
        if position is not None:
            folded = ops.matmul(ops.expand_dims(position, 0), target)
            bias = bias + ops.matmul(ops.expand_dims(x_pos, (0, 1)), folded)
        return ops.matmul(ops.expand_dims(content, 0), target), bias

    def compute_output_shape(self, x_shape: Any, y_shape: Any, *args: Any, **kwargs: Any) -> Any:
        batch, n = x_shape[0], x_shape[1]
        heads, k = self.num_heads, self.num_centroids
        return tuple(x_shape), (batch, heads, n, k), (batch, heads, k, n)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "num_centroids": self.num_centroids,
            "iterations": self.iterations,
            "iterative": self.iterative,
            "first": self.first,
        }


def normalize_over_tokens(probabilities: Any) -> Any:
    """Probabilities normalised over the tokens, `[batch, heads, k, n]`."""
    total = ops.sum(probabilities, axis=2, keepdims=True) + ASSIGNMENT_EPSILON
    return ops.transpose(probabilities / total, (0, 1, 3, 2))
