"""The pure wheel, built and unpacked: what it holds and what it leaves out."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from benchmarks import wheels

ROOT = Path(__file__).parents[2]


def test_the_pure_wheel_is_complete_and_draws(tmp_path):
    source = tmp_path / "source"
    listed = subprocess.run(
        [sys.executable, "setup.py", "-q", "sdist", "--formats=tar", "--dist-dir", str(tmp_path)],
        cwd=_copy(tmp_path / "tree"),
        capture_output=True,
        text=True,
    )
    if listed.returncode:
        pytest.fail(listed.stderr[-2000:])
    (sdist,) = tmp_path.glob("*.tar")
    source.mkdir()
    subprocess.run(["tar", "-xf", sdist, "-C", source, "--strip-components=1"], check=True)
    assert (source / "custom_ops" / "upfirdn2d" / "cuda.cu").exists()
    assert not list(source.rglob("*.so"))
    build = [sys.executable, "setup.py", "-q", "bdist_wheel", "--dist-dir", str(tmp_path)]
    subprocess.run(build, cwd=source, env={**os.environ, wheels.VARIABLE: "off"}, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    assert wheel.name.endswith("-py3-none-any.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        archive.extractall(tmp_path / "installed")
    assert {"gansformer_tf/py.typed", "gansformer_tf/pretrained/scenes.safetensors"} <= names
    assert not any(name.startswith("custom_ops") or name.endswith(".so") for name in names)
    code = "import gansformer_tf as gf; print(gf.__file__, gf.load('scenes').sample([0]).shape)"
    clean = {**os.environ, "PYTHONPATH": str(tmp_path / "installed")}
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=clean, capture_output=True, text=True)
    assert done.stdout.endswith("(1, 64, 64, 3)\n") and str(tmp_path / "installed") in done.stdout, done.stderr


def _copy(folder: Path) -> Path:
    """A copy of the tree without what git ignores: nothing is built in the checkout."""

    ignore = shutil.ignore_patterns(
        "_lib", "__pycache__", "*.so", ".git", "dist", "build", "tests", "docs", "*.egg-info"
    )
    shutil.copytree(ROOT, folder, ignore=ignore)
    return folder
