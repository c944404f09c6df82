"""Mixing, noise variance, truncation and ablation on the fake generator, where the right answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from gansformer_tf.drawing.pixels import to_uint8
from gansformer_tf.drawing.sampler import Sampler
from gansformer_tf.visualize.ablation import component_ablation
from gansformer_tf.visualize.heat import change_map, heat_map
from gansformer_tf.visualize.noise_variance import noise_variance
from gansformer_tf.visualize.style_mixing import (
    COMPONENT_AXIS,
    LAYER_AXIS,
    layer_ranges,
    mix,
    mix_components,
    mix_layers,
)
from gansformer_tf.visualize.truncation import truncation_sweep
from tests.visualize.fakes import FakeGenerator


@pytest.fixture(scope="module")
def sampler():
    return Sampler(FakeGenerator(), batch_size=3)


def test_mix_takes_what_it_is_told():
    w, other = np.zeros((1, 5, 7, 8), np.float32), np.ones((1, 5, 7, 8), np.float32)
    assert mix(w, other, LAYER_AXIS, [2, 3])[0, 0, :, 0].tolist() == [0, 0, 1, 1, 0, 0, 0]
    assert mix(w, other, COMPONENT_AXIS, [4])[0, :, 0, 0].tolist() == [0, 0, 0, 0, 1]
    assert not mix(w, other, LAYER_AXIS, []).any()
    with pytest.raises(ValueError, match="layers 0 to 6"):
        mix(w, other, LAYER_AXIS, [7])
    with pytest.raises(ValueError, match="latents 0 to 4"):
        mix(w, other, COMPONENT_AXIS, [-1])


@pytest.mark.parametrize("num_layers", [5, 7, 11, 13, 17])
def test_layer_ranges_cover_every_layer_once(num_layers):
    ranges = layer_ranges(num_layers)
    assert [layer for part in ranges.values() for layer in part] == list(range(num_layers))


def test_all_layers_of_another_seed_are_its_image_with_our_noise(sampler):
    table = mix_layers(sampler, [1, 2], [3, 4, 5, 6], range(7))
    assert len(table) == 2 and len(table[0]) == 4
    expected = sampler.synthesize(sampler.latents_w([4]), sampler.noise([2]))[0][0]
    np.testing.assert_allclose(table[1][1], expected, atol=1e-5)


def test_a_swapped_component_changes_its_own_region(sampler):
    base = sampler.synthesize(sampler.latents_w([1]), sampler.noise([1]))[0][0]
    images = mix_components(sampler, 1, 2)
    assert len(images) == 5  # four components and the global latent
    for component, image in enumerate(images[:4]):
        changed = np.abs(image - base).max(axis=(0, 2)) > 1e-6
        assert np.flatnonzero(changed).tolist() == list(range(4 * component, 4 * component + 4))


def test_noise_variance_is_that_of_the_noise(sampler):
    mean, deviation = noise_variance(sampler, seed=1, draws=200)
    clean = sampler.synthesize(sampler.latents_w([1]), [0 * noise for noise in sampler.noise([1])])[0][0]
    np.testing.assert_allclose(mean, np.clip(clean, -1, 1), atol=0.05)
    assert abs(np.median(deviation) - 0.1 * 127.5) < 1.0


def test_noise_variance_errors(sampler):
    with pytest.raises(ValueError, match="at least 2"):
        noise_variance(sampler, 0, draws=1)
    with pytest.raises(ValueError, match="noise-mode random"):
        noise_variance(Sampler(FakeGenerator(), noise_mode="none"), 0)


def test_truncation_sweep_starts_at_the_average(sampler):
    average, half, full = truncation_sweep(sampler, 1, psis=(0.0, 0.5, 1.0))
    noise = 0.1 * sampler.noise([1])[-1][0]
    np.testing.assert_allclose(average - noise, 0.0 * average, atol=1e-6)
    np.testing.assert_allclose(half - noise, 0.5 * (full - noise), atol=1e-5)


def test_ablation_shows_what_each_component_draws(sampler):
    image, ablated, changes = component_ablation(sampler, 1)
    assert len(ablated) == len(changes) == 5
    for component in range(4):
        outside = np.delete(changes[component], range(4 * component, 4 * component + 4), axis=1)
        assert changes[component].max() > 1 and outside.max() == 0
    assert not changes[4].any(), "the fake's global latent draws nothing"
    np.testing.assert_array_equal(changes[0], change_map(image, ablated[0]))


def test_ablation_replaces_a_latent_by_the_mean_and_not_by_zero():
    generator = FakeGenerator()
    generator.w_avg = np.full(generator.config.style_dim, 0.5, np.float32)
    _, ablated, _ = component_ablation(Sampler(generator, noise_mode="none"), 1)
    np.testing.assert_array_equal(ablated[1][:, 4:8], to_uint8(np.full((16, 4, 3), 0.5, np.float32)))


def test_heat_map_runs_from_black_to_bright():
    colors = heat_map(np.array([[0.0, 1.0, 2.0]]))[0].astype(int)
    assert colors[0].sum() < 10 and colors[2].sum() > 600
    assert colors.sum(axis=-1).tolist() == sorted(colors.sum(axis=-1))
    np.testing.assert_array_equal(heat_map(np.array([[1.0]]), maximum=2.0)[0, 0], colors[1])
