"""How the commands load TensorFlow."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from gansformer_tf.quiet import _hidden

ROOT = Path(__file__).parent.parent

LOADED = """
import sys
from gansformer_tf.quiet import import_tensorflow

tf = import_tensorflow()
import keras
assert keras.src.visualization.plot_image_gallery.plt is None
print(sorted({"IPython", "matplotlib", "pandas"} & set(sys.modules)))
import matplotlib.pyplot
from gansformer_tf.visualize import loss_plot
print(matplotlib.pyplot.figure(), loss_plot.Figure.__name__)
"""


def test_what_only_keras_wants_is_not_loaded_and_can_be_loaded_later():
    done = subprocess.run([sys.executable, "-c", LOADED], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    loaded, later = done.stdout.splitlines()
    assert loaded == "[]"
    assert later == "Figure(640x480) Figure"
    assert done.stderr == ""


def test_modules_are_hidden_only_where_they_are_not_loaded_and_only_for_a_while(monkeypatch):
    monkeypatch.delitem(sys.modules, "this", raising=False)  # a module of Python's that nothing loads
    with _hidden(("json", "this")):
        assert sys.modules["json"] is json
        with pytest.raises(ImportError):
            importlib.import_module("this")
    assert "this" not in sys.modules
    assert sys.modules["json"] is json
