"""Loading the native library: what fits, what does not, and that nothing depends on it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from gansformer_tf import ops
from gansformer_tf.ops import _library
from gansformer_tf.ops.__main__ import main

ROOT = Path(__file__).parents[2]
X = np.ones((1, 4, 4, 2), np.float32)


@pytest.fixture
def elsewhere(monkeypatch, tmp_path):
    """An empty folder in the place of the installed library."""
    monkeypatch.setenv(_library.VARIABLE, "auto")
    monkeypatch.setattr(_library, "FOLDER", tmp_path)
    _library.load.cache_clear()
    yield tmp_path
    _library.load.cache_clear()


def test_without_a_library_the_composites_serve_and_one_line_says_so(elsewhere, caplog):
    with ops.implementation("auto"), caplog.at_level("INFO", logger="absl"):
        for _ in range(3):
            ops.upsample2d(X, ops.setup_filter())
    lines = [record.getMessage() for record in caplog.records if "ops in use" in record.getMessage()]
    assert lines == [
        "Composite ops in use: no native library was built; run `make ops` (or `python setup.py build_ext --inplace`) "
        "for speed."
    ]


def test_native_without_a_library_is_an_error(elsewhere):
    with (
        ops.implementation("native"),
        pytest.raises(ops.NativeOpsError, match="no native library was built; run `make"),
    ):
        ops.upsample2d(X, ops.setup_filter())


STAMPS = {
    "tensorflow": ("1.0", "built for tensorflow 1.0, this is tensorflow"),
    "interface": (99, "built for interface 99"),
    "cxx11_abi": (0, "built for cxx11_abi 0"),
}


@pytest.mark.parametrize("key", STAMPS)
def test_a_library_of_another_build_is_refused(elsewhere, library_folder, key, caplog):
    for file in library_folder.iterdir():
        shutil.copy(file, elsewhere)
    value, reason = STAMPS[key]
    stamp = json.loads((elsewhere / "stamp.json").read_text())
    (elsewhere / "stamp.json").write_text(json.dumps({**stamp, key: value}))
    loaded = _library.load()
    assert loaded.module is None and reason in loaded.reason
    assert "run `make ops`" in caplog.text
    with ops.implementation("auto"):
        assert ops.upsample2d(X, ops.setup_filter()).shape == (1, 8, 8, 2)


@pytest.mark.parametrize("content", [b"", b"not a library", None])
def test_a_broken_library_is_refused(elsewhere, library_folder, content):
    shutil.copy(library_folder / "stamp.json", elsewhere)
    if content is not None:
        (elsewhere / "gansformer_ops.so").write_bytes(content)
    loaded = _library.load()
    assert loaded.module is None and "cannot be loaded" in loaded.reason


@pytest.mark.parametrize("content", ["", "[]", "{", '"text"'])
def test_a_broken_stamp_is_refused(elsewhere, content):
    (elsewhere / "stamp.json").write_text(content)
    assert "stamp.json cannot be read" in _library.load().reason


def python(code: str, folder: Path, **environment: str) -> subprocess.CompletedProcess:
    """Runs code with the library of `folder`."""
    start = "from pathlib import Path\nfrom gansformer_tf.ops import _library\n"
    code = f"{start}_library.FOLDER = Path({str(folder)!r})\n{code}"
    variables = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "GANSFORMER_TF_OPS": "auto", **environment}
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, env=variables, check=False
    )


def test_stamp_and_library_must_be_of_one_build(elsewhere, library_folder):
    """In a process of its own: a copy that was loaded here would register every kernel a second time."""
    for file in library_folder.iterdir():
        shutil.copy(file, elsewhere)
    stamp = json.loads((elsewhere / "stamp.json").read_text())
    (elsewhere / "stamp.json").write_text(json.dumps({**stamp, "sources": "other"}))
    done = python("print(_library.load().reason)", elsewhere)
    assert "different builds" in done.stdout, done.stderr


def test_deleting_the_library_in_the_middle_breaks_nothing(elsewhere, library_folder):
    for file in library_folder.iterdir():
        shutil.copy(file, elsewhere)
    code = """
import numpy as np, shutil, tensorflow as tf
from gansformer_tf import ops
x, taps = np.ones((1, 4, 4, 2), np.float32), ops.setup_filter()
step = tf.function(lambda x: ops.upsample2d(x, taps))
before = step(tf.constant(x))
assert _library.load().module is not None
shutil.rmtree(_library.FOLDER)
np.testing.assert_array_equal(before, step(tf.constant(x)))
traced_again = tf.function(lambda x: ops.upsample2d(x, taps))
np.testing.assert_array_equal(before, traced_again(tf.constant(x)))
print("DONE")
"""
    done = python(code, elsewhere)
    assert "DONE" in done.stdout, done.stderr
    assert not elsewhere.exists()
    with ops.implementation("auto"):  # as in the next process
        assert ops.upsample2d(X, ops.setup_filter()).shape == (1, 8, 8, 2)
    assert _library.load().module is None


MAIN = "import runpy; runpy.run_module('gansformer_tf.ops', run_name='__main__')"


def test_self_check(library_folder):
    done = python(MAIN, library_folder)
    assert done.returncode == 0, done.stderr
    assert "native ops      in use: CPU" in done.stdout and "self-check      passed" in done.stdout


def test_self_check_without_a_library(elsewhere, monkeypatch, capsys):
    assert main() == 0 and "not in use: no native library was built" in capsys.readouterr().out
    monkeypatch.setenv(_library.VARIABLE, "native")
    assert main() == 1
    assert capsys.readouterr().err.splitlines()[-1].startswith("error: GANSFORMER_TF_OPS is native, but")


def test_an_export_holds_standard_ops_only(native, tmp_path):
    taps = ops.setup_filter()

    class Exported(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None, 8, 8, 4])])
        def __call__(self, x):
            return ops.bias_act(ops.upsample2d(x, taps), tf.zeros([4]), "lrelu")

    def ops_of(module):
        tf.saved_model.save(module, tmp_path / "saved")
        loaded = tf.saved_model.load(tmp_path / "saved")
        return {operation.type for operation in loaded.__call__.concrete_functions[0].graph.get_operations()}

    with ops.implementation("native"):
        assert any(name.startswith("Gansformer") for name in ops_of(Exported()))
    with ops.implementation("composite"):
        assert not any(name.startswith("Gansformer") for name in ops_of(Exported()))
