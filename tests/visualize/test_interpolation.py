from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gansformer_tf.drawing.sampler import Sampler
from gansformer_tf.visualize.image_folder import ImageFolder
from gansformer_tf.visualize.interpolation import interpolate, lerp, slerp, steps_between, write_interpolations
from tests.visualize.fakes import FakeGenerator

A, B = np.random.RandomState(0).standard_normal((2, 3, 16)).astype(np.float32)


def test_slerp_meets_its_ends_and_keeps_the_length():
    np.testing.assert_allclose(slerp(A, B, 0.0), A, atol=1e-6)
    np.testing.assert_allclose(slerp(A, B, 1.0), B, atol=1e-6)
    expected = (np.linalg.norm(A, axis=-1) + np.linalg.norm(B, axis=-1)) / 2
    np.testing.assert_allclose(np.linalg.norm(slerp(A, B, 0.5), axis=-1), expected, rtol=1e-5)
    assert (np.linalg.norm(lerp(A, B, 0.5), axis=-1) < expected - 0.2).all()


def test_slerp_goes_at_even_speed():
    a, b = np.eye(2, dtype=np.float32)
    angles = [np.arctan2(*slerp(a, b, t)[::-1]) for t in (0.25, 0.5, 0.75)]
    np.testing.assert_allclose(angles, np.pi / 2 * np.array([0.25, 0.5, 0.75]), rtol=1e-5)


@given(st.floats(0, 1))
def test_slerp_of_parallel_and_opposite_vectors_is_finite(t):
    for end in (A, 2 * A, -A, 0 * A):
        assert np.isfinite(slerp(A, end, t)).all()


def test_frames_and_ends():
    sampler = Sampler(FakeGenerator(), batch_size=3)
    frames = list(interpolate(sampler, 1, 2, density=4))
    assert len(frames) == 6
    first = sampler.synthesize(sampler.latents_w([1]), sampler.noise([1]))[0][0]
    last = sampler.synthesize(sampler.latents_w([2]), sampler.noise([1]))[0][0]
    np.testing.assert_allclose(frames[0], first, atol=1e-5)
    np.testing.assert_allclose(frames[-1], last, atol=1e-5)


@pytest.mark.parametrize("space", ["z", "w"])
def test_one_component_moves_alone(space):
    sampler = Sampler(FakeGenerator(), batch_size=3)
    start, *_, end = interpolate(sampler, 1, 2, density=2, space=space, component=2)
    changed = np.abs(end - start).max(axis=(0, 2)) > 1e-6  # per column; the fake's component 2 owns columns 8 to 11
    assert changed[8:12].all() and not changed[:8].any() and not changed[12:].any()


def test_errors():
    sampler = Sampler(FakeGenerator())
    with pytest.raises(ValueError, match="choose z or w"):
        next(interpolate(sampler, 0, 1, space="x"))
    with pytest.raises(ValueError, match="latents 0 to 4"):
        next(interpolate(sampler, 0, 1, component=5))
    with pytest.raises(ValueError, match="0 or more"):
        steps_between(-1)


def test_files(tmp_path):
    sampler = Sampler(FakeGenerator())
    ways = list(write_interpolations(sampler, [(0, 1)], ImageFolder(tmp_path), density=1, per_component=True))
    assert len(ways) == 2 * (1 + 5)
    for way in ways:
        names = {str(path.relative_to(way)) for path in way.rglob("*.*")}
        frames = {f"frames/000{index}.png" for index in range(3)}
        assert names == {"sheet.png", "interpolation.gif", "interpolation.mp4"} | frames
