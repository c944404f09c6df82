"""What Keras offers in place of tensorflow-addons gives the same numbers.

`golden/tfa.npz` holds outputs of tensorflow-addons 0.23 on seeded inputs. The README's mapping rests on this file.
"""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
from keras import ops

GOLDEN = np.load(Path(__file__).parent / "golden" / "tfa.npz")
IMAGE = GOLDEN["img"]
TOLERANCE = 1e-6


def assert_close(actual, name, tolerance=TOLERANCE):
    np.testing.assert_allclose(ops.convert_to_numpy(actual), GOLDEN[name], rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("power_iterations", [1, 3])
@pytest.mark.parametrize("kind", ["dense", "conv"])
def test_spectral_normalization(kind, power_iterations):
    name = f"sn_{kind}_{power_iterations}"
    x = GOLDEN[f"{name}_x"]
    inner = keras.layers.Dense(6) if kind == "dense" else keras.layers.Conv2D(7, 3, padding="same")
    layer = keras.layers.SpectralNormalization(inner, power_iterations=power_iterations)
    layer.build(x.shape)
    inner.kernel.assign(GOLDEN[f"{name}_w"])
    inner.bias.assign(GOLDEN[f"{name}_b"])
    layer.vector_u.assign(GOLDEN[f"{name}_u0"])
    for step in range(3):
        assert_close(layer(x, training=True), f"{name}_train{step}")
        assert_close(layer.vector_u, f"{name}_u{step + 1}")
        assert_close(inner.kernel, f"{name}_w{step + 1}")
    assert_close(layer(x, training=False), f"{name}_infer")


@pytest.mark.parametrize("name", ["groupnorm", "instnorm"])
def test_group_and_instance_normalization(name):
    layer = keras.layers.GroupNormalization(groups=3, epsilon=1e-3)  # as many groups as channels
    layer.build(IMAGE.shape)
    layer.gamma.assign(GOLDEN[f"{name}_w0"])
    layer.beta.assign(GOLDEN[f"{name}_w1"])
    assert_close(layer(IMAGE), name)


@pytest.mark.parametrize("fill_mode", ["constant", "reflect", "wrap", "nearest"])
@pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
def test_affine_transform(interpolation, fill_mode):
    moved = ops.image.affine_transform(IMAGE, GOLDEN["tr"], interpolation=interpolation, fill_mode=fill_mode)
    assert_close(moved, f"transform_{interpolation}_{fill_mode}")


def test_dense_image_warp():
    height, width = IMAGE.shape[1:3]
    grid = np.stack(np.meshgrid(np.arange(height), np.arange(width), indexing="ij"), axis=-1)
    source = (grid - GOLDEN["flow"]).astype(np.float32)  # [batch, height, width, (y, x)]
    warped = [
        ops.stack(
            [
                ops.image.map_coordinates(image[..., channel], [yx[..., 0], yx[..., 1]], order=1, fill_mode="nearest")
                for channel in range(image.shape[-1])
            ],
            axis=-1,
        )
        for image, yx in zip(IMAGE, source, strict=True)
    ]
    assert_close(ops.stack(warped), "dense_image_warp")


@pytest.mark.parametrize(("size", "sigma"), [(3, 1.0), (5, 1.5)])
def test_gaussian_filter(size, sigma):
    edge = size // 2
    padded = np.pad(IMAGE, ((0, 0), (edge, edge), (edge, edge), (0, 0)), mode="reflect")
    blurred = ops.image.gaussian_blur(padded, (size, size), (sigma, sigma))
    assert_close(blurred[:, edge:-edge, edge:-edge], f"gauss_{size}_{sigma}")


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("mish", keras.activations.mish),
        ("hardshrink", keras.activations.hard_shrink),
        ("softshrink", keras.activations.soft_shrink),
        ("tanhshrink", keras.activations.tanh_shrink),
        ("gelu", lambda x: keras.activations.gelu(x, approximate=True)),
    ],
)
def test_activations(name, function):
    assert_close(function(GOLDEN["act_x"]), f"act_{name}")


def steps(optimizer, name):
    weights = keras.Variable(GOLDEN["ma_v0"])
    for step, expected in enumerate(GOLDEN[name]):
        optimizer.apply([GOLDEN["ma_g"][step]], [weights])
        yield ops.convert_to_numpy(weights), expected


def test_dense_adam_stands_in_for_lazy_adam():
    for actual, expected in steps(keras.optimizers.Adam(0.01, beta_1=0.0, beta_2=0.99), "opt_lazyadam"):
        np.testing.assert_allclose(actual, expected, rtol=0, atol=TOLERANCE)


def test_adamw_after_its_decay_is_divided_by_the_learning_rate():
    """tensorflow-addons subtracted `weight_decay * w`; Keras subtracts `learning_rate * weight_decay * w`."""
    learning_rate, decay = 0.01, 0.01
    optimizer = keras.optimizers.AdamW(learning_rate, weight_decay=decay / learning_rate)
    for actual, expected in steps(optimizer, "opt_adamw"):
        np.testing.assert_allclose(actual, expected, rtol=0, atol=TOLERANCE)


def test_moving_average_starts_one_update_later_in_keras():
    """Both average with decay 0.9; tensorflow-addons starts at the initial value, Keras at the first update."""
    optimizer = keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.9)
    weights = keras.Variable(GOLDEN["ma_v0"])
    theirs, ours = GOLDEN["ma_v0"], None
    for step, expected in enumerate(GOLDEN["ma_avg"]):
        optimizer.apply([GOLDEN["ma_g"][step]], [weights])
        value = ops.convert_to_numpy(weights)
        theirs = 0.9 * theirs + 0.1 * value
        ours = value if ours is None else 0.9 * ours + 0.1 * value
        np.testing.assert_allclose(theirs, expected, rtol=0, atol=TOLERANCE)
        average = ops.convert_to_numpy(optimizer._model_variables_moving_average[0])
        np.testing.assert_allclose(average, ours, rtol=0, atol=TOLERANCE)
