"""Networks of PyTorch repositories: the same outputs and gradients, and imports that fail by name."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from gansformer_tf.config import ConfigError
from gansformer_tf.convert import from_pytorch
from gansformer_tf.convert.pytorch import without_influence
from gansformer_tf.convert.pytorch_config import config_from_pytorch
from tests.convert.pytorch_golden import COMPLETE, INDEX, TorchGolden, gradient_pairs
from tests.models.golden import forward_error, gradient_error, nchw

FORWARD = 1e-4
GRADIENT = 1e-3
# Where a relative change of w by its last bit moves a result by more than the bound, float32 cannot do better.
ULP = 1e-7
MOVEMENTS = 3


def synthesize(generator, w):
    """Images, and the maps of the first sample."""
    images, maps = generator.synthesize(w, noise_mode="const", return_attention=True)
    return images, [np.asarray(found)[:1] for found in maps]


def map_bounds(generator, golden, maps) -> list[float]:
    """Allowed errors of the attention maps."""
    nudge = 1.0 + ULP * np.random.default_rng(0).standard_normal(golden.w("in/ws").shape)
    _, moved = synthesize(generator, tf.constant((golden.w("in/ws") * nudge).astype(np.float32)))
    return [max(FORWARD, MOVEMENTS * forward_error(other, ours)) for other, ours in zip(moved, maps, strict=True)]


def enlarged(found: np.ndarray, expected: np.ndarray) -> np.ndarray:
    factor = expected.shape[2] // found.shape[2]
    return found.repeat(factor, 2).repeat(factor, 3)


@pytest.mark.parametrize("name", [name for name in INDEX if "_G_" in name])
def test_generator(name, golden_row):
    golden = TorchGolden(name)
    generator = golden.load()
    names = golden.names(generator)

    with tf.GradientTape(persistent=True) as tape:
        z = golden.z
        tape.watch(z)
        w = generator.map(z, golden.labels)
        images = generator.synthesize(w, noise_mode="const")
        loss = tf.reduce_sum(images * golden.images("in/probe"))
    golden_row(name, "w", forward_error(w, golden.w("out/ws")), FORWARD)
    golden_row(name, "images", forward_error(nchw(images), golden["out/img"]), FORWARD)
    for label, arguments in {"psi0.7": (0.7,), "psi0.5_cut2": (0.5, 2 + 1)}.items():
        truncated = generator.truncate(w, *arguments)
        golden_row(name, f"w {label}", forward_error(truncated, golden.w(f"out/ws_{label}")), FORWARD)
    by_z = np.reshape(tape.gradient(loss, z), golden["in/z"].shape)
    golden_row(name, "d(images)/dz", gradient_error(by_z, golden["gradz/@z"]), GRADIENT)
    if len(golden.under("gradz/")) > 1:
        errors = gradient_pairs(names, golden.under("gradz/"), lambda variables: tape.gradient(loss, variables))
        worst = max(errors, key=errors.get)
        golden_row(name, f"gradz, {worst}", errors[worst], GRADIENT)
    if "out/img_none" in golden:
        images = generator.synthesize(tf.constant(golden.w("in/ws")), noise_mode="none")
        golden_row(name, "images without noise", forward_error(nchw(images), golden["out/img_none"]), FORWARD)

    w = tf.constant(golden.w("in/ws"))
    with tf.GradientTape(persistent=True) as outer:
        outer.watch(w)
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(w)
            images, maps = synthesize(generator, w)
            loss = tf.reduce_sum(images * golden.images("in/probe"))
            height, width = images.shape[1:3]
            dot = tf.reduce_sum(images * golden.images("in/pl_noise")) / np.sqrt(height * width)
        by_w = tape.gradient(dot, w)
        lengths = golden.path_lengths(by_w)
        penalty = tf.square(lengths - golden["pl/mean_used"])
        mean = tf.reduce_mean(penalty)
    golden_row(name, "images of w", forward_error(nchw(images), golden["out/img_from_ws"]), FORWARD)
    bounds = map_bounds(generator, golden, maps) if maps else []
    for index, (found, expected, bound) in enumerate(zip(maps, golden.maps() if maps else [], bounds, strict=True)):
        golden_row(name, f"attention map {index}", forward_error(enlarged(found, expected), expected), bound)
    for label, scalar in {"grad": loss, "grad_pl": mean}.items():
        found = golden.without_first(outer.gradient(scalar, w))
        golden_row(name, f"{label} by w", gradient_error(found, golden[f"{label}/@ws"]), GRADIENT)
        errors = gradient_pairs(names, golden.under(f"{label}/"), lambda v, scalar=scalar: outer.gradient(scalar, v))
        worst = max(errors, key=errors.get)
        golden_row(name, f"{label}, {worst.removeprefix('synthesis.')}", errors[worst], GRADIENT)
    suffix = "" if golden.family == "stylegan2" else "_PORT"
    golden_row(name, "path: d(images)/dw", gradient_error(golden.without_first(by_w), golden["pl/grad_ws"]), GRADIENT)
    golden_row(name, "path lengths", gradient_error(lengths, golden[f"pl/lengths{suffix}"]), GRADIENT)
    golden_row(name, "path penalty", gradient_error(penalty, golden[f"pl/penalty{suffix}"]), GRADIENT)


@pytest.mark.parametrize("name", [name for name in INDEX if "_D_" in name])
def test_discriminator(name, golden_row):
    golden = TorchGolden(name)
    discriminator = golden.load()
    names = golden.names(discriminator)
    images = golden.images("in/img")
    with tf.GradientTape(persistent=True) as outer:
        with tf.GradientTape() as tape:
            tape.watch(images)
            scores = discriminator(images, golden.labels)
            total = tf.reduce_sum(scores)
        by_image = tape.gradient(total, images)
        penalty = tf.reduce_sum(tf.square(by_image), axis=[1, 2, 3])
        mean = tf.reduce_mean(penalty)
    golden_row(name, "scores", forward_error(scores, golden["out/logits"]), FORWARD)
    golden_row(name, "d(scores)/d(images)", gradient_error(nchw(by_image), golden["grad/@img"]), GRADIENT)
    golden_row(name, "r1 penalty", gradient_error(penalty, golden["r1/penalty"]), GRADIENT)
    for label, scalar in {"grad": total, "grad_r1": mean}.items():
        errors = gradient_pairs(names, golden.under(f"{label}/"), lambda v, scalar=scalar: outer.gradient(scalar, v))
        worst = max(errors, key=errors.get)
        golden_row(name, f"{label}, {worst}", errors[worst], GRADIENT)


# -- encodings of image positions --------------------------------------------------------------------------------------

CHANGED_NAME = "ganf_G_mapgate"


def with_positions(kind: str, **grids: np.ndarray):
    """Arguments of the import of a network whose layers have these encodings of image positions."""
    golden = TorchGolden(CHANGED_NAME)
    kwargs = golden.kwargs | {"synthesis_kwargs": golden.kwargs["synthesis_kwargs"] | {"pos_type": kind}}
    state = golden.state
    for name in [name for name in state if name.endswith(".grid_pos")]:
        state[name] = grids.get(name, state[name])
    return {"state": state, "kwargs": kwargs, "family": "ganformer", "network": "generator"}


def layer_grids(generator) -> dict[str, np.ndarray]:
    """Their name of every layer's encoding -> the encoding."""
    synthesis = generator.synthesis
    grids = dict(zip(synthesis.grid_levels, synthesis.grids, strict=True))
    found = {}
    for block in synthesis.blocks:
        for layer in block.layers_:
            name = {"conv": "conv1", "conv0_up": "conv0", "conv1": "conv1"}[layer.name]
            grid = grids[layer.grid_key]
            found[f"synthesis.b{2**block.level}.{name}.grid_pos"] = np.asarray(grid.encoding()).reshape(
                grid.height, grid.width, grid.output_dim
            )
    return found


def linear_grid(size: int, vectors: np.ndarray) -> np.ndarray:
    """Coordinate along x times one vector, along y times another."""
    c = np.linspace(-1.0, 1.0, size)
    x, y = np.meshgrid(c, c)
    return np.concatenate([x[..., None] * vectors[0], y[..., None] * vectors[1]], axis=-1).astype(np.float32)


@pytest.mark.parametrize("kind", ["linear", "trainable2d"])
def test_every_layer_keeps_its_own_positions(kind):
    rng = np.random.default_rng(1)
    shapes = {name: a.shape for name, a in TorchGolden(CHANGED_NAME).state.items() if name.endswith(".grid_pos")}
    assert len(shapes) == 5
    if kind == "linear":
        grids = {name: linear_grid(shape[0], rng.random((2, shape[2] // 2))) for name, shape in shapes.items()}
    else:
        grids = {name: rng.random(shape, np.float32) for name, shape in shapes.items()}
    arguments = with_positions(kind, **grids)
    if kind == "trainable2d":  # PyTorch lists the same parameter a second time
        arguments["state"] |= {name.replace("grid_pos", "pos0"): grid for name, grid in grids.items()}
    generator = from_pytorch(**arguments)
    for name, grid in layer_grids(generator).items():
        np.testing.assert_allclose(grid, grids[name], atol=1e-5)


def test_positions_that_cannot_be_theirs_are_refused():
    name = "synthesis.b8.conv0.grid_pos"
    wrong = np.random.default_rng(2).random((8, 8, 12), np.float32)
    with pytest.raises(ConfigError, match=f"'{name}' of the PyTorch network differs"):
        from_pytorch(**with_positions("sinus", **{name: wrong}))
    with pytest.raises(ConfigError, match="grid_pos\\) is not linear"):
        from_pytorch(**with_positions("linear", **{name: wrong}))


# -- sizes and multipliers that no stored file has ---------------------------------------------------------------------


def dense(x, state, name, multiplier=0.01):
    """A layer of a mapping network: equalised, leaky ReLU, gain sqrt(2)."""
    weight, bias = state[f"{name}.weight"], state.get(f"{name}.bias", state.get(f"{name}.biasAct.bias"))
    x = x @ weight.T * multiplier / np.sqrt(weight.shape[1]) + multiplier * bias
    return np.sqrt(2) * np.where(x > 0, x, 0.2 * x)


def random_layers(names, sizes, multiplier):
    rng = np.random.default_rng(3)
    found = {}
    for name, inputs, outputs in zip(names, sizes[:-1], sizes[1:], strict=True):
        found[f"{name}.weight"] = (rng.standard_normal((outputs, inputs)) / multiplier).astype(np.float32)
        found[f"{name}.bias"] = rng.standard_normal(outputs).astype(np.float32) / multiplier
    return found


def test_labels_mapped_at_sizes_of_their_own():
    golden, multiplier = TorchGolden("sg2_D_cond"), 0.1
    sizes = {"num_layers": 3, "embed_features": 6, "layer_features": 9, "lr_multiplier": multiplier}
    names = [f"mapping.fc{index}" for index in range(3)]
    rng = np.random.default_rng(4)
    state = {name: array for name, array in golden.state.items() if not name.startswith("mapping.")}
    state |= random_layers(names, (6, 9, 9, 7), multiplier)
    state |= {"mapping.embed.weight": rng.standard_normal((6, 5)).astype(np.float32), "mapping.embed.bias": np.ones(6)}
    discriminator = golden.load(state=state, kwargs=golden.kwargs | {"mapping_kwargs": sizes})
    x = state["mapping.embed.weight"].T / np.sqrt(5) + state["mapping.embed.bias"]  # of all classes
    x /= np.sqrt(np.mean(np.square(x), axis=1, keepdims=True) + 1e-8)
    for name in names:
        x = dense(x, state, name, multiplier)
    found = [discriminator._label_scores(np.eye(7, dtype=np.float32), np.eye(5)[[label] * 7]) for label in range(5)]
    np.testing.assert_allclose(np.squeeze(found, -1), x / np.sqrt(7), rtol=1e-4, atol=1e-5)


def test_layers_of_the_ports_mapping_network_with_a_width_of_their_own():
    golden, width = TorchGolden("ganf_G_stylegan"), 11
    kwargs = golden.kwargs | {"mapping_kwargs": golden.kwargs["mapping_kwargs"] | {"layer_dim": width, "resnet": False}}
    count, dim = kwargs["mapping_kwargs"].get("num_layers", 8), kwargs["z_dim"]
    names = [*(f"mapping.global_mlp.l{index}" for index in range(count)), "mapping.global_mlp.out_layer"]
    state = {name: array for name, array in golden.state.items() if "_mlp." not in name}
    state |= random_layers(names, (dim, *[width] * count, kwargs["w_dim"]), 0.01)
    generator = golden.load(state=state, kwargs=kwargs)
    x = golden.z.numpy()[:, 0]
    x /= np.sqrt(np.mean(np.square(x), axis=1, keepdims=True) + 1e-8)
    for name in names:
        x = dense(x, state, name)
    np.testing.assert_allclose(np.asarray(generator.map(golden.z))[:, 0, 0], x, rtol=1e-4, atol=1e-5)


# -- what is refused ---------------------------------------------------------------------------------------------------


def test_missing_left_over_and_misshapen_arrays_are_named():
    golden = TorchGolden("sg2_D_cond")
    state = golden.state
    with pytest.raises(ConfigError, match="'b8.conv0.weight' is missing"):
        golden.load(state={name: array for name, array in state.items() if name != "b8.conv0.weight"})
    with pytest.raises(ConfigError, match="'b8.conv2.weight' of the PyTorch network is left over"):
        golden.load(state=state | {"b8.conv2.weight": state["b8.conv0.weight"]})
    for name in ("b4.fc.weight", "b8.conv0.weight", "mapping.fc0.bias"):
        with pytest.raises(ConfigError, match=f"'{name}' has shape"):
            golden.load(state=state | {name: state[name][:-1]})
    with pytest.raises(ConfigError, match="'b8.resample_filter'"):
        golden.load(state=state | {"b8.resample_filter": np.full((4, 4), 1 / 16, np.float32)})


GENERATOR = {"z_dim": 8, "c_dim": 0, "w_dim": 8, "img_resolution": 16, "img_channels": 3}
PORT = GENERATOR | {"k": 3}
PLAIN = GENERATOR | {"k": 1}
DISCRIMINATOR = {"c_dim": 0, "img_resolution": 16, "img_channels": 3}


@pytest.mark.parametrize(
    ("family", "network", "kwargs", "message"),
    [
        ("stylegan4", "generator", GENERATOR, "family is 'stylegan4'"),
        ("stylegan2", "mapping", GENERATOR, "network is 'mapping'"),
        ("stylegan2", "generator", GENERATOR | {"archtecture": "skip"}, "unknown static argument 'archtecture'"),
        ("stylegan2", "generator", DISCRIMINATOR, "'z_dim' of the stylegan2 generator is missing"),
        ("stylegan2", "generator", GENERATOR | {"mapping_kwargs": {"depth": 2}}, "'depth' of the mapping_kwargs"),
        ("stylegan2", "generator", GENERATOR | {"resample_filter": [1, 2, 1]}, r"'resample_filter' .* \[1, 2, 1\]"),
        ("stylegan2", "discriminator", DISCRIMINATOR | {"block_kwargs": {"activation": "relu"}}, "only 'lrelu' works"),
        ("ganformer", "generator", PORT, "k is 3 without transformer"),
        ("ganformer", "generator", PORT | {"synthesis_kwargs": {"iterative": True}}, "the port cannot run it"),
        ("ganformer", "generator", PORT | {"synthesis_kwargs": {"transformer": True}}, "transformer is False in map"),
        (
            "ganformer",
            "generator",
            GENERATOR | {"k": 1, "mapping_kwargs": {"layer_dim": 9, "resnet": True}},
            "layer_dim is 9",
        ),
        ("ganformer", "discriminator", DISCRIMINATOR | {"conv_clamp": 1}, "unknown static argument 'conv_clamp'"),
    ],
)
def test_arguments_that_cannot_be_built_are_named(family, network, kwargs, message):
    with pytest.raises(ConfigError, match=message):
        config_from_pytorch(kwargs, family, network)


def test_both_repositories_of_stylegan2():
    ada = config_from_pytorch(GENERATOR | {"synthesis_kwargs": {"channel_base": 1024}}, "stylegan2", "generator")
    later = config_from_pytorch(GENERATOR | {"channel_base": 1024}, "stylegan2", "generator")
    assert (ada.channel_base, ada.conv_clamp) == (512, None)
    assert (later.channel_base, later.conv_clamp) == (512, 256)


@pytest.mark.skipif(bool(COMPLETE), reason="the complete files hold every configuration")
def test_arrays_without_influence_are_few_and_known():
    patterns = set()
    for name in INDEX:
        golden = TorchGolden(name)
        patterns |= set(without_influence(config_from_pytorch(golden.kwargs, golden.family, golden.network)))
    assert {r"synthesis\..*\.transformer\.(to_keys|to_pos_map)\.(weight|bias)", "pos"} < patterns
    assert len(patterns) == 5
