"""Edits of components, on a generator in which each paints one stripe."""

from __future__ import annotations

import numpy as np
import pytest

from gansformer_tf.drawing.sampler import Sampler
from gansformer_tf.edit.components import edit
from tests.visualize.fakes import FakeGenerator, tiny_config


@pytest.fixture(scope="module")
def sampler():
    return Sampler(FakeGenerator(), truncation_psi=1.0, noise_mode="const", batch_size=2)


def levels(*values):
    """w whose components have these levels, `[1, 5, 7, 8]`: four stripes of four columns, and the global one."""
    config = tiny_config()
    w = np.zeros((1, config.num_latents, config.num_layers, config.style_dim), np.float32)
    w[0, : len(values)] = np.asarray(values, np.float32)[:, None, None]
    return w


def stripes(images):
    """The level of each stripe in -1..1."""
    return np.round(images[:, 0, ::4, 0] / 127.5 - 1, 1).tolist()


W, OTHER = levels(-0.4, -0.2, 0.2, 0.4), levels(0.8, 0.8, 0.8, 0.8)


@pytest.mark.parametrize(
    ("action", "settings", "expected"),
    [
        ("take", {"component": 1, "other": OTHER}, [-0.4, 0.8, 0.2, 0.4]),
        ("remove", {"component": 3, "mean": levels(0, 0, 0, -0.6)[0, :, 0]}, [-0.4, -0.2, 0.2, -0.6]),
        ("swap", {"component": 0, "to": 2}, [0.2, -0.2, -0.4, 0.4]),
        ("duplicate", {"component": 0, "to": 2}, [-0.4, -0.2, -0.4, 0.4]),
    ],
)
def test_actions(action, settings, expected, sampler):
    found = edit(sampler, np.concatenate([W, W]), action, **settings)
    assert stripes(found.before) == [[-0.4, -0.2, 0.2, 0.4]] * 2
    assert stripes(found.images) == [expected] * 2
    changed = [index for index in range(4) if expected[index] != stripes(found.before)[0][index]]
    assert found.components == (tuple(changed),) * 2
    np.testing.assert_array_equal(found.region[0, 0, ::4], np.isin(range(4), changed))
    np.testing.assert_array_equal(found.share, 1.0)  # every stripe listens to its component alone
    assert (found.change[0, 0, ::4] > 0).tolist() == [index in changed for index in range(4)]


def test_resample_under_a_mask(sampler):
    mask = np.zeros((16, 16))
    mask[2:9, 9:13] = 255  # three columns of the third stripe, one of the fourth
    found = edit(sampler, W, "resample", other=OTHER, mask=mask)
    assert stripes(found.images) == [[-0.4, -0.2, 0.8, 0.4]] and found.components == ((2,),)
    np.testing.assert_array_equal(found.region[0], mask > 0)
    np.testing.assert_allclose(found.share, 7 * 3 / (16 * 4))


def test_nothing_changed_has_no_share(sampler):
    assert np.isnan(edit(sampler, W, "take", component=1, other=W).share).all()


def test_from_a_batch(sampler):
    both = np.concatenate([OTHER, W])
    found = edit(sampler, np.concatenate([W, W]), "take", component=0, other=both)
    assert stripes(found.images) == [[0.8, -0.2, 0.2, 0.4], [-0.4, -0.2, 0.2, 0.4]]


@pytest.mark.parametrize(
    ("action", "settings", "message"),
    [
        ("paint", {}, "the edit 'paint' is unknown; choose one of take, remove"),
        ("take", {"component": 4, "other": OTHER}, "take: component is 4; this model has components 0 to 3"),
        ("take", {"component": None, "other": OTHER}, "take: component is None"),
        ("swap", {"component": 1}, "swap: to is None"),
        ("swap", {"component": 1, "to": 1}, "component 1 with itself changes nothing"),
        ("take", {"component": 1}, "take: the other w has shape None; give"),
        ("take", {"component": 1, "other": OTHER[:, :3]}, "take: the other w has shape"),
        ("take", {"component": 1, "other": np.repeat(OTHER, 3, 0)}, r"give \[1 or 1, 5,"),
        ("resample", {"other": OTHER}, "a mask is missing"),
        ("resample", {"other": OTHER, "mask": np.ones((8, 8))}, "the mask has 8x8 pixels, the image 16x16"),
        ("resample", {"other": OTHER, "mask": np.zeros((16, 16))}, "the mask is empty"),
    ],
)
def test_what_cannot_be_done(action, settings, message, sampler):
    with pytest.raises(ValueError, match=message):
        edit(sampler, W, action, **settings)


def test_a_model_without_attention():
    plain = Sampler(FakeGenerator(tiny_config(transformer=False, num_components=1)), noise_mode="const")
    with pytest.raises(ValueError, match="edits of components were asked for, but this model has no attention"):
        edit(plain, W, "take", component=0, other=OTHER)
