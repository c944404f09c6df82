"""The native library for the tests: built once per state of the sources, or skipped where there is no compiler."""

from __future__ import annotations

import fcntl
import os
import tempfile
from pathlib import Path

import pytest

from custom_ops import build
from gansformer_tf.ops import conv

ROOT = Path(__file__).parents[2]


def built() -> Path:
    """Folder with the TensorFlow ops and with kernels that include the emulated CUDA ones."""
    try:
        version = build.tensorflow_facts()["version"]
        folder = ROOT / "build" / f"test-ops-{version}-{build.source_digest()}"
        folder.parent.mkdir(exist_ok=True)
        with (folder.parent / ".test-ops.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # one worker builds, the others wait for it
            if not (folder / build.STAMP).exists():
                own = Path(tempfile.mkdtemp(prefix=".test-ops-", dir=folder.parent))
                build.build(build.parser().parse_args(["--emulate-cuda", "--output", str(own)]))
                own.rename(folder)
    except build.BuildError as error:
        pytest.skip(f"the native ops cannot be built here: {error}")
    return folder


@pytest.fixture(scope="session")
def library_folder() -> Path:
    """The library, loaded once from here: TensorFlow keeps the ops it meets first, and tests load copies."""
    from gansformer_tf.ops import _library

    folder = built()
    _library.load_from(folder)
    return folder


@pytest.fixture(scope="session")
def kernels_library() -> Path:
    """The kernels that GANSFORMER_TF_KERNELS names (a sanitizer build), else the built ones."""
    named = os.environ.get("GANSFORMER_TF_KERNELS")
    return Path(named) if named else built() / build.KERNELS


@pytest.fixture(scope="session")
def emulated_library() -> Path:
    named = os.environ.get("GANSFORMER_TF_EMULATED")
    return Path(named) if named else built() / build.KERNELS


@pytest.fixture
def native(library_folder, monkeypatch):
    """Puts the tests' library in the place of the installed one."""
    from gansformer_tf.ops import _library

    monkeypatch.setenv(_library.VARIABLE, "auto")
    monkeypatch.setattr(_library, "FOLDER", library_folder)
    _library.load.cache_clear()
    loaded = _library.load()
    assert loaded.module is not None, loaded.reason
    yield loaded
    _library.load.cache_clear()


@pytest.fixture
def small_convolutions(monkeypatch):
    """The native convolution also where it is not faster."""
    for name in ("NATIVE_LEAST_CHANNELS", "NATIVE_LEAST_PIXELS"):
        monkeypatch.setattr(conv, name, 1)
