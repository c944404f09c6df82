"""Latents that talk to each other or listen to the image."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from gansformer_tf.layers.attention import BipartiteAttention
from gansformer_tf.layers.equalized import EqualizedDense

LRELU_SLOPE = 0.2


@keras.saving.register_keras_serializable("gansformer_tf")
class LatentUpdate(keras.layers.Layer):
    """Attention (optional) followed by a residual pair of dense layers.

    `x' = x + attention(x, y)`, then `lrelu(D1(D0(x')) + x)` with D0 followed by a leaky ReLU. The residual is the
    input before the attention, and the outer leaky ReLU has gain 1. Used by the mapping network in its residual
    form and by the latents inside the synthesis network (`--g-ltnt2ltnt`, `--g-img2ltnt`).

    Args:
        attend: Whether there is attention.
        lr_multiplier: Learning-rate multiplier of the dense layers.
        num_heads: Heads of the attention.
        query_gate: Gate on x, see `BipartiteAttention`.
        key_gate: Gate on y.
        dropout: Total attention dropout rate, in training only.

    Call arguments:
        x: `[batch, k, dim]`.
        y: `[batch, m, channels]`, the tokens attended to; None for self-attention.
        x_pos, y_pos, component_mask, training, rng: See `BipartiteAttention`.

    Returns:
        `[batch, k, dim]`.

    Source: the residual layers of "Attention Is All You Need" (Vaswani et al. 2017), section 3, without layer
    normalization; GANsformer, section 3.2, for the latents that attend to each other.

    Example:

    >>> tuple(LatentUpdate()(ops.ones((2, 4, 8))).shape)
    (2, 4, 8)
    """

    def __init__(
        self,
        *,
        attend: bool = True,
        lr_multiplier: float = 1.0,
        num_heads: int = 1,
        query_gate: bool = False,
        key_gate: bool = False,
        dropout: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.attend = attend
        self.lr_multiplier = lr_multiplier
        self.num_heads = num_heads
        self.query_gate = query_gate
        self.key_gate = key_gate
        self.dropout = dropout

    def build(self, x_shape: Any, y_shape: Any = None, x_pos_shape: Any = None, y_pos_shape: Any = None) -> None:
        dim = int(x_shape[-1])
        self.attention = None
        if self.attend:
            self.attention = BipartiteAttention(
                dim,
                num_heads=self.num_heads,
                query_gate=self.query_gate,
                key_gate=self.key_gate,
                dropout=self.dropout,
                name="attention",
                dtype=self.dtype_policy,
            )
            self.attention.build(x_shape, y_shape or x_shape, x_pos_shape, y_pos_shape)
        options = {"lr_multiplier": self.lr_multiplier, "dtype": self.dtype_policy}
        self.dense0 = EqualizedDense(dim, activation="lrelu", name="dense0", **options)
        self.dense1 = EqualizedDense(dim, name="dense1", **options)
        self.dense0.build(x_shape)
        self.dense1.build(x_shape)

    def call(
        self,
        x: Any,
        y: Any = None,
        x_pos: Any = None,
        y_pos: Any = None,
        component_mask: Any = None,
        training: bool = False,
        rng: Any = None,
    ) -> Any:
        attended = x
        if self.attention is not None:
            attended, _ = self.attention(
                x,
                x if y is None else y,
                x_pos=x_pos,
                y_pos=y_pos,
                component_mask=component_mask,
                training=training,
                rng=rng,
            )
        return ops.leaky_relu(self.dense1(self.dense0(attended)) + x, negative_slope=LRELU_SLOPE)

    def compute_output_shape(self, x_shape: Any, *args: Any, **kwargs: Any) -> Any:
        return tuple(x_shape)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "attend": self.attend,
            "lr_multiplier": self.lr_multiplier,
            "num_heads": self.num_heads,
            "query_gate": self.query_gate,
            "key_gate": self.key_gate,
            "dropout": self.dropout,
        }
