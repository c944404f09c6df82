"""The sampler with a real generator."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from gansformer_tf.drawing.sampler import GRAPH_FROM, Sampler, samples_on_devices

SEEDS = [3, 0, 11, 4, 8]


def images(generator, seeds=SEEDS, **settings):
    return np.stack([sample.pixels for sample in Sampler(generator, **settings).samples(seeds)])


@pytest.fixture(scope="module")
def one_by_one(tiny_generator):
    return images(tiny_generator, batch_size=1)


@pytest.mark.parametrize("batch_size", [2, 3, 8])
def test_a_seed_gives_the_same_image_in_any_batch(tiny_generator, one_by_one, batch_size):
    found = images(tiny_generator, batch_size=batch_size).astype(int)
    # Without AVX-512 products of another size round otherwise, which may cross the border of a grey level.
    assert np.abs(found - one_by_one).max() <= 1 and np.mean(found != one_by_one) < 1e-3
    assert len({image.tobytes() for image in one_by_one}) == len(SEEDS)


def test_a_seed_gives_the_same_image_on_any_number_of_devices(tiny_generator, one_by_one):
    samplers = [Sampler(tiny_generator, batch_size=2, device="cpu:0") for _ in range(2)]
    samples = list(samples_on_devices(samplers, SEEDS))
    assert [sample.seed for sample in samples] == SEEDS
    np.testing.assert_array_equal(np.stack([sample.pixels for sample in samples]), one_by_one)


def test_the_first_images_are_drawn_without_a_graph_and_have_the_same_bits(tiny_generator, monkeypatch):
    eager, synthesize = [], tiny_generator.synthesize

    def watched(*arguments, **settings):
        eager.append(tf.executing_eagerly())
        return synthesize(*arguments, **settings)

    monkeypatch.setattr(tiny_generator, "synthesize", watched)
    sampler = Sampler(tiny_generator, batch_size=2)
    w, noise = sampler.latents_w(SEEDS), sampler.noise(SEEDS)
    first, *others = (sampler.synthesize(w, noise)[0] for _ in range(GRAPH_FROM + 1))
    assert eager == [True] * (GRAPH_FROM - 1) + [False]
    for images in others:
        np.testing.assert_array_equal(images, first)


def test_a_seed_is_the_generator_called_with_its_latents_and_noise(tiny_generator):
    sampler = Sampler(tiny_generator, truncation_psi=0.5)
    images = tiny_generator(sampler.latents([7]), truncation_psi=0.5, noise=sampler.noise([7]))
    expected = np.clip(np.rint((np.asarray(images[0]) + 1.0) * 127.5), 0, 255)
    image = next(sampler.samples([7])).pixels
    assert np.abs(image - expected).max() <= 1  # eager and graph may round a half differently


def test_attention_comes_at_native_resolution(tiny_generator):
    sample = next(Sampler(tiny_generator).samples([1], with_attention=True))
    assert sample.attention[0].shape == (1, 4, 4, 4) and sample.attention[-1].shape == (1, 16, 16, 4)
    for attention in sample.attention:
        np.testing.assert_allclose(attention.sum(-1), 1.0, atol=1e-5)


def test_truncation_pulls_towards_the_average(tiny_generator):
    sampler = Sampler(tiny_generator)
    w = sampler.latents_w([0], truncation_psi=0.0)
    np.testing.assert_allclose(w, np.broadcast_to(sampler.average_w(), w.shape), atol=1e-6)


def test_every_image_may_have_its_own_truncation(tiny_generator):
    sampler = Sampler(tiny_generator)
    psis = [0.0, 0.5, 1.0]
    z = sampler.latents(SEEDS[:3])
    together = sampler.map(z, truncation_psi=psis)
    for row, psi in enumerate(psis):
        np.testing.assert_array_equal(together[row], sampler.map(z, truncation_psi=psi)[row])
    full = sampler.map(z, truncation_psi=1.0)
    np.testing.assert_array_equal(together[2], full[2], "psi 1 changes nothing, to the last bit")
    np.testing.assert_allclose(sampler.truncate(full, np.array(psis, np.float32)), together, atol=1e-6)
    per_latent = np.ones((3, full.shape[1]), np.float32)
    per_latent[:, 2] = 0.0
    drawn = sampler.truncate(full, per_latent)
    np.testing.assert_allclose(drawn[:, 2], np.broadcast_to(sampler.average_w()[:, 0], drawn[:, 2].shape), atol=1e-6)
    np.testing.assert_array_equal(np.delete(drawn, 2, axis=1), np.delete(full, 2, axis=1))


def test_truncation_may_end_at_a_layer(tiny_generator):
    w = Sampler(tiny_generator).latents_w([0], truncation_psi=1.0)
    cut = np.asarray(tiny_generator.truncate(w, 0.0, cutoff=2))
    assert np.abs(cut[:, :, :2] - np.asarray(tiny_generator.w_avg)).max() < 1e-6
    np.testing.assert_array_equal(cut[:, :, 2:], w[:, :, 2:])


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"batch_size": 0}, "batch size is 0"),
        ({"truncation_psi": float("nan")}, "psi is nan"),
        ({"noise_mode": "loud"}, "noise mode"),
    ],
)
def test_bad_settings(tiny_generator, settings, reason):
    with pytest.raises(ValueError, match=reason):
        Sampler(tiny_generator, **settings)
