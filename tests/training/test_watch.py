"""Warnings that a tick gives."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from gansformer_tf.training.watch import collapse_warning, diversity, stall_warning, tick_warnings


def test_diversity_of_equal_and_opposite_images():
    images = np.zeros((4, 2, 2, 3), np.uint8)
    assert diversity(images) == 0
    images[::2] = 255
    assert diversity(images) == pytest.approx(0.5)


def test_samples_that_became_alike_are_reported():
    assert collapse_warning(0.2, 0.2) is None
    assert collapse_warning(0.1, 0.2) is None
    assert "collapsed" in collapse_warning(0.05, 0.2)


@pytest.mark.parametrize(
    ("record", "word"),
    [
        ({"score/real_sign": 0.99, "loss/d": 0.01}, "discriminator"),
        ({"data_wait_share": 0.4}, "40% of the time"),
    ],
)
def test_trouble_has_a_line_of_its_own(record, word):
    (warning,) = tick_warnings(record)
    assert warning.startswith("WARNING") and word in warning


def test_the_loss_of_a_wgan_tells_nothing_about_who_wins():
    """It has no lower bound, and is negative as a rule."""
    record = {"score/real_sign": 1.0, "loss/d": -0.2}
    assert tick_warnings(record, "wgan") == []
    assert len(tick_warnings(record, "hinge")) == 1


def test_a_wait_for_images_is_reported_while_it_lasts():
    said, heard = [], threading.Event()
    with stall_warning(lambda line: (said.append(line), heard.set()), seconds=0.01):
        assert heard.wait(60)
    assert said[0].startswith("WARNING: no images have come for")
    with stall_warning(said.append, seconds=1000.0):
        pass
    assert len(said) == 1


def test_a_healthy_tick_says_nothing():
    assert tick_warnings({"score/real_sign": 0.6, "loss/d": 0.9, "data_wait_share": 0.05}) == []
