"""Changes of images whose numbers are known."""

from __future__ import annotations

import numpy as np
import pytest

from gansformer_tf.metrics.composition.change import change

OBJECTS = np.zeros((16, 16), int)
OBJECTS[2:6, 2:6] = 1
OBJECTS[10:14, 10:14] = 2
IMAGE = np.random.default_rng(0).integers(60, 120, (16, 16, 3))


def changed(where: np.ndarray, by: float = 100.0) -> np.ndarray:
    return IMAGE + by * where[..., None]


def test_one_object_alone():
    found = change(IMAGE, changed(OBJECTS == 1), OBJECTS, OBJECTS)
    assert (found.in_one_object, found.objects, found.background) == (1.0, 0.5, 1.0)
    assert found.if_even == found.pixels == pytest.approx(16 / 256)


def test_everything_alike():
    found = change(IMAGE, changed(np.ones((16, 16))), OBJECTS, OBJECTS)
    assert found.in_one_object == pytest.approx(found.if_even) == pytest.approx(16 / 256)
    assert (found.objects, found.background, found.pixels) == (1.0, 0.0, 1.0)


def test_both_objects():
    found = change(IMAGE, changed(OBJECTS > 0), OBJECTS, OBJECTS)
    assert (found.in_one_object, found.objects, found.background) == (0.5, 1.0, 1.0)


def test_an_object_that_grows_and_one_that_appears():
    grown = OBJECTS.copy()
    grown[2:6, 2:10] = 1
    found = change(IMAGE, changed((grown == 1) & (OBJECTS == 0)), OBJECTS, grown)
    assert (found.in_one_object, found.objects, found.background) == (1.0, 0.0, 1.0)
    more = OBJECTS.copy()
    more[10:14, 2:6] = 3
    found = change(IMAGE, changed(more == 3), OBJECTS, more)
    assert (found.in_one_object, found.objects, found.background) == (1.0, 0.0, 1.0)


def test_small_differences_are_no_change():
    found = change(IMAGE, changed(np.ones((16, 16)), 10.0), OBJECTS, OBJECTS)
    assert (found.objects, found.background, found.pixels) == (0.0, 1.0, 0.0)


def test_nothing_to_say():
    assert change(IMAGE, IMAGE, OBJECTS, OBJECTS) is None
    assert change(IMAGE, changed(OBJECTS == 1), np.zeros_like(OBJECTS), OBJECTS) is None
