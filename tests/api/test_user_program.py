"""A user's program: typed as mypy sees it, and run as it stands. Every public name has a home and says what it is."""

from __future__ import annotations

import importlib
import inspect
import runpy
from pathlib import Path

import numpy as np
import pytest
from mypy import api
from PIL import Image

import gansformer_tf as gf

ROOT = Path(__file__).parents[2]
PROGRAM = Path(__file__).with_name("user_program.py")
HOMES = ("callbacks", "data", "export", "layers", "metrics", "models", "visualize")


def test_mypy_passes_on_a_users_program(tmp_path):
    wrong = tmp_path / "wrong.py"
    wrong.write_text("import gansformer_tf as gf\ngf.load(3)\ngf.GAN.from_preset('demo')\n")
    options = ["--config-file", str(ROOT / "pyproject.toml"), "--cache-dir", str(tmp_path / "cache")]
    out, error, status = api.run([*options, "--follow-imports=silent", str(PROGRAM), str(wrong)])
    assert "user_program.py" not in out + error, out + error
    assert status == 1 and 'incompatible type "int"' in out and 'Missing positional argument "resolution"' in out


def test_it_runs(tmp_path, monkeypatch, capsys, eager):
    (tmp_path / "birds").mkdir()
    for number in range(4):
        Image.fromarray(np.full((12, 12, 3), 60 * number, np.uint8)).save(tmp_path / "birds" / f"{number}.png")
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(PROGRAM), run_name="__main__")
    assert "4 (24, 24, 3)" in capsys.readouterr().out
    assert (tmp_path / "samples" / "epoch-0001.png").is_file() and (tmp_path / "log.csv").is_file()


@pytest.mark.parametrize("home", HOMES)
def test_public_names_are_there_and_documented(home):
    module = importlib.import_module(f"gansformer_tf.{home}")
    assert getattr(gf, home) is module
    for name in module.__all__:
        found = getattr(module, name)
        assert inspect.getdoc(found), f"{home}.{name}"
    with pytest.raises(AttributeError, match="nothing_like_it"):
        module.nothing_like_it  # noqa: B018
