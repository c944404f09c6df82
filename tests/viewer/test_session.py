"""What the viewer computes, without a browser."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gansformer_tf.viewer.session import OVERLAYS, PictureState, ViewerSession
from tests.visualize.fakes import FakeGenerator, tiny_config


@pytest.fixture(scope="module")
def session():
    return ViewerSession(FakeGenerator())


@pytest.fixture(scope="module")
def picture(session):
    return session.draw(PictureState(seed=3))


def columns_changed(before, after):
    return np.flatnonzero(np.abs(after.pixels.astype(int) - before.pixels).max(axis=(0, 2)) > 0).tolist()


def test_warm_up_lists_the_layers(session):
    assert session.warm_up() == [(1, 4, 4), (1, 16, 16)]


def test_a_state_is_a_picture(session, picture):
    np.testing.assert_array_equal(session.draw(PictureState(seed=3)).pixels, picture.pixels)
    for change in ({"seed": 4}, {"truncation_psi": 0.2}, {"noise_mode": "none"}):
        assert columns_changed(picture, session.draw(replace(picture.state, **change)))


def test_a_click_names_the_component_of_the_region(session, picture):
    assert session.component_at(picture, x=9, y=2) == (2, 1.0)
    with pytest.raises(ValueError, match="outside the picture"):
        session.component_at(picture, x=16, y=0)


def test_resampling_changes_only_that_component(session, picture):
    once = session.draw(picture.state.resample(2))
    twice = session.draw(once.state.resample(2))
    assert columns_changed(picture, once) == [8, 9, 10, 11] and columns_changed(once, twice) == [8, 9, 10, 11]


def test_strength_zero_is_the_mean(session, picture):
    state = replace(picture.state, strengths=(1.0, 0.0, 1.0, 1.0, 1.0))
    assert columns_changed(picture, session.draw(state)) == [4, 5, 6, 7]
    np.testing.assert_array_equal(session.w(state)[:, 1], 0.0 * session.w(state)[:, 1])
    with pytest.raises(ValueError, match="2 strengths for 5 latents"):
        session.w(replace(state, strengths=(1.0, 1.0)))


def test_overlays(session, picture):
    shown = {kind: session.overlay(picture, kind, layer=0) for kind in OVERLAYS}
    assert len({image.tobytes() for image in shown.values()}) == len(OVERLAYS)
    assert all(image.shape == (384, 384, 3) for image in shown.values())
    alone = session.overlay(picture, "picture", component=0)
    assert (alone[:, :96] == shown["picture"][:, :96]).all() and (alone[:, 96:] < shown["picture"][:, 96:]).any()


def test_between_two_pictures(session, picture):
    other = session.draw(PictureState(seed=5))
    way = list(session.way(picture, other, density=3))
    assert len(way) == 5
    np.testing.assert_array_equal(way[0], picture.pixels)
    assert columns_changed(picture, replace(other, pixels=way[2]))


def test_a_model_without_attention():
    session = ViewerSession(FakeGenerator(tiny_config(transformer=False, num_components=1)))
    assert session.warm_up() == []
    picture = session.draw(PictureState())
    assert session.overlay(picture, "blend").shape == (384, 384, 3)
    with pytest.raises(ValueError, match="no attention"):
        session.component_at(picture, 0, 0)


def test_classes():
    session = ViewerSession(FakeGenerator(tiny_config(label_dim=3)))
    zero, two = (session.w(PictureState(label=label)) for label in (0, 2))
    np.testing.assert_allclose(two - zero, 2.0 * 0.7, atol=1e-5)


def test_bad_seed(session):
    with pytest.raises(ValueError, match="out of range"):
        session.draw(PictureState(seed=-1))
