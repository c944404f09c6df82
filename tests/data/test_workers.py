"""Worker processes, whatever the program is that starts them."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.data import makers

# A running thread forbids forking, as TensorFlow's do.
HEAD = """
import threading
threading.Thread(target=threading.Event().wait, daemon=True).start()
from gansformer_tf.config.data import PrepareConfig
from gansformer_tf.data.prepare.local_runner import local_runner
from gansformer_tf.data.prepare.prepare import prepare
from gansformer_tf.data.sources.folder import FolderSource
"""
BODY = """
source, config = {source}, PrepareConfig("set", resolution=16)
print(prepare(source, config, {out!r}, runner=local_runner(1)).manifest.num_images)
"""
OWN_CLASS = """
class Own(FolderSource):
    pass
if __name__ == "__main__":
"""


def run(path, text: str) -> str:
    path.write_text(text)
    done = subprocess.run([sys.executable, path], capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def folder(tmp_path):
    return str(makers.make_folder(tmp_path / "in", makers.random_images(3)))


def test_a_script_without_a_main_guard(tmp_path, folder):
    body = BODY.format(source=f"FolderSource({folder!r})", out=str(tmp_path))
    assert run(tmp_path / "script.py", HEAD + body) == "3\n"


def test_a_source_that_the_script_defines(tmp_path, folder):
    body = BODY.format(source=f"Own({folder!r})", out=str(tmp_path)).replace("\n", "\n    ")
    assert run(tmp_path / "script.py", HEAD + OWN_CLASS + body + "\n") == "3\n"


def test_a_notebook_whose_main_module_has_no_spec(tmp_path, folder):
    body = BODY.format(source=f"FolderSource({folder!r})", out=str(tmp_path))
    text = HEAD + "import sys, types\nsys.modules['__main__'] = types.SimpleNamespace(__name__='__main__')\n" + body
    assert run(tmp_path / "script.py", text) == "3\n"
