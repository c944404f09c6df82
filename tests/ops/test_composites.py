"""The composites against literal NumPy definitions, their choice of form, and their errors."""

from __future__ import annotations

import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from custom_ops import definitions
from gansformer_tf import ops
from gansformer_tf.ops import _formulation

SHAPES = 500
BOUND = 1e-5


@pytest.fixture(autouse=True)
def composites():
    with ops.implementation("composite"):
        yield


def error(found, expected) -> float:
    found = np.asarray(found)
    assert found.shape == expected.shape
    return float(np.max(np.abs(found - expected)) / max(1.0, np.max(np.abs(expected)))) if found.size else 0.0


def kernel_of(random, count: int) -> np.ndarray:
    if count % 5 == 0:
        return np.array([1.0, 3.0, 3.0, 1.0]) if count % 10 else np.outer([1.0, 2.0, 1.0], [1.0, 2.0, 3.0, 4.0])
    if random.random() < 0.5:
        return random.standard_normal(random.integers(1, 9))
    return random.standard_normal(random.integers(1, 6, 2))


def integers(random, low: int, high: int, count: int) -> tuple[int, ...]:
    return tuple(int(value) for value in random.integers(low, high, count))


def test_upfirdn2d_equals_its_definition():
    random, done = np.random.default_rng(0), 0
    while done < SHAPES:
        batch, height, width, channels = random.integers((0, 1, 1, 1), (3, 9, 9, 4))
        same = random.random() < 0.6
        up, down = (integers(random, 1, 5, 1) * 2 if same else integers(random, 1, 4, 2) for _ in range(2))
        padding, kernel, flip = integers(random, -5, 9, 4), kernel_of(random, done), bool(random.random() < 0.5)
        x = random.standard_normal((batch, height, width, channels)).astype(np.float32)
        sizes = (height * up[0] + padding[2] + padding[3], width * up[1] + padding[0] + padding[1])
        if sizes[0] < kernel.shape[0] or sizes[1] < kernel.shape[-1]:
            with pytest.raises(ValueError, match="taps of the kernel"):
                ops.upfirdn2d(x, kernel, up, down, padding)
            continue
        expected = definitions.upfirdn2d(x, kernel, up, down, padding, 1.5, flip)
        for form in ("depthwise", "slices"):
            with ops.formulation(form):
                found = ops.upfirdn2d(x, kernel, up, down, padding, 1.5, flip)
            assert error(found, expected) <= BOUND, (form, x.shape, kernel.shape, up, down, padding, flip)
        done += 1


def test_filtered_lrelu_equals_its_definition():
    random, done = np.random.default_rng(1), 0
    while done < SHAPES:
        x = random.standard_normal(integers(random, 1, 8, 4)).astype(np.float32)
        up, down, padding = integers(random, 1, 4, 2), integers(random, 1, 4, 2), integers(random, -2, 9, 4)
        first, second = kernel_of(random, done), kernel_of(random, done + 1)
        bias = random.standard_normal(x.shape[3]).astype(np.float32) if done % 3 else None
        clamp = 0.6 if done % 2 else None
        numbers = {"up": up, "down": down, "padding": padding, "gain": 1.3, "slope": 0.1, "clamp": clamp}
        try:
            with ops.formulation("slices" if done % 2 else "depthwise"):
                found = ops.filtered_lrelu(x, first, second, bias, **numbers)
        except ValueError:
            continue
        expected = (
            definitions.filtered_lrelu(
                x, bias, first * up[0] * up[1], second, up, down, padding, 0.1, 1.3, -1.0 if clamp is None else clamp
            )
            if first.ndim == 2
            else definitions.filtered_lrelu(
                x,
                bias,
                np.outer(first, first) * up[0] * up[1],
                second,
                up,
                down,
                padding,
                0.1,
                1.3,
                -1.0 if clamp is None else clamp,
            )
        )
        assert error(found, expected) <= BOUND, (x.shape, first.shape, second.shape, numbers)
        done += 1


def test_bias_act_equals_its_definition():
    random = np.random.default_rng(2)
    for number in range(SHAPES):
        x = 3 * random.standard_normal(integers(random, 1, 6, 1 + number % 4)).astype(np.float32)
        bias = random.standard_normal(x.shape[-1]).astype(np.float32) if number % 3 else None
        name = list(ops.ACTIVATIONS)[number % len(ops.ACTIVATIONS)]
        clamp = 0.9 if number % 2 else None
        found = ops.bias_act(x, bias, name, 0.3, 1.2, clamp)
        expected = definitions.bias_act(x, bias, name, 0.3, 1.2, -1.0 if clamp is None else clamp)
        assert error(found, expected) <= BOUND, (name, x.shape)


def test_attention_equals_its_definition():
    random = np.random.default_rng(3)
    for number in range(SHAPES):
        batch, n, channels, heads, k = integers(random, 1, 8, 5)
        integration = (None, "add", "mul", "both")[number % 4]
        width = channels if number % 3 else channels + 1
        channels_out = 2 * width if integration == "both" else width

        def one(size):
            return 1 if random.random() < 0.5 else size

        def array(*shape):
            return random.standard_normal(shape).astype(np.float32)

        x, weight = array(batch, n, channels), array(one(batch), heads, channels, k)
        bias = array(one(batch), heads, one(n), k) if number % 5 else None
        value = array(one(batch), heads, k, channels_out)
        output_bias = array(channels_out) if number % 2 else None
        scale = array(one(batch), one(heads), one(n), one(k)) if number % 7 > 3 else None
        target = array(batch, n, width) if number % 3 == 0 else None
        arguments = (x, weight, bias, value, output_bias, scale, integration, target)
        expected, softmax = definitions.attention(*arguments)
        found = ops.bipartite_attention(*arguments)
        probabilities = softmax if scale is None else softmax * scale
        assert error(found.output, expected) <= BOUND and error(found.probabilities, probabilities) <= BOUND
        centroids = ops.attention_centroids(x, np.abs(probabilities).astype(np.float32))
        expected, total = definitions.centroids(x, np.abs(probabilities), 1e-8)
        assert error(centroids.centroids, expected) <= BOUND and error(centroids.mass, total / (total + 1e-8)) <= BOUND


def test_reassociated_attention_is_the_textbook_one():
    random = np.random.default_rng(4)
    n, channels, k, heads = 12, 8, 3, 2
    size = channels // heads
    x, y = random.standard_normal((n, channels)), random.standard_normal((k, 5))
    wq, wk, wv, wo = (random.standard_normal(shape) for shape in ((8, 8), (5, 8), (5, 8), (8, 6)))
    bq, bo = random.standard_normal(8), random.standard_normal(6)
    q, keys, values = (x @ wq + bq).reshape(n, heads, size), (y @ wk).reshape(k, heads, size), (y @ wv)
    values = values.reshape(k, heads, size)
    scores = np.einsum("nhd,khd->hnk", q, keys) / math.sqrt(size)
    probabilities = np.exp(scores) / np.exp(scores).sum(-1, keepdims=True)
    expected = np.einsum("hnk,khd->nhd", probabilities, values).reshape(n, channels) @ wo + bo
    by_head = wq.reshape(channels, heads, size)
    found = ops.bipartite_attention(
        x[None].astype(np.float32),
        np.einsum("chd,khd->hck", by_head, keys)[None].astype(np.float32) / math.sqrt(size),
        np.einsum("hd,khd->hk", bq.reshape(heads, size), keys)[None, :, None].astype(np.float32) / math.sqrt(size),
        np.einsum("khd,hdo->hko", values, wo.reshape(heads, size, 6))[None].astype(np.float32),
        bo.astype(np.float32),
    )
    assert error(found.output[0], expected) <= BOUND and error(found.probabilities[0], probabilities) <= BOUND


def op_types(function, *specs) -> set[str]:
    """Types of all operations in the graph of `function`, inner functions included."""
    definition = tf.function(function, autograph=False).get_concrete_function(*specs).graph.as_graph_def()
    nodes = [*definition.node, *(node for inner in definition.library.function for node in inner.node_def)]
    return {node.op for node in nodes}


def test_form_follows_the_compiler():
    x, taps = tf.TensorSpec([None, 8, 8, 4]), ops.setup_filter()
    assert "DepthwiseConv2dNativeBackpropInput" in op_types(lambda x: ops.upsample2d(x, taps), x)
    assert "DepthwiseConv2dNative" in op_types(lambda x: ops.downsample2d(x, taps), x)
    seen = []

    @tf.function(jit_compile=True, autograph=False)
    def compiled(x):
        seen.append(_formulation.uses_depthwise(x))
        return ops.upsample2d(x, taps)

    compiled(tf.zeros([1, 8, 8, 4]))
    assert seen == [False]
    with ops.formulation("slices"):
        assert not any("Depthwise" in name for name in op_types(lambda x: ops.upsample2d(x, taps), x))


@pytest.mark.parametrize("jit", [False, True])
def test_second_order_gradients_agree(jit):
    """R1 and path length differentiate twice: the same in eager mode, graph and XLA."""
    taps, long = ops.setup_filter(), ops.setup_filter(np.hanning(14)[1:-1])
    random = np.random.default_rng(5)
    x = tf.constant(random.standard_normal((2, 9, 8, 3)), tf.float32)
    w = tf.constant(random.standard_normal((3, 3, 3, 2)), tf.float32)

    def penalty(x):
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as inner:
                inner.watch(x)
                y = ops.filtered_lrelu(x, long, long, up=2, down=2, padding=5)
                total = tf.reduce_sum(y**2) + tf.reduce_sum(tf.sin(ops.upsample2d(x, taps)))
                total += tf.reduce_sum(ops.conv2d_up(x, w, taps) ** 2)
            squares = tf.reduce_sum(inner.gradient(total, x) ** 2)
        return squares, outer.gradient(squares, x)

    expected = penalty(x)
    found = tf.function(penalty, jit_compile=jit, autograph=False)(x)
    for mine, wanted in zip(found, expected, strict=True):
        assert error(mine, wanted.numpy()) <= 1e-4


def test_unknown_batch_and_empty_batch():
    taps = ops.setup_filter()
    function = tf.function(
        lambda x: (ops.upsample2d(x, taps), ops.downsample2d(x, taps), ops.filter2d(x, taps)),
        input_signature=[tf.TensorSpec([None, 8, 6, 3])],
        autograph=False,
    )
    for batch in (0, 2):
        shapes = [tuple(y.shape) for y in function(tf.ones([batch, 8, 6, 3]))]
        assert shapes == [(batch, 16, 12, 3), (batch, 4, 3, 3), (batch, 8, 6, 3)]


@pytest.mark.parametrize("dtype", ["float64", "bfloat16", "float16"])
def test_types(dtype):
    x, taps = tf.cast(tf.random.stateless_normal([2, 8, 8, 4], [1, 2]), dtype), ops.setup_filter()
    for function in (
        lambda x: ops.upsample2d(x, taps),
        lambda x: ops.bias_act(x, np.ones(4, np.float32), "lrelu", clamp=1.0),
        lambda x: ops.filtered_lrelu(x, taps, taps, np.ones(4, np.float32), up=2, down=2, padding=3),
    ):
        y = function(x)
        assert y.dtype == dtype
        exact = function(tf.cast(x, tf.float32))
        assert error(tf.cast(y, tf.float32), exact.numpy()) <= (0.03 if dtype == "bfloat16" else 4e-3)


def test_symbolic_inputs():
    x = keras.Input((8, 8, 4))
    y = ops.bias_act(ops.upsample2d(x, ops.setup_filter()), np.zeros(4, np.float32), "lrelu")
    model = keras.Model(x, y)
    assert y.shape == (None, 16, 16, 4)
    assert model(np.ones((2, 8, 8, 4), np.float32)).shape == (2, 16, 16, 4)


def test_grouped_convolution():
    random = np.random.default_rng(6)
    x, w = random.standard_normal((1, 5, 5, 4)), random.standard_normal((3, 3, 2, 6))
    parts = [ops.conv2d(x[..., 2 * g : 2 * g + 2], w[..., 3 * g : 3 * g + 3]) for g in (0, 1)]
    np.testing.assert_allclose(ops.conv2d(x, w, groups=2), np.concatenate(parts, axis=-1), atol=1e-12)
    assert ops.conv2d(x, w, groups=2, padding=2).shape == (1, 7, 7, 6)


X = np.ones((1, 4, 4, 2), np.float32)
TAPS = ops.setup_filter()
WRONG = [
    (lambda: ops.upfirdn2d(X, TAPS, up=0), "up is 0"),
    (lambda: ops.upfirdn2d(X, TAPS, up=1.5), "up is 1.5"),
    (lambda: ops.upfirdn2d(X, TAPS, down=(1, 2, 3)), "down is"),
    (lambda: ops.upfirdn2d(X, TAPS, padding=(1, 2)), "padding is"),
    (lambda: ops.upfirdn2d(X, TAPS, padding=2**40), "padding is"),
    (lambda: ops.upfirdn2d(X, TAPS, gain=math.nan), "gain is nan"),
    (lambda: ops.upfirdn2d(X, []), "at least 1|1 to 1024 taps"),
    (lambda: ops.upfirdn2d(X, [1, math.inf]), "not finite"),
    (lambda: ops.upfirdn2d(X, np.ones((2, 2, 2))), "1 .separable. or 2"),
    (lambda: ops.upfirdn2d(X, np.ones(9)), "at least the 9 taps"),
    (lambda: ops.upfirdn2d(X[0], TAPS), r"\[batch, height, width, channels\]"),
    (lambda: ops.upfirdn2d(X, TAPS, up=1024, padding=2**20), "at least|at most"),
    (lambda: ops.setup_filter([1, -1]), "sum to 0"),
    (lambda: ops.bias_act(X, activation="gelu"), "must be one of: linear"),
    (lambda: ops.bias_act(X, np.ones(3)), r"must be \(2,\)"),
    (lambda: ops.bias_act(X, clamp=-1.0), "clamp is -1.0"),
    (lambda: ops.bias_act(X, gain=math.inf), "gain is inf"),
    (lambda: ops.filtered_lrelu(X, TAPS, TAPS, np.ones(5)), r"must be \(2,\)"),
    (lambda: ops.filtered_lrelu(X, slope=math.nan), "alpha is nan"),
    (lambda: ops.conv2d(X, np.ones((3, 3, 3, 4))), "groups"),
    (lambda: ops.conv2d(X, np.ones((3, 3, 2, 4)), padding="full"), "padding is 'full'"),
    (lambda: ops.conv2d_up(X, np.ones((2, 2, 2, 4)), TAPS), "odd size"),
    (lambda: ops.conv2d_down(X, np.ones((3, 3, 2, 4)), np.ones((2, 3))), "square FIR"),
    (lambda: ops.formulation("winograd").__enter__(), "must be"),
    (lambda: ops.implementation("fast").__enter__(), "must be one of"),
]


@pytest.mark.parametrize("number", range(len(WRONG)))
def test_wrong_arguments(number):
    call, message = WRONG[number]
    with pytest.raises(ValueError, match=message):
        call()


def test_wrong_attention_arguments():
    x, weight, value = np.ones((2, 6, 4)), np.ones((2, 1, 4, 3)), np.ones((2, 1, 3, 4))
    for change, message in (
        ({"score_weight": np.ones((2, 1, 5, 3))}, "score_weight has shape"),
        ({"score_weight": np.ones((3, 1, 4, 3))}, "score_weight has shape"),
        ({"value": np.ones((2, 1, 2, 4))}, "value has shape"),
        ({"score_bias": np.ones((2, 1, 5, 3))}, "score_bias has shape"),
        ({"output_bias": np.ones(3)}, "output_bias has shape"),
        ({"probability_scale": np.ones((2, 2, 6, 3))}, "probability_scale has shape"),
        ({"integration": "sub"}, "integration is 'sub'"),
        ({"integration": "both", "value": np.ones((2, 1, 3, 5))}, "even number"),
        ({"integration": "add", "target": np.ones((2, 6, 3))}, "target has shape"),
        ({"x": np.ones((6, 4))}, "x has shape"),
    ):
        arguments = {"x": x, "score_weight": weight, "score_bias": None, "value": value, **change}
        with pytest.raises(ValueError, match=message):
            ops.bipartite_attention(**arguments)
    with pytest.raises(ValueError, match="probabilities"):
        ops.attention_centroids(x, np.ones((2, 1, 5, 3)))


def test_kernels_must_be_known():
    @tf.function(autograph=False)
    def traced(kernel):
        return ops.upfirdn2d(tf.ones([1, 4, 4, 1]), kernel)

    with pytest.raises(TypeError, match="known when the graph is built"):
        traced(tf.ones([3]))
    kernel = np.ones((3, 3), np.float32)
    ops.setup_filter(kernel)
    assert np.all(kernel == 1)  # the caller's array is left alone
