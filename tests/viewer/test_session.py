"""What the viewer computes, without a browser."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gansformer_tf.drawing.sampler import GRAPH_FROM
from gansformer_tf.viewer.edits import resample_under, state_of
from gansformer_tf.viewer.session import OVERLAYS, ViewerSession
from gansformer_tf.viewer.state import ImageState, Photo, Tab
from tests.visualize.fakes import FakeGenerator, tiny_config


@pytest.fixture(scope="module")
def session():
    return ViewerSession(FakeGenerator())


@pytest.fixture(scope="module")
def image(session):
    return session.draw(ImageState(seed=3))


def columns_changed(before, after):
    return np.flatnonzero(np.abs(after.pixels.astype(int) - before.pixels).max(axis=(0, 2)) > 0).tolist()


def test_a_state_is_an_image(session, image):
    np.testing.assert_array_equal(session.draw(ImageState(seed=3)).pixels, image.pixels)
    assert [attention.shape[:3] for attention in image.attention] == [(1, 4, 4), (1, 16, 16)]
    for change in ({"seed": 4}, {"truncation_psi": 0.2}, {"noise_mode": "none"}):
        assert columns_changed(image, session.draw(replace(image.state, **change)))


def test_a_click_names_the_component_of_the_region(session, image):
    assert session.component_at(image, x=9, y=2) == (2, 1.0)
    with pytest.raises(ValueError, match="outside the image"):
        session.component_at(image, x=16, y=0)


def test_resampling_changes_only_that_component(session, image):
    once = session.draw(image.state.resample(2))
    twice = session.draw(once.state.resample(2))
    assert columns_changed(image, once) == [8, 9, 10, 11] and columns_changed(once, twice) == [8, 9, 10, 11]


def test_strength_zero_is_the_mean(session, image):
    state = replace(image.state, strengths=(1.0, 0.0, 1.0, 1.0, 1.0))
    assert columns_changed(image, session.draw(state)) == [4, 5, 6, 7]
    np.testing.assert_array_equal(session.w(state)[:, 1], 0.0 * session.w(state)[:, 1])
    with pytest.raises(ValueError, match="2 strengths for 5 latents"):
        session.w(replace(state, strengths=(1.0, 1.0)))


def test_overlays(session, image):
    shown = {kind: session.overlay(image, kind, layer=0) for kind in OVERLAYS}
    assert len({image.tobytes() for image in shown.values()}) == len(OVERLAYS)
    assert all(image.shape == (384, 384, 3) for image in shown.values())
    alone = session.overlay(image, "image", component=0)
    assert (alone[:, :96] == shown["image"][:, :96]).all() and (alone[:, 96:] < shown["image"][:, 96:]).any()


def test_between_two_images(session, image):
    other = session.draw(ImageState(seed=5))
    way = list(session.way(image, other, density=3))
    assert len(way) == 5
    np.testing.assert_array_equal(way[0], image.pixels)
    assert columns_changed(image, replace(other, pixels=way[2]))


def test_a_model_without_attention():
    session = ViewerSession(FakeGenerator(tiny_config(transformer=False, num_components=1)))
    image = session.draw(ImageState())
    assert image.attention == ()
    assert session.overlay(image, "blend").shape == (384, 384, 3)
    with pytest.raises(ValueError, match="no attention"):
        session.component_at(image, 0, 0)


def test_classes():
    session = ViewerSession(FakeGenerator(tiny_config(label_dim=3)))
    zero, two = (session.w(ImageState(label=label)) for label in (0, 2))
    np.testing.assert_allclose(two - zero, 2.0 * 0.7, atol=1e-5)


def test_bad_seed(session):
    with pytest.raises(ValueError, match="out of range"):
        session.draw(ImageState(seed=-1))


def test_behind_the_first_image_everything_is_a_graph(monkeypatch):
    tf = pytest.importorskip("tensorflow")
    generator, eager = FakeGenerator(), []
    for name in ("map", "synthesize"):
        method = getattr(generator, name)

        def watched(*arguments, method=method, **settings):
            eager.append(tf.executing_eagerly())
            return method(*arguments, **settings)

        monkeypatch.setattr(generator, name, watched, raising=False)
    session = ViewerSession(generator)
    session.draw(ImageState())
    assert eager == [True, True]
    session.warm_up()
    session.draw(ImageState(seed=GRAPH_FROM))
    assert eager == [True] * 2 * (GRAPH_FROM - 1) + [False, False]


def test_a_component_of_another_seed(session, image):
    taken = session.draw(image.state.take(2, 9))
    assert columns_changed(image, taken) == [8, 9, 10, 11]
    np.testing.assert_array_equal(taken.w[:, 2], session.draw(ImageState(seed=9)).w[:, 2])
    assert image.state.take(2, 9).of_seed(4).taken == ()


def test_a_photo_stands_in_the_place_of_the_seed(session, image):
    photo = Photo("me", np.full_like(image.w, 0.5))
    state = state_of(photo, image.state)
    np.testing.assert_array_equal(session.w(replace(state, truncation_psi=0.2)), photo.w)  # seeds alone are truncated
    np.testing.assert_array_equal(session.w(state.take(1, 9))[:, 1], session.w(ImageState(seed=9))[:, 1])
    assert session.noise(state) is None and state.name == "me" and state.describe()["projected"] == "me"
    assert state.of_seed(4).photo is None and state.unchanged == state
    with_noise = Photo("me", photo.w, [np.ones((1, *shape), np.float32) for shape in FakeGenerator().noise_shapes])
    drawn = session.draw(state_of(with_noise, image.state))
    np.testing.assert_array_equal(drawn.pixels, np.uint8(np.rint((0.5 + 0.1 + 1) * 127.5)))


def test_moves_of_one_slider_are_one_change(image):
    view = Tab(image)
    for slider in ("psi", "psi", "", "psi", "move-0"):
        view = view.show(image, slider)
    assert len(view.past) == 4


def test_moves_are_kept_by_method_and_latent():
    state = ImageState().move("sefa", 1, (0.5, 0.0)).move("ganspace", 0, (1.0, 2.0)).move("sefa", 1, (0.0, 3.0))
    assert state.amounts("sefa", 1) == (0.0, 3.0) and state.amounts("ganspace", 0) == (1.0, 2.0)
    assert state.move("sefa", 1, (0.0, 0.0)).moves == (("ganspace", 0, (1.0, 2.0)),)


def test_the_mask_chooses_the_component(session, image):
    mask = np.zeros((16, 16))
    mask[2:9, 9:13] = 1  # three columns of the third stripe, one of the fourth
    anew, component, share = resample_under(session, image, mask)
    assert component == 2 and columns_changed(image, anew) == [8, 9, 10, 11]
    np.testing.assert_allclose(share, 7 * 3 / (16 * 4), rtol=0.05)
    with pytest.raises(ValueError, match="the mask has 8x8 pixels"):
        resample_under(session, image, mask[:8, :8])
