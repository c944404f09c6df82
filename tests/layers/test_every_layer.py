"""Every layer of the package passes the shared check; none is forgotten."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from typing import Any

import keras
import pytest

import gansformer_tf.layers
import gansformer_tf.models
from gansformer_tf.layers.configured import ConfiguredLayer
from tests.layers import family_cases, gansformer_cases, vqgan_cases
from tests.layers.checks import check_layer

UNBATCHED = gansformer_cases.UNBATCHED + family_cases.UNBATCHED
CASES = gansformer_cases.CASES | family_cases.CASES | vqgan_cases.CASES


@pytest.mark.parametrize("name", CASES)
def test_layer(name: str, tmp_path: Any) -> None:
    make, inputs, outputs, options = CASES[name]
    check_layer(make, inputs, outputs, tmp_path, unbatched=UNBATCHED, **options)


def test_no_layer_is_left_out() -> None:
    checked = {entry.make.func for entry in CASES.values()}
    found = set()
    for package in (gansformer_tf.layers, gansformer_tf.models):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            for _, cls in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
                if cls.__module__ == module.name and issubclass(cls, keras.layers.Layer):
                    found.add(cls)
    networks = {cls for cls in found if issubclass(cls, keras.Model)}  # checked in tests/models
    assert found - networks - {ConfiguredLayer} == checked
