"""The examples in the docstrings of everything that the API reference has run, as its first page says they do."""

from __future__ import annotations

import doctest
import functools
import importlib
import re
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

import gansformer_tf as gf
from gansformer_tf.config.data import PrepareConfig
from gansformer_tf.data.prepare.prepare import prepare
from gansformer_tf.data.sources.open import open_source

PAGES = sorted((Path(__file__).parents[1] / "docs" / "api").glob("*.md"))
NAMES = [name for page in PAGES for name in re.findall(r"^::: (\S+)$", page.read_text("utf-8"), re.MULTILINE)]
# What a program catches, receives or derives from, but does not make.
WITHOUT = {
    "gansformer_tf.Sample",
    "gansformer_tf.config.GeneratorConfig",
    "gansformer_tf.data.DatasetInfo",
    "gansformer_tf.edit.Edited",
    "gansformer_tf.edit.Projected",
    "gansformer_tf.metrics.Images",
    "gansformer_tf.metrics.Moments",
    "gansformer_tf.models.Generator",
    "gansformer_tf.models.Snapshot",
}


@pytest.fixture(scope="module", autouse=True)
def place(tmp_path_factory):
    """A folder with images in `birds` and the data set made of them; the model that ships is loaded once."""
    folder = tmp_path_factory.mktemp("examples")
    (folder / "birds").mkdir()
    for index in range(16):
        pixels = np.random.RandomState(index).randint(0, 256, (16, 16, 3), np.uint8)
        Image.fromarray(pixels).save(folder / "birds" / f"{index:02d}.png")
    prepare(open_source(folder / "birds"), PrepareConfig(name="birds", resolution=16), folder / "datasets")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GANSFORMER_TF_CACHE", str(folder / "cache"))
        patch.setattr(gf, "load", functools.cache(gf.load))
        patch.setattr(gf.GAN, "from_preset", functools.cache(gf.GAN.from_preset))
        patch.chdir(folder)
        yield


def found(name: str) -> tuple[Any, Any]:
    """The object of a name, and the module that it stands in."""
    module, _, last = name.rpartition(".")
    thing = getattr(importlib.import_module(module), last)
    return thing, importlib.import_module(thing.__module__)


def run(thing: Any, name: str, module: Any, recurse: bool = True) -> int:
    """Runs the examples of a docstring, and those of methods; returns how many lines there are."""
    names = {**vars(module), "gf": gf, "keras": keras, "ops": keras.ops, "np": np, "tf": tf}
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    tests = doctest.DocTestFinder(recurse=recurse).find(thing, name, module=module, globs=names)
    for test in tests:
        assert runner.run(test).failed == 0, name
    return sum(len(test.examples) for test in tests)


@pytest.mark.parametrize("name", NAMES)
def test_examples_run(name):
    thing, module = found(name)
    is_error = isinstance(thing, type) and issubclass(thing, Exception)
    assert run(thing, name, module) or name in WITHOUT or is_error, "no example"


@pytest.mark.parametrize("name", ["gansformer_tf", "gansformer_tf.data", "gansformer_tf.visualize"])
def test_examples_of_packages_run(name):
    module = importlib.import_module(name)
    assert run(module, name, module, recurse=False)


def test_an_example_that_is_wrong_is_seen():
    def wrong():
        """
        >>> 1 + 1
        3
        """

    with pytest.raises(AssertionError, match="wrong"):
        run(wrong, "wrong", importlib.import_module(__name__))
