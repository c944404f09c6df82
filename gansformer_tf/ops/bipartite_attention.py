"""Attention between many image tokens and few latent components, after exact reassociation.

With queries X Wq + bq, keys K, values V and an output projection Wo, the products of the textbook form
(X Wq) K^T and (A V) Wo cost n C^2 each for n tokens of C channels. X (Wq K^T) and A (V Wo) are the same numbers
and cost n k C for k components; the small factors Wq K^T and V Wo are built once per image by the caller.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import keras

from gansformer_tf.ops._integrations import INTEGRATIONS
from gansformer_tf.ops._library import native_ops

CENTROID_EPSILON = 1e-8


class AttentionResult(NamedTuple):
    """Result of `bipartite_attention`."""

    output: Any
    probabilities: Any


class Centroids(NamedTuple):
    """Result of `attention_centroids`."""

    centroids: Any
    mass: Any


def bipartite_attention(
    x: Any,
    score_weight: Any,
    score_bias: Any,
    value: Any,
    output_bias: Any = None,
    probability_scale: Any = None,
    integration: str | None = None,
    target: Any = None,
) -> AttentionResult:
    """Softmax over components for every token, then the weighted values, optionally integrated into the tokens.

    scores = x @ score_weight + score_bias; probabilities = softmax over components, times `probability_scale`;
    control = sum over heads of probabilities @ value, + output_bias.

    Args:
        x: tokens [batch, n, channels] that the scores are computed from.
        score_weight: Wq K^T / sqrt(head size), [batch or 1, heads, channels, k].
        score_bias: [batch or 1, heads, n or 1, k] (bias and position terms), or None.
        value: V Wo per head, [batch or 1, heads, k, channels_out].
        output_bias: [channels_out] or None.
        probability_scale: factor on the probabilities after the softmax (gates, dropout masks),
            [batch or 1, heads or 1, n or 1, k or 1], or None. The result is not renormalised.
        integration: None returns the control; "add": target + control; "mul": target * (1 + control);
            "both": target * (1 + first half) + second half, with channels_out twice the channels of `target`.
        target: tokens to integrate into (the normalised x), [batch, n, channels]; None takes `x`.

    Returns:
        (output, probabilities): output [batch, n, channels_out] (or the shape of `target` when integrated) and
        probabilities [batch, heads, n, k], scale included.

    Raises:
        ValueError: if shapes do not fit each other, or for an unknown integration.
    """
    x = keras.ops.convert_to_tensor(x)
    check_attention(x, score_weight, score_bias, value, output_bias, probability_scale, integration, target)
    if native_ops(x) is not None:
        from gansformer_tf.ops import _native

        return AttentionResult(
            *_native.bipartite_attention(
                x, score_weight, score_bias, value, output_bias, probability_scale, integration, target
            )
        )
    heads, k = score_weight.shape[1], score_weight.shape[3]
    n = x.shape[1]
    scores = _scores(x, score_weight)  # [batch, n, heads, k]
    if score_bias is not None:
        scores = scores + keras.ops.transpose(score_bias, (0, 2, 1, 3))
    probabilities = keras.ops.softmax(scores, axis=-1)
    if probability_scale is not None:
        probabilities = probabilities * keras.ops.transpose(probability_scale, (0, 2, 1, 3))
    flat = keras.ops.reshape(probabilities, (-1, n, heads * k))
    control = keras.ops.matmul(flat, keras.ops.reshape(value, (-1, heads * k, value.shape[3])))
    if output_bias is not None:
        control = control + output_bias
    output = integrate(x if target is None else target, control, integration)
    if heads == 1:  # moving an axis of size 1 needs no copy
        return AttentionResult(output, keras.ops.reshape(probabilities, (-1, 1, n, k)))
    return AttentionResult(output, keras.ops.transpose(probabilities, (0, 2, 1, 3)))


def integrate(target: Any, control: Any, integration: str | None) -> Any:
    """Puts the attention's control signal into the tokens; see `bipartite_attention`."""
    if integration is None:
        return control
    if integration == "add":
        return target + control
    if integration == "mul":
        return target * (control + 1.0)
    gain, bias = keras.ops.split(control, 2, axis=-1)
    return target * (gain + 1.0) + bias


def attention_centroids(x: Any, probabilities: Any, epsilon: float = CENTROID_EPSILON) -> Centroids:
    """The transposed step of duplex attention: components gather the tokens that attend to them.

    assignments = probabilities / (sum over tokens + epsilon); centroids = assignments^T @ x.

    Args:
        x: tokens [batch, n, channels].
        probabilities: [batch, heads, n, k].
        epsilon: added to the sum over tokens.

    Returns:
        (centroids [batch, heads, k, channels], mass [batch, heads, k]): mass is the sum of the assignments over
        tokens, 1 up to epsilon; a bias b that the elements carry (x W + b) enters the centroids as mass * b.

    Raises:
        ValueError: if batch or tokens differ.
    """
    if len(x.shape) != 3 or len(probabilities.shape) != 4 or x.shape[1] != probabilities.shape[2]:
        raise ValueError(
            f"x has shape {tuple(x.shape)} and probabilities {tuple(probabilities.shape)}; they must be "
            "[batch, n, channels] and [batch, heads, n, k]."
        )
    if native_ops(x) is not None:
        from gansformer_tf.ops import _native

        centroids, total = _native.attention_centroids(x, probabilities, epsilon)
        return Centroids(centroids, total / (total + epsilon))
    _, heads, n, k = probabilities.shape
    total = keras.ops.sum(probabilities, axis=2)  # [batch, heads, k]
    columns = keras.ops.reshape(keras.ops.transpose(probabilities, (0, 2, 1, 3)), (-1, n, heads * k))
    gathered = keras.ops.matmul(keras.ops.transpose(columns, (0, 2, 1)), x)  # [batch, heads * k, channels]
    gathered = keras.ops.reshape(gathered, (-1, heads, k, x.shape[2]))
    return Centroids(gathered / (total[..., None] + epsilon), total / (total + epsilon))


def _scores(x: Any, score_weight: Any) -> Any:
    """x [batch, n, channels] times score_weight, as [batch, n, heads, k]."""
    rows, heads, channels, k = score_weight.shape
    n = x.shape[1]
    if rows == 1:  # shared by the batch: one product
        weight = keras.ops.reshape(keras.ops.transpose(score_weight[0], (1, 0, 2)), (channels, heads * k))
    else:
        weight = keras.ops.reshape(keras.ops.transpose(score_weight, (0, 2, 1, 3)), (-1, channels, heads * k))
    return keras.ops.reshape(keras.ops.matmul(x, weight), (-1, n, heads, k))


def check_attention(
    x: Any,
    score_weight: Any,
    score_bias: Any,
    value: Any,
    output_bias: Any,
    probability_scale: Any,
    integration: str | None,
    target: Any,
) -> None:
    """Raises ValueError unless the arguments of `bipartite_attention` fit each other."""
    if integration not in INTEGRATIONS:
        raise ValueError(f"integration is {integration!r}; it must be None, 'add', 'mul' or 'both'.")
    for name, array, rank in (("x", x, 3), ("score_weight", score_weight, 4), ("value", value, 4)):
        if len(array.shape) != rank:
            raise ValueError(f"{name} has shape {tuple(array.shape)}; it must have {rank} dimensions.")
    batch, n, channels = x.shape
    if n is None or channels is None:
        raise ValueError(f"x has shape {tuple(x.shape)}; the number of tokens and channels must be known.")
    _, heads, _, k = score_weight.shape
    if heads < 1 or k < 1:
        raise ValueError(
            f"score_weight has shape {tuple(score_weight.shape)}; it needs at least one head and component."
        )
    _check_fit("score_weight", score_weight, (batch, heads, channels, k), (True, False, False, False))
    _check_fit("value", value, (batch, heads, k, value.shape[3]), (True, False, False, False))
    if score_bias is not None:
        _check_fit("score_bias", score_bias, (batch, heads, n, k), (True, False, True, False))
    if probability_scale is not None:
        _check_fit("probability_scale", probability_scale, (batch, heads, n, k), (True,) * 4)
    channels_out = value.shape[3]
    if output_bias is not None:
        _check_fit("output_bias", output_bias, (channels_out,), (False,))
    if integration is not None:
        tokens = x if target is None else target
        width = channels_out // 2 if integration == "both" else channels_out
        if integration == "both" and channels_out % 2:
            raise ValueError(f"value has {channels_out} output channels; integration 'both' needs an even number.")
        _check_fit("x" if target is None else "target", tokens, (batch, n, width), (False,) * 3)


def _check_fit(name: str, array: Any, expected: tuple, broadcast: tuple) -> None:
    shape = tuple(array.shape)
    fits = len(shape) == len(expected) and all(
        size is None or want is None or size == want or (free and size == 1)
        for size, want, free in zip(shape, expected, broadcast, strict=False)
    )
    if not fits:
        wanted = ", ".join(
            f"{want} or 1" if free and want != 1 else str(want) for want, free in zip(expected, broadcast, strict=True)
        )
        raise ValueError(f"{name} has shape {shape}; it must be [{wanted}].")
