"""Single layers against arrays of the original: values, gradients, gradients of gradients."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from gansformer_tf.config import GANsformerConfig
from gansformer_tf.convert.original_names import NameMap, attention_names
from gansformer_tf.layers import (
    BipartiteAttention,
    CentroidAttention,
    ComponentMerge,
    GridPositions,
    MinibatchStddev,
    ModulatedConv2D,
)
from gansformer_tf.layers.attention_parts import normalize_tokens
from gansformer_tf.layers.merge import merge_components, merge_latents
from gansformer_tf.models.gansformer.mapping import MappingMLP
from tests.layers.golden import CASES, case, nhwc
from tests.layers.golden import arrays as golden_arrays
from tests.models.golden import forward_error, gradient_error

FORWARD = 1e-4
GRADIENT = 1e-3


def same(ours, golden: np.ndarray) -> None:
    assert ours.shape == golden.shape
    assert forward_error(ours, golden) <= FORWARD


def same_gradient(ours, golden: np.ndarray, what: str = "") -> None:
    assert ours.shape == golden.shape
    error = gradient_error(ours, golden)
    assert error <= GRADIENT, f"gradient of {what} differs by {error:.1e}"


def attention_layer(settings: dict, arrays: dict[str, np.ndarray]):
    options = {
        "num_heads": settings.get("num_heads", 1),
        "integration": settings["integration"],
        "normalization": settings["norm"],
        "query_gate": settings.get("from_gate", False),
        "key_gate": settings.get("to_gate", False),
    }
    iterations = settings.get("kmeans_iters", 1)
    if settings.get("kmeans"):
        layer = CentroidAttention(
            settings["dim"],
            num_centroids=settings["to_len"],
            iterations=iterations,
            iterative=settings.get("iterative", False),
            first=not settings["att_vars_given"],
            **options,
        )
    else:
        layer = BipartiteAttention(settings["dim"], score_divisions=iterations, **options)
    shapes = [arrays[name].shape if name in arrays else None for name in ("from", "to", "from_pos", "to_pos")]
    layer.build(*shapes)
    return layer


def carried(assignments: np.ndarray, settings: dict) -> np.ndarray:
    """Assignments of the grid of half the size, repeated to this one as the original does."""
    batch, heads, k, tokens = assignments.shape
    height, width = settings["hw_shape"]
    grid = assignments.reshape(batch, heads, k, height // 2, width // 2).repeat(2, 3).repeat(2, 4)
    assert tokens * 4 == height * width
    return grid.reshape(batch, heads, k, height * width)


@pytest.mark.parametrize("key", CASES["attention"])
def test_attention(key: str) -> None:
    settings, arrays = CASES["attention"][key], case("attention", key)
    layer = attention_layer(settings, arrays)
    names = NameMap()
    attention_names(names, "var/AttLayer_l2n/", layer)
    for name, (variable, _) in names.entries.items():
        variable.assign(arrays[name])
    x, y, dy = (tf.constant(arrays[name]) for name in ("from", "to", "dy"))
    options = {}
    if settings["use_pos"]:
        options |= {"x_pos": tf.constant(arrays["from_pos"]), "y_pos": tf.constant(arrays["to_pos"])}
    if settings["att_mask"]:
        options["component_mask"] = tf.constant(arrays["att_mask"].reshape(x.shape[0], -1))
    if settings["att_vars_given"]:
        options["assignments"] = tf.constant(carried(arrays["centroid_assignments_in"], settings))
    variables = [variable.value for variable, _ in names.entries.values()]
    with tf.GradientTape() as outer:
        outer.watch([x, y, dy])
        with tf.GradientTape(persistent=True) as inner:
            inner.watch([x, y])
            outputs = layer(x, y, **options)
            product = tf.reduce_sum(outputs[0] * dy)
        by_x = inner.gradient(product, x)
        second = tf.reduce_sum(by_x * arrays["v"])
    same(outputs[0], arrays["y"])
    height, width = settings["hw_shape"]
    maps = arrays["probs"].reshape(x.shape[0], layer.num_heads, -1, height * width)
    same(outputs[1], maps.transpose(0, 1, 3, 2))
    if "centroid_assignments_out" in arrays:
        same(outputs[2], arrays["centroid_assignments_out"])
    same_gradient(by_x, arrays["grad/from"])
    same_gradient(inner.gradient(product, y), arrays["grad/to"])
    largest = max(float(np.linalg.norm(arrays[name])) for name in arrays if name.startswith("grad/var"))
    gradients = inner.gradient(product, variables)
    for name, gradient in zip(names.entries, gradients, strict=True):
        # the bias of the keys moves all scores of a query alike; what is left of its gradient is rounding
        scale = max(float(np.linalg.norm(arrays[f"grad/{name}"])), 1e-2 * largest)
        error = float(np.linalg.norm(gradient - arrays[f"grad/{name}"])) / scale
        assert error <= GRADIENT, f"gradient of {name} differs by {error:.1e}"
    # the original has no gradient for keys that nothing compares with: we have no such variables
    assert {name for name in arrays if name.startswith("grad/var")} == {f"grad/{name}" for name in names.entries}
    for name, gradient in zip(("dy", "from", "to"), outer.gradient(second, [dy, x, y]), strict=True):
        same_gradient(gradient, arrays[f"grad2/{name}"], f"second order, {name}")


@pytest.mark.parametrize("key", [key for key in CASES["misc"] if key.startswith("mbstd")])
def test_minibatch_stddev(key: str) -> None:
    settings, arrays = CASES["misc"][key], case("misc", key)
    layer = MinibatchStddev(settings["group_size"], settings["num_new_channels"])
    x, dy, v = (tf.constant(nhwc(arrays[name])) for name in ("x", "dy", "v"))
    with tf.GradientTape() as outer:
        outer.watch([x, dy])
        with tf.GradientTape() as inner:
            inner.watch(x)
            y = layer(x)
            product = tf.reduce_sum(y * dy)
        dx = inner.gradient(product, x)
        second = tf.reduce_sum(dx * v)
    same(y, nhwc(arrays["y"]))
    same_gradient(dx, nhwc(arrays["dx"]))
    by_dy, by_x = outer.gradient(second, [dy, x])
    same_gradient(by_dy, nhwc(arrays["d2_dy"]))
    # over two samples the deviation is |a - b| / 2, whose second derivative is 0 but for rounding
    scale = max(float(np.linalg.norm(arrays["d2_x"])), 1e-2 * float(np.linalg.norm(arrays["dx"])))
    assert float(np.linalg.norm(by_x - nhwc(arrays["d2_x"]))) <= GRADIENT * scale


@pytest.mark.parametrize("key", [key for key in CASES["misc"] if key.startswith("att_norm")])
def test_normalization(key: str) -> None:
    settings, arrays = CASES["misc"][key], case("misc", key)
    tokens, channels = settings["num"], arrays["x"].shape[-1]
    x = tf.constant(arrays["x"].reshape(-1, tokens, channels))
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = normalize_tokens(x, settings["norm"], settings["integration"])
        product = tf.reduce_sum(y * arrays["dy"].reshape(-1, tokens, channels))
    same(tf.reshape(y, (-1, channels)), arrays["y"])
    same_gradient(tf.reshape(tape.gradient(product, x), (-1, channels)), arrays["dx"])


@pytest.mark.parametrize("key", [key for key in CASES["misc"] if key.startswith("merge")])
def test_merge(key: str) -> None:
    settings, arrays = CASES["misc"][key], case("misc", key)
    layer = ComponentMerge(settings["k"], settings["type"], same=settings["same"], batch_maximum=True)
    x = nhwc(arrays["x"])
    layer.build(x.shape)
    if layer.score is not None:
        layer.score.kernel.assign(arrays["var/weight"])
    weights = layer(x)
    same(merge_components(tf.constant(x), weights), nhwc(arrays["y"]))
    same(merge_latents(tf.constant(arrays["ws"]), weights), arrays["ws_out"])


@pytest.mark.parametrize("key", [key for key in CASES["misc"] if key.startswith("mlp")])
def test_mapping_stack(key: str) -> None:
    settings, arrays = CASES["misc"][key], case("misc", key)
    config = GANsformerConfig(
        latent_size=settings["dim"],
        mapping_layers=settings["layers_num"],
        mapping_residual=settings["resnet"],
        mapping_lr_multiplier=settings["lrmul"],
    )
    stack = MappingMLP(config, settings["dim"], settings["dim"], attend=False)
    stack.build(arrays["x"].shape)
    unused = {name for name in arrays if name.startswith("var/")}
    for step in stack.steps:
        index = step.name.removeprefix("layer").removeprefix("dense")
        if step.name.startswith("layer"):
            dense = {f"Dense{index}_0": step.dense0, f"Dense{index}_1": step.dense1}
        else:
            dense = {f"Dense{index}": step}
        for name, layer in dense.items():
            for kind, variable in (("weight", layer.kernel), ("bias", layer.bias)):
                variable.assign(arrays[f"var/{name}/{kind}"])
                unused.remove(f"var/{name}/{kind}")
    assert not unused
    same(stack(tf.constant(arrays["x"])), arrays["y"])


def modulated_gradients(layer: ModulatedConv2D, x, style, dy, v):
    """(y, first-order gradients, second-order gradients) by the names of the golden files."""
    inputs = {"x": x, "style": style, "dy": dy, "weight": layer.kernel.value}
    if layer.affine is not None:
        inputs |= {"mod_weight": layer.affine.kernel.value, "mod_bias": layer.affine.bias.value}
    with tf.GradientTape() as outer:
        outer.watch([x, style, dy])
        with tf.GradientTape() as inner:
            inner.watch([x, style, dy])
            y = layer(x, style)
            product = tf.reduce_sum(y * dy)
        first = inner.gradient(product, inputs)
        second = tf.reduce_sum(first["x"] * v)
    return y, first, outer.gradient(second, inputs)


@pytest.mark.parametrize("key", CASES["modulated_conv"])
def test_modulated_conv(key: str) -> None:
    settings, arrays = CASES["modulated_conv"][key], case("modulated_conv", key)
    shared = golden_arrays("modulated_conv")
    x, style = (tf.constant(case_input) for case_input in (nhwc(shared["x"]), shared["style"]))
    layer = ModulatedConv2D(
        settings["dim"],
        settings["kernel"],
        resample="up" if settings["up"] else None,
        modulate=settings["modulate"],
        demodulate=settings["demodulate"],
        fir_taps=tuple(settings["resample_kernel"]),
    )
    layer.build(x.shape, style.shape)
    layer.kernel.assign(arrays["var/weight"])
    if layer.affine is not None:
        layer.affine.kernel.assign(arrays["var/mod_weight"])
        layer.affine.bias.assign(arrays["var/mod_bias"])
    dy, v = tf.constant(nhwc(arrays["dy"])), tf.constant(nhwc(arrays["v"]))
    y, first, second = modulated_gradients(layer, x, style, dy, v)
    same(y, nhwc(arrays["y"]))
    for prefix, gradients in (("grad/", first), ("grad2/", second)):
        compared = [name for name in gradients if prefix + name in arrays]
        assert len(compared) >= 2
        for name in compared:
            golden = arrays[prefix + name]
            same_gradient(gradients[name], nhwc(golden) if name in ("x", "dy") else golden, prefix + name)


@pytest.mark.parametrize("key", [key for key, c in CASES["stylegan2_torch"].items() if "up" in c])
def test_modulated_conv_of_the_pytorch_code(key: str) -> None:
    settings, arrays = CASES["stylegan2_torch"][key], case("stylegan2_torch", key)
    x, styles, weight = nhwc(arrays["x"]), arrays["s"], arrays["w"].transpose(2, 3, 1, 0)
    channels = styles.shape[1]
    layer = ModulatedConv2D(
        weight.shape[-1],
        settings["k"],
        resample="up" if settings["up"] == 2 else None,
        demodulate=settings["demodulate"],
    )
    layer.build(x.shape, styles.shape)
    if settings["up"] == 2 and not settings["flip_weight"]:
        weight = weight[::-1, ::-1]  # that code stores kernels of up-sampling convolutions the other way round
    layer.kernel.assign(weight / layer.scale)
    # that code takes the scales themselves: an affine layer that passes them on
    layer.affine.kernel.assign(np.eye(channels) / layer.affine.scale)
    layer.affine.bias.assign(-np.ones(channels))
    probe = tf.constant(nhwc(arrays["probe"]))
    y, first, _ = modulated_gradients(layer, tf.constant(x), tf.constant(styles), probe, tf.zeros_like(x))
    same(y, nhwc(arrays["y"]))
    same_gradient(first["x"], nhwc(arrays["gx"]), "x")
    same_gradient(first["style"], arrays["gs"], "styles")
    golden = arrays["gw"].transpose(2, 3, 1, 0)
    same_gradient(first["weight"] / layer.scale, golden[::-1, ::-1] if settings["up"] == 2 else golden, "weights")


@pytest.mark.parametrize("key", [key for key in CASES["stylegan2_torch"] if key.startswith("mbstd")])
def test_minibatch_stddev_of_the_pytorch_code(key: str) -> None:
    settings, arrays = CASES["stylegan2_torch"][key], case("stylegan2_torch", key)
    x = tf.constant(nhwc(arrays["x"]))
    layer = MinibatchStddev(settings["group_size"] or x.shape[0], settings["num_channels"])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = layer(x)
        product = tf.reduce_sum(y * nhwc(arrays["probe"]))
    same(y, nhwc(arrays["y"]))
    same_gradient(tape.gradient(product, x), nhwc(arrays["gx"]))


@pytest.mark.parametrize("key", CASES["positional"])
def test_positions(key: str) -> None:
    settings, arrays = CASES["positional"][key], case("positional", key)
    compared = 0
    for exponent in range(4):
        golden = arrays[f"res{exponent}"]
        size = 2**exponent
        layer = GridPositions(size, size, settings["dim"], kind=settings["pos_type"], directions=settings["dir_num"])
        layer.build(None)
        scope = f"var/pos_emb{exponent}"
        for attribute, name in (("vectors", "emb"), ("table", "emb"), ("columns", "x_emb"), ("rows", "y_emb")):
            if hasattr(layer, attribute):
                getattr(layer, attribute).assign(arrays[f"{scope}/{name}"])
        encoding = layer.encoding()
        assert encoding.shape == (size * size, layer.output_dim)
        np.testing.assert_allclose(np.reshape(encoding, golden.shape), golden, atol=1e-6)
        compared += 1
    assert compared == 4
