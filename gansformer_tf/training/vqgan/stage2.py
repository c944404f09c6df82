"""The loss of stage 2, and which weights decay."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from gansformer_tf.models.vqgan.transformer import CodeTransformer


def cross_entropy(
    transformer: CodeTransformer, codes: tf.Tensor, labels: Any = None, training: bool = False, rng: Any = None
) -> tf.Tensor:
    """Mean cross-entropy in nats per code; what tokens are replaced by is never the target.

    Args:
        transformer: The network.
        codes: `[batch, num_tokens]`.
        labels: One-hot `[batch, label_dim]`, or None.
        training: Switches dropout and the replacement of tokens on.
        rng: `SeedStream` of both.
    """
    logits = transformer(codes, labels, training=training, rng=rng)
    return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(codes, logits))


def decaying(transformer: CodeTransformer) -> list[tf.Variable]:
    """The kernels of the dense layers, head included: what weight decay acts on in the published code."""
    layers = [layer for block in transformer.blocks for layer in block.dense_layers()]
    return [layer.kernel.value for layer in (*layers, transformer.head)]


def decay(variables: Sequence[tf.Variable], rate: float) -> None:
    """One step of weight decay, `x -= rate * x`; it goes in front of the optimizer's step (AdamW, Loshchilov 2019)."""
    for variable in variables:
        variable.assign(variable * (1.0 - rate))
