"""Phases of a training step of StyleGAN3 and StyleGAN2 against the published code, and what they move."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import tensorflow as tf

from gansformer_tf.config import TrainConfig
from gansformer_tf.config.presets import preset
from gansformer_tf.convert import from_pytorch
from gansformer_tf.convert.pytorch_names import names_of
from gansformer_tf.ops import SeedStream
from gansformer_tf.training.augment.control import Augmentation
from gansformer_tf.training.blur import blur_sigma, blurred
from gansformer_tf.training.penalties import path_length_loss, path_lengths, update_path_mean
from gansformer_tf.training.phases import MicroBatch, PhaseLosses
from gansformer_tf.training.variables import network_state
from tests.convert.pytorch_golden import gradient_pairs
from tests.models.family_golden import ARRAYS, INDEX
from tests.models.golden import gradient_error, read_arrays
from tests.training.family_steps import GENERATORS, make_step

VALUE, GRADIENT = 1e-4, 1e-3
CASES = {"loss_sg3t": "stylegan3", "loss_sg3r_blur": "stylegan3", "loss_sg2": "stylegan2"}
PRESETS = {"loss_sg3t": "StyleGAN3-T", "loss_sg3r_blur": "StyleGAN3-R", "loss_sg2": "StyleGAN2-2021"}
MAGNITUDE_DECAY = 0.9
W_DECAY = 0.998
PATH_MEAN, PATH_DECAY, PATH_WEIGHT = 0.25, 0.01, 2.0


class FixedStream(SeedStream):
    """Gives the same latents whatever is drawn."""

    def __init__(self, z: np.ndarray) -> None:
        super().__init__(0)
        self.z = z

    def normal(self, shape, *_):
        return tf.reshape(self.z, shape)

    def fork(self):
        return self

    def with_order(self, order):
        return SeedStream(0)  # of the discriminator, which draws nothing here


class FixedBatch(MicroBatch):
    """A batch whose latents are given in place of a seed."""

    def stream(self):
        return FixedStream(self.seed)


class LossCase:
    """Networks and batch of a golden file.

    Samples come in the order in which groups of the minibatch standard deviation are runs of neighbours.
    """

    def __init__(self, name: str) -> None:
        info, self.arrays = INDEX[name], read_arrays(ARRAYS / f"{name}.npz")
        self.name, self.family = name, CASES[name]
        self.generator = from_pytorch(self._state("G"), info["G_kwargs"], self.family)
        self.discriminator = from_pytorch(self._state("D"), info["D_kwargs"], "stylegan2", "discriminator")
        settings = info["loss_kwargs"]
        train = preset(PRESETS[name])["train"]
        half_life = 4 / np.log2(1.0 / MAGNITUDE_DECAY) / 1000
        config = TrainConfig(
            batch_size=4,
            style_mixing=0.0,
            **{key: train[key] for key in ("count_unread_layer", "w_avg_phases") if key in train},
            gamma=settings["r1_gamma"],
            magnitude_half_life_kimg=float(half_life),
            blur_init_sigma=settings.get("blur_init_sigma", 0.0),
            blur_fade_kimg=settings.get("blur_fade_kimg", 200.0),
        )
        self.losses = PhaseLosses(self.generator, self.discriminator, config, Augmentation(config))
        group = self.discriminator.config.mbstd_group_size
        self.order = np.arange(4).reshape(group, -1).T.ravel()
        images = np.transpose(self.arrays["in/real_img"], (0, 2, 3, 1))[self.order]
        z = self.arrays["in/gen_z"][self.order]
        self.batch = FixedBatch(z, 0, tf.constant(images), None, 4, info["cur_nimg"])

    def _state(self, network: str) -> dict[str, np.ndarray]:
        starts = (f"{network}_param/", f"{network}_buffer/")
        return {key.split("/", 1)[1]: value for key, value in self.arrays.items() if key.startswith(starts)}

    def gradients_differ(self, tape, loss, network: str, phase: str) -> float:
        model, family, kind = {
            "G": (self.generator, self.family, "generator"),
            "D": (self.discriminator, "stylegan2", "discriminator"),
        }[network]
        prefix = f"{phase}/grad/"
        expected = {key[len(prefix) :]: value for key, value in self.arrays.items() if key.startswith(prefix)}
        assert expected
        names = names_of(model, family, kind)
        return max(gradient_pairs(names, expected, lambda variables: tape.gradient(loss, variables)).values())

    def path_length_loss(self, phase: str) -> tf.Tensor:
        """Their path-length term: of the first half of the batch, and with their noise."""
        if not INDEX[self.name]["loss_kwargs"].get("pl_weight"):
            return tf.zeros([])
        noise = tf.constant(np.transpose(self.arrays[f"{phase}/draw00"], (0, 2, 3, 1)))
        w = self.generator.map(tf.constant(self.arrays["in/gen_z"][: len(noise), None]))
        unread = self.losses.unread_layers
        lengths = path_lengths(lambda w: self.generator.synthesize(w, noise_mode="const"), w, noise, unread)
        loss = path_length_loss(lengths, tf.reduce_mean(lengths), PATH_MEAN, PATH_DECAY, PATH_WEIGHT)
        mean = update_path_mean(PATH_MEAN, tf.reduce_mean(lengths), PATH_DECAY)
        assert gradient_error(loss, self.report(phase, "G/reg")) < VALUE
        assert gradient_error(mean, self.arrays[f"{phase}/pl_mean_after"]) < VALUE
        return tf.reduce_mean(loss)

    def report(self, phase: str, name: str) -> np.ndarray:
        return self.arrays[f"{phase}/report/Loss/{name}/0"]


loss_case = functools.lru_cache(LossCase)


@pytest.mark.parametrize("name", CASES)
def test_generator_phase(name):
    case = loss_case(name)
    with tf.GradientTape() as tape:
        loss, statistics = case.losses.generator_main(case.batch)
    assert gradient_error(loss, case.report("Gmain", "G/loss").mean()) < VALUE
    assert case.gradients_differ(tape, loss, "G", "Gmain") < GRADIENT
    assert not {"w_average", "magnitudes"} & set(statistics)


@pytest.mark.parametrize("name", CASES)
def test_discriminator_phase(name):
    case = loss_case(name)
    with tf.GradientTape() as tape:
        loss, statistics = case.losses.discriminator_main(case.batch)
    reports = {key: case.report("Dmain", f"scores/{key}").mean() for key in ("real", "fake")}
    generated = np.log1p(np.exp(case.report("Dmain", "scores/fake"))).mean()
    assert gradient_error(loss, generated + np.log1p(np.exp(-case.report("Dmain", "scores/real"))).mean()) < VALUE
    for key, value in reports.items():
        assert gradient_error(statistics[f"score/{key}"], value) < VALUE
    assert case.gradients_differ(tape, loss, "D", "Dmain") < GRADIENT
    average = case.arrays["G_buffer/mapping.w_avg"]
    moved = statistics["w_average"] + W_DECAY * (average - statistics["w_average"])
    assert gradient_error(moved, case.arrays["Dmain/buffer_after/mapping.w_avg"]) < VALUE
    if case.family == "stylegan3":
        after = [value for key, value in case.arrays.items() if key.startswith("Dmain/buffer_after/synthesis.L")]
        np.testing.assert_allclose(statistics["magnitudes"], after, rtol=VALUE)


@pytest.mark.parametrize("name", CASES)
def test_penalty_phase(name):
    case = loss_case(name)
    with tf.GradientTape() as tape:
        loss, statistics = case.losses.discriminator_regularizer(case.batch)
    assert gradient_error(statistics["penalty/r1"], case.report("Dreg", "D/reg").mean()) < VALUE
    assert case.gradients_differ(tape, loss, "D", "Dreg") < GRADIENT


@pytest.mark.parametrize("name", CASES)
def test_penalty_in_the_main_phase(name):
    """With no interval of its own the penalty joins the main phase: the gradients add up."""
    case = loss_case(name)
    with tf.GradientTape() as tape:
        main, _ = case.losses.discriminator_main(case.batch)
        penalty, statistics = case.losses.discriminator_regularizer(case.batch)
        loss = main + penalty / case.losses.config.d_reg_interval
    assert gradient_error(statistics["penalty/r1"], case.report("Dboth", "D/reg").mean()) < VALUE
    assert case.gradients_differ(tape, loss, "D", "Dboth") < GRADIENT


@pytest.mark.parametrize("name", CASES)
def test_path_length_in_the_main_phase_and_in_its_own(name):
    case = loss_case(name)
    gains = {"Gboth": 1.0, "Greg": 4.0}
    for phase, gain in gains.items():
        if phase == "Greg" and case.family == "stylegan3":
            continue  # it has no such phase
        with tf.GradientTape() as tape:
            loss = case.path_length_loss(phase) * gain
            if phase == "Gboth":
                loss += case.losses.generator_main(case.batch)[0]
        assert case.gradients_differ(tape, loss, "G", phase) < GRADIENT


# -- blur ------------------------------------------------------------------------------------------------------------


def test_blur_is_a_convolution_that_fades():
    images = tf.constant(np.random.default_rng(0).standard_normal((2, 9, 7, 3)), tf.float32)
    sigma = blur_sigma(50_000, 2.0, 200.0)
    assert float(sigma) == pytest.approx(1.5)
    taps = 2.0 ** -np.square(np.arange(-4, 5) / 1.5)
    taps /= taps.sum()
    expected = np.apply_along_axis(lambda row: np.convolve(row, taps)[4:-4], 1, images.numpy())
    expected = np.apply_along_axis(lambda row: np.convolve(row, taps)[4:-4], 2, expected)
    np.testing.assert_allclose(blurred(images, sigma, 2.0), expected, atol=1e-6)
    np.testing.assert_array_equal(blurred(images, blur_sigma(200_000, 2.0, 200.0), 2.0), images)


# -- steps -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", GENERATORS)
def test_steps_move_what_they_should(family):
    images = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 3), np.uint8)
    step = make_step(family, g_reg_interval=None)
    before = {name: variable.numpy() for name, variable in network_state(step.generator, "g").items()}
    tf.config.run_functions_eagerly(family != "stylegan3")  # one traced step is enough
    try:
        statistics = step.run(0, images, np.zeros((4, 0), np.float32))
    finally:
        tf.config.run_functions_eagerly(False)
    assert all(np.isfinite(value).all() for value in statistics.values())
    assert not {"w_average", "magnitudes"} & set(statistics)
    after = {name: variable.numpy() for name, variable in network_state(step.generator, "g").items()}
    kept = {name for name in before if np.array_equal(before[name], after[name])}
    assert kept == {name for name in before if name.endswith(("/frequencies", "/phases", "/noise/buffer"))}
    if family == "stylegan3":
        averages = [variable.numpy() for variable in step.ema_generator.magnitudes]
        np.testing.assert_array_equal(averages, [variable.numpy() for variable in step.generator.magnitudes])


def test_averages_do_not_depend_on_how_a_batch_is_cut():
    step = make_step("stylegan3")
    images = tf.constant(np.random.default_rng(0).uniform(-1, 1, (4, 8, 8, 3)), tf.float32)
    seed = tf.constant([1, 2], tf.int64)
    whole = step.losses.discriminator_main(MicroBatch(seed, 0, images, None, 4))[1]
    parts = [
        step.losses.discriminator_main(MicroBatch(seed, first, images[first : first + 2], None, 4))[1]
        for first in (0, 2)
    ]
    for name in ("w_average", "magnitudes"):
        # the layers of each part divide by the average that their own samples have moved
        np.testing.assert_allclose(parts[0][name] + parts[1][name], whole[name], rtol=0.05, atol=1e-5)


def test_optimizer_without_regularisation_keeps_its_rate():
    assert make_step("stylegan3", g_reg_interval=None).g_optimizer.learning_rate == pytest.approx(0.002)
    assert make_step("stylegan3", g_reg_interval=4).g_optimizer.learning_rate == pytest.approx(0.002 * 4 / 5)
