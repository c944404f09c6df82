"""Finding, checking and choosing the native library. Nothing is ever compiled or waited for here."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import keras
from absl import logging

from gansformer_tf.ops._formulation import in_xla

VARIABLE = "GANSFORMER_TF_OPS"
MODES = ("auto", "native", "composite")
FOLDER = Path(__file__).parent / "_lib"
LIBRARY = "gansformer_ops.so"
STAMP = "stamp.json"
# Must equal GF_INTERFACE of the header that the library was built from.
INTERFACE = 5
REBUILD = "run `make ops` (or `python setup.py build_ext --inplace`)"

CPU_TYPES = ("float32", "float64")
GPU_TYPES = ("float32", "float16", "bfloat16")
# The CUDA kernels pass the filters by value.
MAX_CUDA_TAPS = 640

_forced: list[str] = []


class NativeOpsError(RuntimeError):
    """The native ops were asked for and cannot be had; the message says why and what to do."""


class Loaded(NamedTuple):
    """What is in use: the op module (None: composites), why, and the build's stamp."""

    module: Any
    reason: str
    stamp: dict[str, Any]


@contextlib.contextmanager
def implementation(name: str) -> Iterator[None]:
    """Forces "native", "composite" or "auto" inside the block, over the environment's GANSFORMER_TF_OPS.

    Whatever is exported must be traced inside `implementation("composite")`: a server has no native ops.
    """
    _forced.append(check_mode(name, "implementation"))
    try:
        yield
    finally:
        _forced.pop()


def check_mode(name: str, what: str) -> str:
    if name not in MODES:
        raise ValueError(f"{what} is {name!r}; it must be one of: {', '.join(MODES)}.")
    return name


def mode() -> str:
    """The implementation asked for: of the innermost `implementation` block, else of the environment, else auto."""
    return _forced[-1] if _forced else check_mode(os.environ.get(VARIABLE) or "auto", VARIABLE)


def native_ops(x: Any) -> Any:
    """The module of native ops if they are to be used for `x`, else None.

    They are never used under XLA, on other backends than TensorFlow, or for types that have no kernel.

    Raises:
        NativeOpsError: if GANSFORMER_TF_OPS is native and the library cannot be used at all.
    """
    wanted = mode()
    if wanted == "composite" or keras.backend.backend() != "tensorflow" or isinstance(x, keras.KerasTensor):
        return None
    loaded = load()
    if loaded.module is None:
        if wanted == "native":
            raise NativeOpsError(f"{VARIABLE} is native, but {loaded.reason}; {REBUILD}.")
        return None
    if in_xla() or not has_kernel(x):
        return None
    return loaded.module


def has_kernel(x: Any) -> bool:
    """Whether there is a kernel for the type of `x` wherever it may be placed."""
    name = keras.backend.standardize_dtype(x.dtype)
    if gpu_visible():
        on_cpu = "CPU" in str(getattr(x, "device", None) or "").upper()
        return name in (CPU_TYPES if on_cpu else GPU_TYPES)
    return name in CPU_TYPES


@functools.cache
def gpu_visible() -> bool:
    import tensorflow as tf

    return bool(tf.config.get_visible_devices("GPU"))


@functools.cache
def load() -> Loaded:
    """Loads the library once; says in one log line what is in use."""
    loaded = load_from(FOLDER)
    if loaded.module is not None:
        logging.info("Native ops in use: %s.", loaded.reason)
    elif (FOLDER / LIBRARY).exists():
        logging.warning("Native ops not in use: %s; %s. The composites do the same work.", loaded.reason, REBUILD)
    else:
        logging.info("Composite ops in use: %s; %s for speed.", loaded.reason, REBUILD)
    return loaded


def load_from(folder: Path) -> Loaded:
    """Loads the library in `folder` if it fits this TensorFlow; never raises for what it finds there."""
    import tensorflow as tf

    try:
        stamp = json.loads((folder / STAMP).read_text(encoding="utf-8"))
        if not isinstance(stamp, dict):
            raise ValueError("it is not an object")
    except FileNotFoundError:
        return Loaded(None, "no native library was built", {})
    except (OSError, ValueError) as error:
        return Loaded(None, f"the build's stamp {STAMP} cannot be read ({error})", {})
    expected = {
        "interface": INTERFACE,
        "tensorflow": tf.__version__,
        "cxx11_abi": tf.sysconfig.CXX11_ABI_FLAG,
    }
    for key, value in expected.items():
        if stamp.get(key) != value:
            return Loaded(None, f"the library was built for {key} {stamp.get(key)}, this is {key} {value}", stamp)
    if gpu_visible() and not stamp.get("cuda"):
        return Loaded(None, "the library has no CUDA kernels and TensorFlow sees a GPU", stamp)
    path = folder / LIBRARY
    try:
        module = tf.load_op_library(str(path))
        built = ctypes.CDLL(str(path)).gf_stamp
        built.restype = ctypes.c_char_p
        if json.loads(built()) != stamp:
            return Loaded(None, f"the library and {STAMP} are of different builds", stamp)
        if not hasattr(module, "gansformer_upfirdn2d"):  # TensorFlow keeps the ops that were registered first
            return Loaded(None, "another build of the library was loaded before in this process", stamp)
    except Exception as error:  # whatever is wrong with a file must not stop the program
        return Loaded(None, f"the library cannot be loaded ({str(error).splitlines()[0]})", stamp)
    devices = f"CPU ({instruction_set(path)})" + (f", CUDA {' '.join(stamp['cuda'])}" if stamp.get("cuda") else "")
    return Loaded(module, f"{devices}; built with {stamp.get('compiler')}", stamp)


def instruction_set(path: Path) -> str:
    function = ctypes.CDLL(str(path)).gf_isa
    function.restype = ctypes.c_char_p
    return function().decode()
