"""The examples in the docstrings of layers and networks run."""

from __future__ import annotations

import doctest
import importlib
import inspect

import pytest

import gansformer_tf.layers
from gansformer_tf.config.families import GENERATOR_FAMILIES
from gansformer_tf.layers import __all__ as PUBLIC

MODULES = sorted({getattr(gansformer_tf.layers, name).__module__ for name in PUBLIC})

GENERATORS = [family.network.split(":")[0] for family in GENERATOR_FAMILIES.values()]


@pytest.mark.parametrize("name", [*MODULES, *GENERATORS])
def test_examples(name: str) -> None:
    found = doctest.testmod(importlib.import_module(name))
    assert found.attempted > 0 and found.failed == 0


@pytest.mark.parametrize("name", PUBLIC)
def test_docstrings_say_what_goes_in_and_out(name: str) -> None:
    text = inspect.getdoc(getattr(gansformer_tf.layers, name)) or ""
    assert "Returns:" in text and "[" in text, "shapes"
    assert "Example:" in text
    assert "Call arguments:" in text or name in ("GridPositions", "merge_components")  # no arguments, no layer
    sources = ("Source:", "GANsformer", "StyleGAN", "k-GAN", "Progressive Growing")
    assert any(source in text for source in sources), "the paper it follows"
