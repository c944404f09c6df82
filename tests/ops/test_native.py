"""The TensorFlow ops around the kernels: values, gradients of both orders, shapes, errors, and where they are used."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from gansformer_tf import ops
from gansformer_tf.ops import conv

pytestmark = pytest.mark.usefixtures("native", "small_convolutions")

LONG = ops.setup_filter(np.hanning(8)[1:-1])
JOINT = np.array([[0.1, 0.4, 0.2], [0.3, -0.2, 0.5]], np.float32)


def draw(*shape: int, seed: int = 0) -> tf.Tensor:
    return tf.random.stateless_normal(shape, [seed, len(shape)], dtype=tf.float64)


# The least sizes of the native convolution, as users have them.
LIMITS = {name: getattr(conv, name) for name in ("NATIVE_LEAST_CHANNELS", "NATIVE_LEAST_PIXELS")}


def attention(integration, scale=None, target=None):
    def function(x, weight, bias, value, output_bias, *rest):
        rest = list(rest)
        return ops.bipartite_attention(
            x,
            weight,
            bias,
            value,
            output_bias,
            probability_scale=rest.pop(0) if scale else None,
            integration=integration,
            target=rest.pop(0) if target else None,
        )

    return function


# name -> (function, inputs in float64). The kinks of the piecewise linear ones are far from these values.
CASES = {
    "upsample": (lambda x: ops.upsample2d(x, ops.setup_filter()), [draw(2, 4, 3, 5)]),
    "downsample": (lambda x: ops.downsample2d(x, ops.setup_filter()), [draw(1, 6, 4, 3)]),
    "joint kernel": (lambda x: ops.upfirdn2d(x, JOINT, (2, 3), (3, 1), (2, -1, 0, 3), 1.5), [draw(1, 4, 3, 2)]),
    "nothing but a crop": (lambda x: ops.upfirdn2d(x, None, padding=(-1, 0, -1, -1)), [draw(1, 4, 4, 3)]),
    "filtered_lrelu": (
        lambda x, b: ops.filtered_lrelu(x, LONG, LONG, b, 2, 2, (4, 5, 3, 4), clamp=0.9),
        [draw(1, 4, 3, 2), draw(2)],
    ),
    "filtered_lrelu, joint": (
        lambda x, b: ops.filtered_lrelu(x, JOINT, JOINT, b, 2, (2, 1), 3),
        [draw(1, 3, 4, 2), draw(2)],
    ),
    **{
        name: (lambda x, b, name=name: ops.bias_act(x, b, name, clamp=1.7), [draw(2, 3, 4, seed=3), draw(4, seed=4)])
        for name in ops.ACTIVATIONS
    },
    # Without a clamp the slope is read off the result, unless its sign is turned.
    **{
        f"{name}, gain {gain}": (
            lambda x, b, name=name, gain=gain: ops.bias_act(x, b, name, gain=gain) ** 2,
            [draw(2, 3, 4, seed=3), draw(4, seed=4)],
        )
        for name in ("linear", "relu", "lrelu")
        for gain in (1.4, -0.5)
    },
    "token norm": (lambda x: ops.normalize_channels(x, epsilon=1e-2), [draw(2, 5, 7)]),
    "token norm, mean": (lambda x: ops.normalize_channels(x, scale=False) ** 2, [draw(2, 5, 7)]),
    "token norm, scale": (lambda x: ops.normalize_channels(x, center=False, epsilon=1e-2), [draw(2, 5, 7)]),
    "modulation": (ops.scale_channels, [draw(2, 4, 3, 5), draw(2, 5)]),
    "convolution": (ops.conv2d, [draw(2, 4, 3, 5), draw(3, 3, 5, 4)]),
    "convolution, more zeros": (lambda x, w: ops.conv2d(x, w, padding=2), [draw(1, 3, 4, 2), draw(3, 3, 2, 3)]),
    "attention": (
        lambda *a: attention(None)(*a).output,
        [draw(2, 5, 4), draw(2, 2, 4, 3), draw(2, 2, 5, 3), draw(2, 2, 3, 4), draw(4)],
    ),
    "attention, probabilities": (
        lambda *a: attention("mul")(*a).probabilities,
        [draw(2, 5, 4), draw(2, 2, 4, 3), draw(2, 2, 5, 3), draw(2, 2, 3, 4), draw(4)],
    ),
    "attention, shared": (
        lambda *a: attention("mul")(*a).output,
        [draw(2, 5, 4), draw(1, 2, 4, 3), draw(1, 2, 1, 3), draw(1, 2, 3, 4), draw(4)],
    ),
    "attention, scaled": (
        lambda *a: attention("both", scale=True)(*a).output,
        [draw(2, 5, 4), draw(1, 1, 4, 3), draw(1, 1, 5, 3), draw(2, 1, 3, 8), draw(8), draw(2, 1, 1, 3)],
    ),
    "attention, added": (
        lambda *a: attention("add", target=True)(*a).output,
        [draw(2, 5, 4), draw(2, 1, 4, 3), draw(2, 1, 5, 3), draw(2, 1, 3, 6), draw(6), draw(2, 5, 6)],
    ),
    "centroids": (lambda x, p: ops.attention_centroids(x, p**2).centroids, [draw(2, 5, 4), draw(2, 2, 5, 3)]),
    "mass": (lambda x, p: ops.attention_centroids(x, p**2, 0.3).mass, [draw(2, 5, 4), draw(2, 2, 5, 3)]),
}


def nested(function, inputs):
    """Value, first gradients of a fixed linear form, and gradients of a linear form of those."""
    with tf.GradientTape() as outer:
        outer.watch(inputs)
        with tf.GradientTape() as inner:
            inner.watch(inputs)
            value = function(*inputs)
            loss = tf.reduce_sum(value * tf.sin(tf.reshape(tf.range(tf.size(value), dtype=value.dtype), value.shape)))
        first = inner.gradient(loss, inputs, unconnected_gradients="zero")
        total = tf.add_n([tf.reduce_sum(tf.cos(g) * (i + 1)) for i, g in enumerate(first)])
    return [value, *first, *outer.gradient(total, inputs, unconnected_gradients="zero")]


@pytest.mark.parametrize("name", CASES)
def test_gradients_of_both_orders_equal_the_composites(name):
    function, inputs = CASES[name]
    with ops.implementation("native"):
        found = nested(function, inputs)
    with ops.implementation("composite"):
        expected = nested(function, inputs)
    for mine, wanted in zip(found, expected, strict=True):
        assert mine.shape == wanted.shape
        # Taps and attributes are float32 in the ops; everything else is float64.
        np.testing.assert_allclose(mine, wanted, rtol=2e-6, atol=2e-6)


@pytest.mark.parametrize(
    "name",
    [
        "upsample",
        "joint kernel",
        "filtered_lrelu",
        "swish",
        "token norm",
        "modulation",
        "convolution",
        "attention, scaled",
        "centroids",
    ],
)
def test_gradcheck(name):
    function, inputs = CASES[name]
    with ops.implementation("native"):
        for analytic, numeric in zip(*tf.test.compute_gradient(function, inputs, 1e-6), strict=True):
            np.testing.assert_allclose(analytic, numeric, rtol=1e-6, atol=1e-6)
        if name == "filtered_lrelu":  # its second derivative is 0
            return

        def first(*inputs):
            with tf.GradientTape() as tape:
                tape.watch(inputs)
                loss = tf.reduce_sum(tf.sin(function(*inputs)))
            return tape.gradient(loss, inputs[0])

        for analytic, numeric in zip(*tf.test.compute_gradient(first, inputs, 1e-6), strict=True):
            np.testing.assert_allclose(analytic, numeric, rtol=1e-5, atol=1e-5)


def op_types(function, *specs) -> set[str]:
    graph = tf.function(function, autograph=False).get_concrete_function(*specs).graph
    return {operation.type for operation in graph.get_operations()}


def everything(x):
    x = ops.upsample2d(x, ops.setup_filter())
    x = ops.conv2d(x, tf.ones([3, 3, 4, 4], x.dtype))
    x = ops.bias_act(x, tf.zeros([4]), "lrelu")
    x = ops.filtered_lrelu(x, LONG, LONG, up=2, down=2, padding=4)
    tokens = tf.reshape(x, [-1, x.shape[1] * x.shape[2], 4])
    result = ops.bipartite_attention(tokens, tf.ones([1, 1, 4, 3]), None, tf.ones([1, 1, 3, 4]))
    return ops.attention_centroids(result.output, result.probabilities).centroids


NATIVE = {
    "GansformerConv2d",
    "GansformerUpfirdn2d",
    "GansformerBiasAct",
    "GansformerFilteredLrelu",
    "GansformerBipartiteAttention",
    "GansformerAttentionCentroids",
}


def test_shapes_are_known_while_tracing():
    with ops.implementation("auto"):
        x = tf.TensorSpec([None, 8, 6, 4])
        assert op_types(everything, x) >= NATIVE
        graph = tf.function(everything, autograph=False).get_concrete_function(x).graph
        shapes = {
            operation.type: operation.outputs[0].shape.as_list()
            for operation in graph.get_operations()
            if operation.type in NATIVE
        }
    assert shapes["GansformerUpfirdn2d"] == [None, 16, 12, 4]
    assert shapes["GansformerConv2d"] == [None, 16, 12, 4]
    assert shapes["GansformerBiasAct"] == [None, 16, 12, 4]
    assert shapes["GansformerFilteredLrelu"][0] is None and shapes["GansformerFilteredLrelu"][3] == 4
    assert shapes["GansformerBipartiteAttention"][2] == 4
    assert shapes["GansformerAttentionCentroids"] == [None, 1, 3, 4]


def test_where_they_are_not_used():
    x = tf.TensorSpec([1, 8, 6, 4])
    with ops.implementation("composite"):
        assert not op_types(everything, x) & NATIVE
    with ops.implementation("native"):
        # XLA has no such ops; half precision has no CPU kernels.
        jitted = tf.function(everything, jit_compile=True, autograph=False)
        assert not {o.type for o in jitted.get_concrete_function(x).graph.get_operations()} & NATIVE
        assert np.isfinite(jitted(tf.ones([1, 8, 6, 4]))).all()
        half = op_types(lambda x: ops.upsample2d(x, ops.setup_filter()), tf.TensorSpec([1, 8, 6, 4], tf.bfloat16))
        assert not half & NATIVE


def test_environment_chooses(monkeypatch):
    x = tf.TensorSpec([1, 8, 6, 4])
    monkeypatch.setenv("GANSFORMER_TF_OPS", "composite")
    assert not op_types(everything, x) & NATIVE
    monkeypatch.setenv("GANSFORMER_TF_OPS", "auto")
    assert op_types(everything, x) & NATIVE
    monkeypatch.setenv("GANSFORMER_TF_OPS", "fastest")
    with pytest.raises(ValueError, match="GANSFORMER_TF_OPS is 'fastest'; it must be one of: auto, native, composite"):
        ops.upsample2d(np.ones((1, 4, 4, 1), np.float32), ops.setup_filter())


def test_empty_batches():
    with ops.implementation("native"):
        x = tf.zeros([0, 8, 6, 4])
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = everything(x)
        assert y.shape == (0, 1, 3, 4) and tape.gradient(y, x).shape == (0, 8, 6, 4)


def test_raw_ops_check_their_arguments(native):
    module, x = native.module, tf.ones([1, 4, 4, 2])
    attributes = {"up": [1, 1], "down": [1, 1], "padding": [0] * 4, "taps": [1, 1], "separable": True}
    attributes["kernel"] = [1.0, 1.0]
    for change, message in (
        ({"up": [0, 1]}, "both must be 1 to"),
        ({"padding": [-9, 0, 0, 0]}, "samples after padding"),
        ({"padding": [1]}, "padding has 1 values"),
        ({"taps": [4, 4]}, "does not fit its numbers of taps"),
        ({"x": tf.ones([4, 4, 2])}, "batch, height, width, channels|rank"),
    ):
        with pytest.raises((tf.errors.InvalidArgumentError, ValueError), match=message):
            module.gansformer_upfirdn2d(**{"x": x, **attributes, **change})
    numbers = {"activation": 2, "alpha": 0.2, "gain": 1.0, "clamp": -1.0}
    with pytest.raises(tf.errors.InvalidArgumentError, match="bias must have the 2 channels"):
        module.gansformer_bias_act(x=x, bias=tf.ones([3]), factors=[], **numbers)
    with pytest.raises(tf.errors.InvalidArgumentError, match="activation must be"):
        module.gansformer_bias_act(x=x, bias=tf.ones([2]), factors=[], **{**numbers, "activation": 12})
    with pytest.raises(tf.errors.InvalidArgumentError, match="probabilities has shape"):
        module.gansformer_attention_centroids(x=tf.ones([1, 5, 2]), probabilities=tf.ones([1, 1, 4, 3]), epsilon=0.0)
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"it must be \[3, 3, in, out\]"):
        module.gansformer_conv2d(x=x, w=tf.ones([3, 3, 3, 2]), transposed=False)
    with pytest.raises(tf.errors.InvalidArgumentError, match="x and dy differ in axis 1"):
        module.gansformer_conv2d_filter(x=x, dy=tf.ones([1, 5, 4, 2]))


@pytest.mark.parametrize("integration", ["add", "mul", "both"])
@pytest.mark.parametrize("own_target", [False, True])
@pytest.mark.parametrize("kept", [False, True])
def test_attention_overwrites_nothing_that_is_needed(integration, own_target, kept):
    """In a graph the output may lie over the tokens, and gradients over what they come from; results are the same."""
    half = 2 if integration == "both" else 1
    raw = [draw(2, 37, 16), draw(2, 2, 16, 8), draw(1, 2, 37, 8), draw(2, 2, 8, 16 * half)]

    def function(raw, weight, bias, value):
        x = raw * 2.0  # nothing else holds it
        target = tf.sin(raw) if own_target else None
        with tf.GradientTape() as tape:
            watched = [x] if target is None else [x, target]
            tape.watch(watched)
            found = ops.bipartite_attention(x, weight, bias, value, integration=integration, target=target)
        d_output = tf.cos(raw)
        gradients = tape.gradient(found.output, watched, output_gradients=d_output)
        results = [*gradients, found.output]
        return [*results, *watched, found.probabilities, d_output] if kept else results

    def inference(raw, weight, bias, value):
        x = raw * 2.0
        target = tf.sin(raw) if own_target else None
        output = ops.bipartite_attention(x, weight, bias, value, integration=integration, target=target).output
        return [output, x] if kept else [output]

    for whole in (function, inference):
        with ops.implementation("native"):
            found = [tf.function(whole, autograph=False)(*raw), whole(*raw)]
        with ops.implementation("composite"):
            expected = whole(*raw)
        for one in found:
            for mine, wanted in zip(one, expected, strict=True):
                np.testing.assert_allclose(mine, wanted, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(("activation", "readers"), [("lrelu", 1), ("relu", 1), ("softplus", 2)])
def test_what_an_activation_came_from_is_not_kept(activation, readers):
    """Its gradient reads the result where that is enough, so that the result can lie over the input."""

    def function(raw, bias):
        x = tf.sin(raw, name="before")
        with tf.GradientTape() as tape:
            tape.watch([x, bias])
            y = ops.bias_act(x, bias, activation)
        return tape.gradient(y, [x, bias], output_gradients=raw)

    with ops.implementation("native"):
        graph = tf.function(function, autograph=False).get_concrete_function(draw(2, 3), draw(3)).graph
    assert len(graph.get_operation_by_name("before").outputs[0].consumers()) == readers


@pytest.mark.parametrize(
    ("shape", "filters", "arguments", "expected"),
    [
        ((8, 32, 32, 128), (3, 3, 128, 128), {}, True),
        ((8, 32, 32, 128), (3, 3, 128, 128), {"padding": 1}, True),
        ((None, 32, 32, 128), (3, 3, 128, 128), {}, True),
        ((8, 32, 32, 128), (3, 3, 128, 3), {}, False),
        ((8, 4, 4, 128), (3, 3, 128, 128), {}, False),
        ((8, 32, 32, 128), (1, 1, 128, 128), {}, False),
        ((8, 32, 32, 128), (3, 3, 128, 128), {"stride": 2}, False),
        ((8, 32, 32, 128), (3, 3, 128, 128), {"padding": "valid"}, False),
        ((8, 32, 32, 256), (3, 3, 128, 128), {"groups": 2}, False),
    ],
)
def test_convolutions_that_run_natively(monkeypatch, shape, filters, arguments, expected):
    for name, limit in LIMITS.items():
        monkeypatch.setattr(conv, name, limit)
    specs = [tf.TensorSpec(size, tf.float32) for size in (shape, filters)]
    with ops.implementation("auto"):
        assert ("GansformerConv2d" in op_types(lambda x, w: ops.conv2d(x, w, **arguments), *specs)) == expected


def test_ops_run_at_once():
    """Several calls from several threads share the device's pool and no state."""
    from concurrent.futures import ThreadPoolExecutor

    images = [draw(1, 40, 30, 16, seed=seed) for seed in range(8)]
    with ops.implementation("native"):
        function = tf.function(lambda x: ops.filtered_lrelu(x, LONG, LONG, up=2, down=2, padding=4), autograph=False)
        expected = [function(x) for x in images]
        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(function, images))
    for mine, wanted in zip(found, expected, strict=True):
        np.testing.assert_array_equal(mine, wanted)


def test_a_model_draws_the_same_images():
    from gansformer_tf.config import GANsformerConfig
    from gansformer_tf.models import build_generator

    config = GANsformerConfig(
        resolution=16,
        num_components=4,
        latent_size=32,
        channel_base=128,
        channel_max=16,
        transformer=True,
        kmeans=True,
        mapping_layers=2,
    )
    generator = build_generator(config)
    z = tf.random.stateless_normal([2, config.num_latents, config.latent_dim], [1, 2])
    results = {}
    for name in ("native", "composite"):
        with ops.implementation(name), tf.GradientTape() as tape:
            images = generator(z, noise_mode="const")
            loss = tf.reduce_sum(images**2)
        results[name] = [images, *(g for g in tape.gradient(loss, generator.trainable_variables) if g is not None)]
    for mine, wanted in zip(results["native"], results["composite"], strict=True):
        scale = max(1.0, float(tf.reduce_max(tf.abs(wanted))))
        assert float(tf.reduce_max(tf.abs(mine - wanted))) <= 2e-4 * scale
