"""The native ops as functions, with their gradients.

The derivative of every op is made of the same ops (or of standard ones), so gradients of gradients follow.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from gansformer_tf.ops._integrations import INTEGRATIONS
from gansformer_tf.ops._library import MAX_CUDA_TAPS, gpu_visible, load
from gansformer_tf.ops.filters import split_kernel

# In the order of gf_activation in the C header.
ACTIVATIONS = ("linear", "relu", "lrelu", "tanh", "sigmoid", "elu", "selu", "softplus", "swish")
# Activations that are linear on either side of zero: their second derivative is 0.
_PIECEWISE_LINEAR = ("linear", "relu", "lrelu")


def _taps(taps: np.ndarray, gain: float) -> tuple[list[float], list[int], bool]:
    """(values, counts, separable) of correlation taps, with the gain folded in."""
    factors = split_kernel(taps)
    if factors is None:
        return (taps * gain).ravel().tolist(), list(taps.shape), False
    vertical, horizontal = factors
    return [*vertical.tolist(), *(horizontal * gain).tolist()], [len(vertical), len(horizontal)], True


def fits(*kernels: np.ndarray) -> bool:
    """Whether the kernels on every visible device take filters of this size."""
    return not gpu_visible() or all(len(_taps(kernel, 1.0)[0]) <= MAX_CUDA_TAPS for kernel in kernels)


def upfirdn2d(x: Any, taps: np.ndarray, up: Any, down: Any, padding: Any, gain: float) -> Any:
    """See `gansformer_tf.ops.upfirdn2d.composite_upfirdn2d`."""
    values, counts, separable = _taps(taps, gain)
    return load().module.gansformer_upfirdn2d(
        x=x, up=up, down=down, padding=padding, taps=counts, separable=separable, kernel=values
    )


def _reversed_taps(op: Any, prefix: str = "") -> tuple[list[float], list[int], bool]:
    values, counts = list(op.get_attr(f"{prefix}kernel")), list(op.get_attr(f"{prefix}taps"))
    if op.get_attr(f"{prefix}separable"):
        return [*values[: counts[0]][::-1], *values[counts[0] :][::-1]], counts, True
    return values[::-1], counts, False


@tf.RegisterGradient("GansformerUpfirdn2d")
def _upfirdn2d_gradient(op: Any, gradient: Any) -> Any:
    values, counts, separable = _reversed_taps(op)
    up, down, padding = (list(op.get_attr(name)) for name in ("up", "down", "padding"))
    before = (padding[2], padding[0])
    _, *sizes, _ = op.inputs[0].shape
    _, *out_sizes, _ = op.outputs[0].shape
    sides = []
    for axis in (0, 1):
        first = counts[axis] - 1 - before[axis]
        last = (sizes[axis] - 1) * up[axis] + counts[axis] - first - out_sizes[axis] * down[axis]
        sides.append((first, last))
    (top, bottom), (left, right) = sides
    return load().module.gansformer_upfirdn2d(
        x=gradient,
        up=down,
        down=up,
        padding=[left, right, top, bottom],
        taps=counts,
        separable=separable,
        kernel=values,
    )


def bias_act(x: Any, bias: Any, activation: str, alpha: float, gain: float, clamp: float | None) -> Any:
    """See `gansformer_tf.ops.bias_act.bias_act`; alpha and gain are resolved."""
    bias = tf.zeros([x.shape[-1]], x.dtype) if bias is None else tf.cast(bias, x.dtype)
    return load().module.gansformer_bias_act(
        x=x,
        bias=bias,
        factors=[],
        activation=ACTIVATIONS.index(activation),
        alpha=alpha,
        gain=gain,
        clamp=-1.0 if clamp is None else clamp,
    )


def _bias_gradient(gradient: Any) -> Any:
    # TensorFlow's own op for this is several times faster than a sum over axes; it needs a batch.
    return tf.raw_ops.BiasAddGrad(out_backprop=gradient) if len(gradient.shape) > 1 else gradient


@tf.RegisterGradient("GansformerBiasAct")
def _bias_act_gradient(op: Any, gradient: Any) -> Any:
    x, bias, *factors = op.inputs
    numbers = {name: op.get_attr(name) for name in ("activation", "alpha", "gain", "clamp")}
    if not factors and _shows_slope(**numbers):
        # The result has the input's sign, so the input need not be kept and the result can take its memory.
        x, bias = op.outputs[0], tf.zeros_like(bias)

    def derivative(*factors: Any) -> Any:
        return load().module.gansformer_bias_act(x=x, bias=bias, factors=list(factors), **numbers)

    if len(factors) == 2:
        raise NotImplementedError("bias_act has no third derivative; set GANSFORMER_TF_OPS=composite.")
    if factors and ACTIVATIONS[numbers["activation"]] in _PIECEWISE_LINEAR:  # the second derivative is 0
        return None, None, derivative(gradient)
    dx = derivative(*factors, gradient)
    dbias = _bias_gradient(dx)
    return (dx, dbias, derivative(gradient)) if factors else (dx, dbias)


def _shows_slope(activation: int, alpha: float, gain: float, clamp: float) -> bool:
    """Whether the result alone tells the slope: by its sign."""
    return ACTIVATIONS[activation] in _PIECEWISE_LINEAR and alpha >= 0 and gain > 0 and clamp < 0


def _rematerialized(tensor: Any, upstream: Any) -> Any:
    """What a gradient takes in place of a tensor of the forward pass: the tensor made again, or the tensor itself.

    Scaled and normalised features cost one pass, and what they are made of is kept for other gradients anyway.

    Args:
        tensor: Input of the op whose gradient is asked for.
        upstream: The gradient of the op's output; the work waits for it. Without that wait TensorFlow would find the
            same computation twice and keep the first.
    """
    if not tf.is_symbolic_tensor(tensor):  # outside a graph nobody knows what a tensor was made of
        return tensor
    made = tensor.op
    with tf.control_dependencies([upstream]):
        if made.type == "GansformerScaleChannels":
            return scale_channels(*made.inputs)
        if made.type == "GansformerTokenNorm" and len(made.inputs) == 1:
            return token_norm(*made.inputs, *(made.get_attr(name) for name in ("center", "scale", "epsilon")))
    return tensor


def token_norm(x: Any, center: bool, scale: bool, epsilon: float) -> Any:
    """See `gansformer_tf.ops.normalize_channels`."""
    return load().module.gansformer_token_norm(x=x, factors=[], center=center, scale=scale, epsilon=epsilon)


@tf.RegisterGradient("GansformerTokenNorm")
def _token_norm_gradient(op: Any, gradient: Any) -> Any:
    x, *factors = op.inputs
    numbers = {name: op.get_attr(name) for name in ("center", "scale", "epsilon")}
    if not factors:
        return load().module.gansformer_token_norm(x=x, factors=[gradient], **numbers)
    # Of second order: through standard operations that compute the same as the op.
    inputs = [tf.identity(x), tf.identity(factors[0])]
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        found = _token_norm_vjp(*inputs, **numbers)
    return tape.gradient(found, inputs, output_gradients=gradient, unconnected_gradients=tf.UnconnectedGradients.ZERO)


def _token_norm_vjp(x: Any, factor: Any, center: bool, scale: bool, epsilon: float) -> Any:
    if center:
        x -= tf.reduce_mean(x, axis=-1, keepdims=True)
        factor -= tf.reduce_mean(factor, axis=-1, keepdims=True)
    if not scale:
        return factor
    inverse = tf.math.rsqrt(tf.reduce_mean(tf.square(x), axis=-1, keepdims=True) + epsilon)
    along = tf.reduce_mean(x * factor, axis=-1, keepdims=True)
    return inverse * factor - x * inverse**3 * along


def scale_channels(x: Any, scales: Any, nonzero: bool = False) -> Any:
    """See `gansformer_tf.ops.scale_channels`."""
    return load().module.gansformer_scale_channels(x=x, scales=scales, nonzero=nonzero)


@tf.RegisterGradient("GansformerScaleChannels")
def _scale_channels_gradient(op: Any, gradient: Any) -> Any:
    x, scales = op.inputs
    if op.get_attr("nonzero"):
        # sum(x g) = sum(x s g) / s: the result, which its readers keep, spares the input.
        d_scales = load().module.gansformer_channel_dot(x=op.outputs[0], y=gradient) / scales
    else:
        d_scales = load().module.gansformer_channel_dot(x=x, y=gradient)
    return scale_channels(gradient, scales), d_scales


@tf.RegisterGradient("GansformerChannelDot")
def _channel_dot_gradient(op: Any, gradient: Any) -> Any:
    x, y = op.inputs
    return scale_channels(y, gradient), scale_channels(x, gradient)


def conv2d(x: Any, w: Any, transposed: bool = False) -> Any:
    """3x3 convolution with zeros around, or its transpose in x; see `gansformer_tf.ops.conv2d`."""
    return load().module.gansformer_conv2d(x=x, w=w, transposed=transposed)


@tf.RegisterGradient("GansformerConv2d")
def _conv2d_gradient(op: Any, gradient: Any) -> Any:
    x, w = op.inputs
    transposed = op.get_attr("transposed")
    x = _rematerialized(x, gradient)
    sides = (gradient, x) if transposed else (x, gradient)
    return conv2d(gradient, w, not transposed), load().module.gansformer_conv2d_filter(x=sides[0], dy=sides[1])


@tf.RegisterGradient("GansformerConv2dFilter")
def _conv2d_filter_gradient(op: Any, gradient: Any) -> Any:
    x, dy = op.inputs
    return conv2d(dy, gradient, True), conv2d(x, gradient)


def filtered_lrelu(
    x: Any,
    bias: Any,
    up_taps: np.ndarray,
    down_taps: np.ndarray,
    up: tuple[int, int],
    down: tuple[int, int],
    padding: tuple[int, int, int, int],
    gain: float,
    slope: float,
    clamp: float | None,
) -> Any:
    """See `gansformer_tf.ops.filtered_lrelu`; taps are applied as a correlation."""
    up_values, up_counts, up_separable = _taps(up_taps, float(up[0] * up[1]))
    down_values, down_counts, down_separable = _taps(down_taps, 1.0)
    return load().module.gansformer_filtered_lrelu(
        x=x,
        bias=tf.zeros([x.shape[-1]], x.dtype) if bias is None else tf.cast(bias, x.dtype),
        other=[],
        mode=0,
        up=up,
        padding=padding,
        up_taps=up_counts,
        up_separable=up_separable,
        up_kernel=up_values,
        down=down,
        down_taps=down_counts,
        down_separable=down_separable,
        down_kernel=down_values,
        slope=slope,
        gain=gain,
        clamp=-1.0 if clamp is None else clamp,
    )


_FILTERED_LRELU_ATTRIBUTES = (
    *("up", "padding", "up_taps", "up_separable", "up_kernel", "down", "down_taps", "down_separable", "down_kernel"),
    *("slope", "gain", "clamp"),
)


@tf.RegisterGradient("GansformerFilteredLrelu")
def _filtered_lrelu_gradient(op: Any, gradient: Any) -> Any:
    # Mode 1 is the linear map that the op is near x, mode 2 its transpose; both are constant in x but for jumps.
    x, bias = op.inputs[:2]
    mode = op.get_attr("mode")
    result = load().module.gansformer_filtered_lrelu(
        x=x,
        bias=bias,
        other=[gradient],
        mode=1 if mode == 2 else 2,
        **{name: op.get_attr(name) for name in _FILTERED_LRELU_ATTRIBUTES},
    )
    if mode == 0:
        return result, _bias_gradient(result)
    return None, None, result


def bipartite_attention(
    x: Any,
    score_weight: Any,
    score_bias: Any,
    value: Any,
    output_bias: Any,
    probability_scale: Any,
    integration: str | None,
    target: Any,
) -> tuple[Any, Any]:
    """(output, probabilities); see `gansformer_tf.ops.bipartite_attention`."""
    heads, k, channels_out = score_weight.shape[1], score_weight.shape[3], value.shape[3]
    target_is_x = target is None or target is x
    output, softmax = load().module.gansformer_bipartite_attention(
        x=x,
        score_weight=score_weight,
        score_bias=tf.zeros([1, heads, 1, k], x.dtype) if score_bias is None else score_bias,
        value=value,
        output_bias=tf.zeros([channels_out], x.dtype) if output_bias is None else output_bias,
        probability_scale=tf.ones([1, 1, 1, 1], x.dtype) if probability_scale is None else probability_scale,
        # x is not handed over twice: an input that nothing else holds may be overwritten with the output.
        target=tf.zeros([0, 0, 0], x.dtype) if target_is_x else target,
        integration=INTEGRATIONS.index(integration),
        target_is_x=target_is_x,
    )
    return output, softmax if probability_scale is None else softmax * probability_scale


@tf.RegisterGradient("GansformerBipartiteAttention")
def _bipartite_attention_gradient(op: Any, d_output: Any, d_softmax: Any) -> Any:
    x, weight, bias, value, output_bias, scale, target = op.inputs
    integration, target_is_x = op.get_attr("integration"), op.get_attr("target_is_x")
    x, target = _rematerialized(x, d_output), _rematerialized(target, d_output)
    inputs = (x, weight, value, output_bias, scale, target, op.outputs[1], d_output, d_softmax)
    integrated = x if target_is_x else target
    if x.dtype in (tf.float32, tf.float64) and not tf.config.list_logical_devices("GPU"):
        d_x, d_target, d_scores, d_weight, d_value, d_output_bias = (
            load().module.gansformer_bipartite_attention_gradient(
                **dict(zip(_ATTENTION_GRADIENT_INPUTS, inputs, strict=True)),
                integration=integration,
                target_is_x=target_is_x,
            )
        )
    else:
        d_x, d_target, d_scores, d_weight, d_value, d_output_bias = attention_gradient(
            INTEGRATIONS[integration], *inputs, target_is_x=target_is_x
        )
    return (
        d_x,
        _collect(d_weight, weight),
        _collect(d_scores, bias),
        _collect(d_value, value),
        d_output_bias,
        _scale_gradient(INTEGRATIONS[integration], value, scale, integrated, op.outputs[1], d_output),
        None if target_is_x else d_target,
    )


_ATTENTION_GRADIENT_INPUTS = (
    *("x", "score_weight", "value", "output_bias", "probability_scale", "target"),
    *("softmax", "d_output", "d_softmax"),
)


@tf.RegisterGradient("GansformerBipartiteAttentionGradient")
def _bipartite_attention_second_gradient(op: Any, *gradients: Any) -> Any:
    # Through standard operations that compute the same as the op.
    inputs = [tf.identity(tensor) for tensor in op.inputs]  # inputs may be one tensor, but count apart
    integration = INTEGRATIONS[op.get_attr("integration")]
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        outputs = attention_gradient(integration, *inputs, target_is_x=op.get_attr("target_is_x"))
    used = [i for i, output in enumerate(outputs) if output is not None]
    found = tape.gradient([outputs[i] for i in used], inputs, output_gradients=[gradients[i] for i in used])
    return list(found)


def attention_gradient(
    integration: str | None,
    x: Any,
    weight: Any,
    value: Any,
    output_bias: Any,
    scale: Any,
    target: Any,
    softmax: Any,
    d_output: Any,
    d_softmax: Any,
    *,
    target_is_x: bool,
) -> tuple[Any, ...]:
    """(d_x, d_target, d_scores, d_weight, d_value, d_output_bias) in standard operations.

    d_scores, d_weight and d_value are not summed over broadcast axes; d_target is None without integration, and part
    of d_x with `target_is_x`.
    """
    target = x if target_is_x else target
    d_control, d_target = _control_gradient(integration, value, output_bias, scale, target, softmax, d_output)
    d_probabilities = tf.einsum("bno,bhko->bhnk", d_control, _spread(value, x))
    d_softmax += d_probabilities * scale
    d_scores = softmax * (d_softmax - tf.reduce_sum(d_softmax * softmax, axis=-1, keepdims=True))
    d_x = tf.einsum("bhnk,bhck->bnc", d_scores, _spread(weight, x))
    if target_is_x and d_target is not None:
        d_x, d_target = d_x + d_target, None
    return (
        d_x,
        d_target,
        d_scores,
        tf.einsum("bnc,bhnk->bhck", x, d_scores),
        tf.einsum("bhnk,bno->bhko", softmax * scale, d_control),
        tf.reduce_sum(d_control, axis=[0, 1]),
    )


def _control_gradient(
    integration: str | None, value: Any, output_bias: Any, scale: Any, target: Any, softmax: Any, d_output: Any
) -> tuple[Any, Any]:
    """Gradients of the control, which is made again rather than kept, and of the target."""
    if integration is None:
        return d_output, None
    if integration == "add":
        return d_output, d_output
    gain = tf.einsum("bhnk,bhko->bno", softmax * scale, _spread(value, softmax)) + output_bias
    if integration == "mul":
        return d_output * target, d_output * (1.0 + gain)
    gain = gain[..., : gain.shape[-1] // 2]
    return tf.concat([d_output * target, d_output], axis=-1), d_output * (1.0 + gain)


def _scale_gradient(integration: str | None, value: Any, scale: Any, target: Any, softmax: Any, d_output: Any) -> Any:
    """Gradient of the probability scale; a graph leaves it out where nobody asks for it, as for a dropout mask."""
    d_control = d_output  # the control itself is not needed: its gradient is that of the output, times the target
    if integration in ("mul", "both"):
        d_control = d_output * target
        if integration == "both":
            d_control = tf.concat([d_control, d_output], axis=-1)
    d_probabilities = tf.einsum("bno,bhko->bhnk", d_control, _spread(value, softmax))
    return _collect(d_probabilities * softmax, scale)


def _spread(array: Any, x: Any) -> Any:
    """Repeats a first axis of size 1 over the batch of `x`."""
    if array.shape[0] != 1:
        return array
    return tf.broadcast_to(array, tf.concat([tf.shape(x)[:1], tf.shape(array)[1:]], axis=0))


def _collect(gradient: Any, like: Any) -> Any:
    """Sums a gradient over the axes along which `like` was broadcast."""
    axes = [axis for axis, size in enumerate(like.shape) if size == 1 and gradient.shape[axis] != 1]
    return tf.reduce_sum(gradient, axis=axes, keepdims=True) if axes else gradient


def attention_centroids(x: Any, probabilities: Any, epsilon: float) -> tuple[Any, Any]:
    """(centroids, total over tokens); see `gansformer_tf.ops.attention_centroids`."""
    return load().module.gansformer_attention_centroids(x=x, probabilities=probabilities, epsilon=epsilon)


@tf.RegisterGradient("GansformerAttentionCentroids")
def _attention_centroids_gradient(op: Any, d_centroids: Any, d_total: Any) -> Any:
    x, probabilities = op.inputs
    centroids, total = op.outputs
    total = total + op.get_attr("epsilon")
    d_gathered = d_centroids / total[..., tf.newaxis]
    d_total -= tf.reduce_sum(d_gathered * centroids, axis=-1)
    d_x = tf.einsum("bhnk,bhkc->bnc", probabilities, d_gathered)
    d_probabilities = tf.einsum("bnc,bhkc->bhnk", x, d_gathered) + d_total[:, :, tf.newaxis]
    return d_x, d_probabilities
