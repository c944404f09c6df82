"""StyleGAN3 and CREPS against the published code, on its own weights."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import tensorflow as tf

from gansformer_tf.config import ConfigError, StyleGAN3Config
from gansformer_tf.models.coordinates import line_coordinates
from gansformer_tf.models.stylegan3.filters import bessel_j1
from gansformer_tf.models.stylegan3.schedule import layer_plans
from tests.convert.pytorch_golden import gradient_pairs
from tests.models.family_golden import FOLDER, INDEX, FamilyGolden
from tests.models.golden import DRAWS, MOVEMENTS, forward_error, gradient_error, nchw, nudge, read_arrays

FORWARD = 1e-4
GRADIENT = 1e-3
FILTER = 1e-6
HALF_PRECISION = 1e-2
GENERATORS = [name for name in INDEX if not name.startswith("loss")]
MAGNITUDE_DECAY = 0.9


@functools.lru_cache
def loaded(name):
    golden = FamilyGolden(name)
    return golden, golden.load()


def check_gradients(golden_row, name, golden, generator, prefix, gradient, bound=GRADIENT):
    errors = gradient_pairs(golden.names(generator), golden.under(prefix), gradient)
    worst = max(errors, key=errors.get)
    golden_row(name, f"{prefix}{worst.removeprefix('synthesis.')}", errors[worst], bound)


def slope_of_images(golden, generator, z):
    """Gradient by z `[batch, 1, latent_dim]` of the images' sum, weighted as the golden one."""
    with tf.GradientTape() as tape:
        tape.watch(z)
        images = generator.synthesize(generator.map(z, golden.labels))
        loss = tf.reduce_sum(images * golden.images("in/probe"))
    return tape.gradient(loss, z)[:, 0]


@pytest.mark.parametrize("name", GENERATORS)
def test_mapping_and_images(name, golden_row):
    golden, generator = loaded(name)
    z = tf.constant(golden["in/z"][:, None])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(z)
        w = generator.map(z, golden.labels)
        images = generator.synthesize(w)
        loss = tf.reduce_sum(images * golden.images("in/probe"))
    golden_row(name, "w", forward_error(w[:, 0], golden["out/ws"]), FORWARD)
    golden_row(name, "images", forward_error(nchw(images), golden["out/img"]), FORWARD)
    slope = tape.gradient(loss, z)[:, 0]
    error, bound = gradient_error(slope, golden["gradz/@z"]), GRADIENT
    if error > bound:  # rounding that the network amplifies, as in test_original_numbers
        moved = [gradient_error(slope_of_images(golden, generator, z * nudge(z.shape, draw)), slope) for draw in DRAWS]
        bound = max(bound, MOVEMENTS * max(moved))
    golden_row(name, "d(images)/dz", error, bound)
    check_gradients(
        golden_row, name, golden, generator, "gradz/", lambda variables: tape.gradient(loss, variables), bound
    )
    for key in golden.under("out/ws_"):
        psi, _, cutoff = key.removeprefix("psi").partition("_cut")
        truncated = generator.truncate(w, float(psi), int(cutoff) if cutoff else None)
        golden_row(name, f"w {key}", forward_error(truncated[:, 0], golden[f"out/ws_{key}"]), FORWARD)
    images = generator.synthesize(generator.truncate(w, 0.7))
    golden_row(name, "images psi0.7", forward_error(nchw(images), golden["out/img_psi0.7"]), FORWARD)


@pytest.mark.parametrize("name", GENERATORS)
def test_gradients_of_the_synthesis(name, golden_row):
    golden, generator = loaded(name)
    w = golden.w("in/ws")
    with tf.GradientTape(persistent=True) as outer:
        outer.watch(w)
        images = generator.synthesize(w)
        scalars = {"grad": tf.reduce_sum(images * golden.images("in/probe"))}
        if "pl/lengths" in golden:
            with tf.GradientTape() as tape:
                tape.watch(w)
                images = generator.synthesize(w)
                noise = golden.images("in/pl_noise") / np.sqrt(images.shape[1] * images.shape[2])
                dot = tf.reduce_sum(images * noise)
            by_w = tape.gradient(dot, w)
            lengths = tf.sqrt(tf.reduce_mean(tf.reduce_sum(tf.square(by_w), axis=3), axis=[1, 2]))
            penalty = tf.square(lengths - golden["pl/mean_used"])
            scalars["grad_pl"] = tf.reduce_mean(penalty)
            golden_row(name, "path lengths", gradient_error(lengths, golden["pl/lengths"]), GRADIENT)
    golden_row(name, "images of w", forward_error(nchw(images), golden["out/img_from_ws"]), FORWARD)
    for prefix, scalar in scalars.items():
        error = gradient_error(outer.gradient(scalar, w)[:, 0], golden[f"{prefix}/@ws"])
        golden_row(name, f"{prefix} by w", error, GRADIENT)
        check_gradients(
            golden_row, name, golden, generator, f"{prefix}/", lambda v, scalar=scalar: outer.gradient(scalar, v)
        )


@pytest.mark.parametrize("name", [name for name in GENERATORS if name.startswith("creps")])
def test_any_size(name, golden_row):
    golden, generator = loaded(name)
    w = golden.w("in/ws")
    for key in golden.under("out/img_scale"):
        scale, _, part = key.partition("_nonsquare_")
        window = None
        if part:
            y0, y1, x0, x1 = (int(number) for number in part.removeprefix("rows").replace("cols", "").split("_"))
            window = (x0, y0, x1, y1)
        rows, columns = line_coordinates(generator.config, float(scale), window)
        images = generator.synthesize(w, rows=rows, columns=columns)
        golden_row(name, f"images, scale {key}", forward_error(nchw(images), golden[f"out/img_scale{key}"]), FORWARD)
    crop = golden["in/coords_crop"]
    images = generator.synthesize(w, rows=crop[0, :, 0, 0], columns=crop[0, :, 1, 0])
    golden_row(name, "images, crop", forward_error(nchw(images), golden["out/img_crop"]), FORWARD)


@pytest.mark.parametrize("name", [name for name in GENERATORS if name.startswith("creps")])
def test_half_precision_of_theirs_differs_by_its_rounding(name, golden_row):
    golden, generator = loaded(name)
    images, expected = generator.synthesize(golden.w("in/ws")), golden["out/img_default_fp16_tail"]
    golden_row(name, "images, their tail in float16", forward_error(nchw(images), expected), HALF_PRECISION)


@pytest.mark.parametrize("name", [name for name in GENERATORS if name.startswith("creps")])
def test_signals_on_the_way_of_creps(name, golden_row):
    golden, generator = loaded(name)
    middle = golden.under("mid/synthesis.")
    if not middle:
        pytest.skip("the stored file has no signals on the way")
    synthesis, config, w = generator.synthesis, generator.config, golden.w("in/ws")
    found = {}

    def noted(lines):
        """[batch, axes * length * rank, channels] as [batch, channels, length, axes * rank]"""
        lines = np.reshape(lines, (len(w), 2, config.height, config.rank, -1))
        return np.reshape(np.transpose(lines, (0, 4, 2, 1, 3)), (len(w), -1, config.height, 2 * config.rank))

    def pixels(values):
        return nchw(np.reshape(values, (len(w), config.height, config.width, -1)))

    x, total = synthesis.input_(w[:, -1, 0], *line_coordinates(config)), 0.0
    found["b4.input"] = noted(x)
    for block in synthesis.blocks:
        x, parts, _ = block(x, w)
        scope = f"b{2**block.level}"
        found[f"{scope}:0"] = noted(x)
        for part in parts:
            total = total + part
            found[f"{scope}.tores"], found[f"{scope}:1"] = noted(part), noted(total)
    features = None
    for index, (rows, columns) in enumerate(generator.lines(w)):
        product = 0.5 * tf.reshape(tf.einsum("nikc,njkc->nijc", rows, columns), (-1, config.line_channels))
        if features is not None:
            decoder = synthesis.decoders[index - 1]
            found[f"decoder_{2 ** int(decoder.name.removeprefix('decoder'))}"] = decoded = decoder(features)
            product = product + decoded
        features = product
    found["decoder_last"] = features = synthesis.decoders[-1](features)
    found["decoder_img"] = image = synthesis.to_rgb(features)
    x, image = tf.reshape(features, (len(w), -1, config.line_channels)), pixels(image)
    for index, block in enumerate(synthesis.tail):
        x, part = block(x, w[:, -1, -1])
        image = image + pixels(part)
        found[f"block{index}:0"], found[f"block{index}:1"] = pixels(x), image
    assert sorted(found) == sorted(middle)
    for key, expected in middle.items():
        golden_row(name, f"signal {key}", forward_error(found[key], expected), FORWARD)


@pytest.mark.parametrize("name", [name for name in GENERATORS if name.startswith("sg3")])
def test_signals_on_the_way_of_stylegan3(name, golden_row):
    golden, generator = loaded(name)
    middle = golden.under("mid/synthesis.")
    if not middle:
        pytest.skip("the stored file has no signals on the way")
    synthesis, w = generator.synthesis, tf.constant(golden["in/ws"])
    for motion in golden.under("out/input_"):
        waves = synthesis.input_(w[:, 0], golden[f"in/transform_{motion}"])
        golden_row(name, f"input, {motion}", forward_error(nchw(waves), golden[f"out/input_{motion}"]), FORWARD)
    x = synthesis.input_(w[:, 0])
    golden_row(name, "input", forward_error(nchw(x), middle.pop("input")), FORWARD)
    for index, layer in enumerate(synthesis.layers_):
        x, _ = layer(x, w[:, index + 1])
        target = layer.plan.target
        key = f"L{index}_{target.size}_{target.channels}"
        if key in middle:  # one of the deep generator is left out
            golden_row(name, f"signal {key}", forward_error(nchw(x), middle.pop(key)), FORWARD)
    assert not middle


@pytest.mark.parametrize("name", [name for name in GENERATORS if name.startswith("sg3")])
def test_moved_images_and_magnitudes(name, golden_row):
    golden, generator = loaded(name)
    w = golden.w("in/ws")
    for motion in golden.under("in/transform_"):
        images = generator.synthesize(w, transform=golden[f"in/transform_{motion}"])
        golden_row(name, f"images, {motion}", forward_error(nchw(images), golden[f"out/img_{motion}"]), FORWARD)
    # the same motion for every sample, given one by one
    transforms = np.repeat(golden["in/transform_rot_trans"][None], len(w), axis=0)
    images = generator.synthesize(w, transform=transforms)
    golden_row(name, "images, rot_trans each", forward_error(nchw(images), golden["out/img_rot_trans"]), FORWARD)
    images, magnitudes = generator.synthesize(
        generator.map(golden["in/z"][:, None], golden.labels), magnitude_decay=MAGNITUDE_DECAY
    )
    golden_row(name, "images of training", forward_error(nchw(images), golden["ema/img"]), FORWARD)
    expected = golden.magnitudes(generator)
    golden_row(name, "magnitudes", float(np.abs(magnitudes / expected - 1.0).max()), FORWARD)
    before = [variable.numpy() for variable in generator.magnitudes]
    generator.assign_magnitudes(magnitudes)
    np.testing.assert_array_equal([variable.numpy() for variable in generator.magnitudes], magnitudes)
    generator.assign_magnitudes(before)


FILTERS = read_arrays(FOLDER / "stylegan3_filters.npz")


@pytest.mark.parametrize("case", [key.removesuffix("/layers") for key in FILTERS if key.endswith("/layers")])
def test_default_schedules_and_filters(case):
    resolution = int(case.removeprefix("res")[:-2])
    turning = case.endswith("_r")
    radial = {"conv_kernel": 1, "radial_filters": True, "channel_base": 32768, "channel_max": 1024} if turning else {}
    plans = layer_plans(StyleGAN3Config(resolution=resolution, **radial))
    rows = FILTERS[f"{case}/layers"]
    assert len(plans) == len(rows)
    for index, (plan, row) in enumerate(zip(plans, rows, strict=True)):
        source, target = plan.source, plan.target
        found = [source.channels, target.channels, source.size, target.size, source.rate, target.rate]
        found += [source.cutoff, target.cutoff, source.half_width, target.half_width, plan.up, plan.down, *plan.padding]
        if row[1] < 0:  # not noted for the first layer
            found[0] = -1
        np.testing.assert_allclose(found, row[1:], rtol=1e-6, err_msg=f"layer {index}")
        for name, taps in (("up", plan.up_filter), ("down", plan.down_filter)):
            key = f"{case}/L{index}/{name}"
            assert (taps is not None) == (key in FILTERS), key
            if taps is not None:
                assert taps.shape == FILTERS[key].shape
                np.testing.assert_allclose(taps, FILTERS[key], atol=FILTER, err_msg=key)


def test_bessel_function():
    # Abramowitz and Stegun, table 9.1
    np.testing.assert_allclose(
        bessel_j1([0.0, 1.0, 5.0, 10.0]), [0.0, 0.4400505857, -0.3275791376, 0.0434727462], atol=1e-9
    )


def test_parts_that_nothing_reads_are_left_out():
    golden = FamilyGolden("creps_G_16")
    dead = [name for name in golden.state if name.startswith(("synthesis.b4.tores.", "synthesis.decoder_8."))]
    assert len(dead) == 4 + 8
    without = {name: array for name, array in golden.state.items() if name not in dead}
    for ours, theirs in zip(golden.load().weights, golden.load(state=without).weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("sg3_t_16", {"kwargs": {"num_critical": 3}}, r"'synthesis.L\d_\d+_\d+.affine.bias' is missing"),
        ("creps_G_16", {"kwargs": {"architecture": "orig"}}, "'architecture' of .* is 'orig'; only 'skip' works"),
        ("sg3_t_16", {"state": {"synthesis.input.transform": np.zeros((3, 3))}}, "transform.*differs from the one we"),
        ("sg3_t_16", {"state": {"synthesis.L9.weight": np.zeros(3)}}, "L9.weight' of the PyTorch network is left over"),
        ("creps_G_16", {"kwargs": {"rank": 4}}, "unknown static argument 'rank' of the creps generator"),
        ("creps_G_16", {"state": {"synthesis.b8.fc0.weight": np.zeros((2, 2))}}, "b8.fc0.weight' has shape"),
    ],
)
def test_imports_that_cannot_work_are_refused(name, change, message):
    golden = FamilyGolden(name)
    arguments = {"state": golden.state | change.get("state", {}), "kwargs": golden.kwargs | change.get("kwargs", {})}
    with pytest.raises(ConfigError, match=message):
        golden.load(**arguments)
