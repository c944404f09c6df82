"""Duplex attention of the paper: both token sets inform each other."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from gansformer_tf.layers.attention import BipartiteAttention
from gansformer_tf.layers.centroid_attention import ASSIGNMENT_EPSILON, normalize_over_tokens


@keras.saving.register_keras_serializable("gansformer_tf")
class DuplexAttention(keras.layers.Layer):
    """Latents Y collect from the image X, then X is assigned to what they collected (GANsformer, section 3.1.2).

    `K = a(Y, X)`, `Y := LayerNorm(Y + a(Y, X))`, `X := g(A(X, K, V)) * w(X) + b(A(X, K, V))` with values V from
    the new Y: attention maps depend on the image and on the latents. More than one iteration repeats the second
    step with K collected by the assignments just found, as k-means does.

    Args:
        dim: Channels of queries, keys and values over all heads in the second step; the first uses the size of Y.
        num_heads: Heads; must divide `dim` and the size of Y.
        integration: "add", "mul" or "both" (the paper's equation).
        normalization: w above, see `normalize_tokens`.
        iterations: k-means iterations.
        image_gate: Gate on X in both directions.
        latent_gate: Gate on Y in both directions.
        dropout: Total attention dropout rate, in training only.

    Call arguments:
        x: `[batch, n, channels]`.
        y: `[batch, k, latent_dim]`.
        x_pos: `[n, position_dim]` or None.
        y_pos: `[k, position_dim_y]` or None.
        component_mask: `[batch, k]`, 0 removes a component, or None.
        assignments: `[batch, heads, k, n]` of an earlier layer, a prior for the first step (`--iterative`), or None.
        training: Switches dropout on.
        rng: For dropout, see `BipartiteAttention`.

    Returns:
        (X, probabilities `[batch, heads, n, k]`, assignments `[batch, heads, k, n]`, Y).

    Example:

    >>> image, latents = ops.ones((2, 16, 6)), ops.ones((2, 3, 8))
    >>> image, probabilities, assignments, latents = DuplexAttention(6)(image, latents)
    >>> tuple(image.shape), tuple(latents.shape)
    ((2, 16, 6), (2, 3, 8))
    """

    def __init__(
        self,
        dim: int,
        *,
        num_heads: int = 1,
        integration: str = "both",
        normalization: str | None = "layer",
        iterations: int = 1,
        image_gate: bool = False,
        latent_gate: bool = False,
        dropout: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.dim = dim
        self.num_heads = num_heads
        self.integration = integration
        self.normalization = normalization
        self.iterations = iterations
        self.image_gate = image_gate
        self.latent_gate = latent_gate
        self.dropout = dropout

    def build(self, x_shape: Any, y_shape: Any, x_pos_shape: Any = None, y_pos_shape: Any = None) -> None:
        latent_dim = int(y_shape[-1])
        self.collect = CollectingAttention(
            latent_dim,
            num_heads=self.num_heads,
            query_gate=self.latent_gate,
            key_gate=self.image_gate,
            dropout=self.dropout,
            name="collect",
            dtype=self.dtype_policy,
        )
        self.collect.build(y_shape, x_shape, y_pos_shape, x_pos_shape)
        self.latent_norm = keras.layers.LayerNormalization(name="latent_norm", dtype=self.dtype_policy)
        self.latent_norm.build(y_shape)
        self.spread = SpreadingAttention(
            self.dim,
            num_heads=self.num_heads,
            integration=self.integration,
            normalization=self.normalization,
            query_gate=self.image_gate,
            key_gate=self.latent_gate,
            dropout=self.dropout,
            name="spread",
            dtype=self.dtype_policy,
        )
        self.spread.build(x_shape, y_shape, x_pos_shape, y_pos_shape)

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
    ) -> tuple[Any, Any, Any, Any]:
        collected = self.collect(
            y, x, x_pos=y_pos, y_pos=x_pos, prior=assignments, training=training, rng=rng
        )  # a(Y, X): [batch, k, latent_dim]
        latents = self.latent_norm(y + collected)
        options = {"x_pos": x_pos, "y_pos": y_pos, "component_mask": component_mask, "training": training, "rng": rng}
        for _ in range(self.iterations - 1):
            _, probabilities = self.spread(x, latents, keys=collected, **options)
            collected = self.collect.project(normalize_over_tokens(probabilities), x)
        tokens, probabilities = self.spread(x, latents, keys=collected, **options)
        return tokens, probabilities, normalize_over_tokens(probabilities), latents

    def compute_output_shape(self, x_shape: Any, y_shape: Any, *args: Any, **kwargs: Any) -> Any:
        batch, n, k = x_shape[0], x_shape[1], y_shape[1]
        return tuple(x_shape), (batch, self.num_heads, n, k), (batch, self.num_heads, k, n), tuple(y_shape)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "dim": self.dim,
            "num_heads": self.num_heads,
            "integration": self.integration,
            "normalization": self.normalization,
            "iterations": self.iterations,
            "image_gate": self.image_gate,
            "latent_gate": self.latent_gate,
            "dropout": self.dropout,
        }


@keras.saving.register_keras_serializable("gansformer_tf")
class CollectingAttention(BipartiteAttention):
    """`a(Y, X)`: what few tokens collect from many, without adding it to them.

    Call arguments:
        x: The collecting tokens `[batch, n, channels]`.
        y: The tokens collected from `[batch, m, channels_y]`.
        prior: `[batch, heads, n, m]` weights that the probabilities are multiplied by before they are normalised,
            or None.

    Returns:
        `[batch, n, channels]`.
    """

    def call(
        self,
        x: Any,
        y: Any,
        x_pos: Any = None,
        y_pos: Any = None,
        prior: Any = None,
        training: bool = False,
        rng: Any = None,
    ) -> Any:
        scores = self._scores_of_many(x, y, x_pos, y_pos)
        if prior is not None:
            scores = scores + ops.log(prior + ASSIGNMENT_EPSILON)
        probabilities = ops.softmax(scores, axis=-1)
        scale = self._probability_scale(x, y, x_pos, y_pos, training, rng)
        if scale is not None:
            probabilities = probabilities * scale
        return self._collect(probabilities, y)

    def project(self, assignments: Any, y: Any) -> Any:
        """What the tokens collect with given assignments `[batch, heads, n, m]`."""
        return self._collect(assignments, y)

    def compute_output_shape(self, x_shape: Any, y_shape: Any, *args: Any, **kwargs: Any) -> Any:
        return tuple(x_shape)


@keras.saving.register_keras_serializable("gansformer_tf")
class SpreadingAttention(BipartiteAttention):
    """`A(X, K, V)` integrated into X, with keys from one token set and values from another.

    Call arguments:
        x: `[batch, n, channels]`.
        y: Tokens that the values come from, `[batch, m, channels_y]`.
        keys: Tokens that the keys come from, the shape of `y`.

    Returns:
        (tokens `[batch, n, channels]`, probabilities `[batch, heads, n, m]`).
    """

    def call(
        self,
        x: Any,
        y: Any,
        keys: Any = None,
        x_pos: Any = None,
        y_pos: Any = None,
        component_mask: Any = None,
        training: bool = False,
        rng: Any = None,
    ) -> tuple[Any, Any]:
        weight, bias = self._folded_scores(y if keys is None else keys, x_pos, y_pos)
        scale = self._probability_scale(x, y, x_pos, y_pos, training, rng)
        return self._attend(x, y, weight, self._masked(bias, component_mask), scale)
