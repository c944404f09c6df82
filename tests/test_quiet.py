"""How the commands load TensorFlow."""

from __future__ import annotations

import importlib
import json
import os
import platform
import re
import subprocess
import sys
from pathlib import Path

import pytest

from gansformer_tf.quiet import _hidden
from tests.convert.checkpoints import unpacked

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


@pytest.mark.parametrize(
    "words",
    [
        ("gansformer_tf.convert", "{}/stage1_tiny.ckpt", "{}/out.safetensors"),
        ("gansformer_tf.edit.blend", "scenes", "scenes", "--from", "16", "--output", "{}/out.safetensors"),
    ],
)
def test_modules_that_are_commands_say_nothing_of_libraries(words, tmp_path):
    unpacked("stage1_tiny", tmp_path)
    environment = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    command = [sys.executable, "-m", *(word.format(tmp_path) for word in words)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "out.safetensors").exists()


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="oneDNN's kernels are asked for on x86 only")
@pytest.mark.parametrize(("wanted", "found"), [(None, "1"), ("0", "0")])
def test_convolutions_are_those_of_onednn_unless_the_user_says_otherwise(wanted, found):
    code = "import os, gansformer_tf, tensorflow; print(os.environ['TF_ENABLE_ONEDNN_OPTS'])"
    environment = {name: value for name, value in os.environ.items() if name != "TF_ENABLE_ONEDNN_OPTS"}
    environment |= {"TF_CPP_MIN_LOG_LEVEL": "0"} | ({"TF_ENABLE_ONEDNN_OPTS": wanted} if wanted else {})
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.stdout.split() == [found], done.stderr
    assert ("oneDNN custom operations are on" in done.stderr) == (found == "1")


@pytest.mark.parametrize(
    ("settings", "absent", "message"),
    [
        ({"backend": "torch"}, "torch", "Keras cannot be loaded (.*torch.*); if it is set to another backend, unset"),
        ({"backend": "torchless"}, "", "Keras cannot be loaded (.*torchless); if it is set to another backend, unset"),
        (
            {"backend": "jax"},
            "",
            "Keras is set to the backend jax, but commands compute with TensorFlow; unset",
        ),
        ({"floatx": "float16"}, "", "Keras is set to floatx float16, but networks are made in float32"),
    ],
)
def test_settings_of_keras_that_commands_do_not_compute_with(settings, absent, message, tmp_path):
    (tmp_path / "keras.json").write_text(json.dumps(settings))
    code = (
        f"import sys; sys.modules[{absent!r}] = None\n"
        "from gansformer_tf.cli import common, devices\n"
        "common.run_script(common.Parser(prog='some.py'), lambda _: devices.select_devices(()))"
    )
    environment = {**os.environ, "KERAS_HOME": str(tmp_path)}
    environment.pop("KERAS_BACKEND", None)
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True)
    (line,) = done.stderr.splitlines()
    assert done.returncode == 2
    assert re.match("some.py: error: " + message.replace("(", "[(]").replace(")", "[)]"), line), line


def test_what_was_printed_is_shown_whole_where_tensorflow_cannot_be_loaded(tmp_path):
    fault = "import os; os.write(2, b'first line\\nsecond line\\n'); raise RuntimeError('broken')"
    (tmp_path / "tensorflow.py").write_text(fault)
    path = os.pathsep.join((str(tmp_path), str(ROOT)))
    done = subprocess.run(
        [sys.executable, "-c", "from gansformer_tf.quiet import import_tensorflow; import_tensorflow()"],
        env={**os.environ, "PYTHONPATH": path, "KERAS_BACKEND": "tensorflow"},
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.stderr.startswith("first line\nsecond line\n") and "RuntimeError: broken" in done.stderr
