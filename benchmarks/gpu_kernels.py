"""The CUDA kernels on a GPU: correctness, memory errors, and bytes moved over bandwidth. One call, a few minutes.

    python benchmarks/gpu_kernels.py [--library PATH] [--shapes 200] [--skip-sanitizer]

Needs a driver, NumPy and ml_dtypes; no TensorFlow, and no CUDA toolkit if the library is built already
(`python custom_ops/build.py --kernels-only --cuda on`). Without --library it takes the built one if that has CUDA
kernels, and otherwise builds one with nvcc.

Bandwidth is the time of the bytes that must move (inputs once, outputs once) against the time of a copy of one GiB
on the same device. The goal is 70% for upfirdn2d, bias_act and bipartite attention at 16 x 256 x 256 x 64.
"""

from __future__ import annotations

import argparse
import ctypes
import math
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from custom_ops import build, checks, kernels, structures  # noqa: E402

TYPES = ("float32", "float16", "bfloat16")
BATCH, SIDE, CHANNELS, COMPONENTS = 16, 256, 64, 16
GOAL = 0.7
COPY_BYTES = 1 << 30
WARM_UP, REPEATS = 3, 20
# compute-sanitizer slows a kernel down some hundred times.
SANITIZER_SHAPES = 12


class Driver:
    """The few functions of the CUDA driver that are needed, through ctypes."""

    def __init__(self) -> None:
        try:
            self.lib = ctypes.CDLL("libcuda.so.1")
        except OSError as error:
            raise SystemExit(
                f"error: no CUDA driver was found ({error}); this script needs a machine with a GPU."
            ) from error
        self.do("cuInit", 0)
        device, context = ctypes.c_int(), ctypes.c_void_p()
        self.do("cuDeviceGet", ctypes.byref(device), 0)
        name = ctypes.create_string_buffer(100)
        self.do("cuDeviceGetName", name, 100, device)
        self.name = name.value.decode()
        # The primary context is the one that the CUDA runtime inside the library uses too.
        self.do("cuDevicePrimaryCtxRetain", ctypes.byref(context), device)
        self.do("cuCtxSetCurrent", context)

    def do(self, function: str, *arguments: Any) -> None:
        code = getattr(self.lib, function)(*arguments)
        if code:
            text = ctypes.c_char_p()
            self.lib.cuGetErrorString(code, ctypes.byref(text))
            raise RuntimeError(f"{function}: {(text.value or b'unknown error').decode()}")

    def allocate(self, size: int) -> ctypes.c_void_p:
        at = ctypes.c_uint64()
        self.do("cuMemAlloc_v2", ctypes.byref(at), ctypes.c_size_t(max(size, 1)))
        return ctypes.c_void_p(at.value)

    def free(self, at: ctypes.c_void_p) -> None:
        self.do("cuMemFree_v2", ctypes.c_uint64(at.value or 0))

    def upload(self, at: ctypes.c_void_p, array: np.ndarray) -> None:
        self.do(
            "cuMemcpyHtoD_v2", ctypes.c_uint64(at.value or 0), kernels.address(array), ctypes.c_size_t(array.nbytes)
        )

    def download(self, array: np.ndarray, at: ctypes.c_void_p) -> None:
        self.do(
            "cuMemcpyDtoH_v2", kernels.address(array), ctypes.c_uint64(at.value or 0), ctypes.c_size_t(array.nbytes)
        )

    def copy(self, to: ctypes.c_void_p, at: ctypes.c_void_p, size: int) -> None:
        arguments = ctypes.c_uint64(to.value or 0), ctypes.c_uint64(at.value or 0), ctypes.c_size_t(size)
        self.do("cuMemcpyDtoDAsync_v2", *arguments, None)

    def synchronize(self) -> None:
        self.do("cuCtxSynchronize")

    def milliseconds(self, call: Callable[[], Any]) -> float:
        """Median time of `call` on the default stream."""
        start, stop = ctypes.c_void_p(), ctypes.c_void_p()
        for event in (start, stop):
            self.do("cuEventCreate", ctypes.byref(event), 0)
        times = []
        for number in range(WARM_UP + REPEATS):
            self.do("cuEventRecord", start, None)
            call()
            self.do("cuEventRecord", stop, None)
            self.do("cuEventSynchronize", stop)
            elapsed = ctypes.c_float()
            self.do("cuEventElapsedTime", ctypes.byref(elapsed), start, stop)
            if number >= WARM_UP:
                times.append(elapsed.value)
        return statistics.median(times)


class GpuKernels(kernels.Kernels):
    """The CUDA kernels on NumPy arrays: copied to the device, computed, copied back."""

    def __init__(self, path: Path, driver: Driver) -> None:
        super().__init__(path, emulated=True)
        self.driver = driver

    def place(self, array: np.ndarray | None) -> Any:
        if array is None:
            return None
        at = self.driver.allocate(array.nbytes)
        if array.nbytes:
            self.driver.upload(at, array)
        return at

    def fetch(self, array: np.ndarray, at: Any) -> None:
        self.driver.synchronize()
        if array.nbytes:
            self.driver.download(array, at)

    def release(self, at: Any) -> None:
        if at is not None:
            self.driver.synchronize()
            self.driver.free(at)


def check(library: kernels.Kernels, shapes: int) -> None:
    """Every kernel against its NumPy definition; raises at the first difference."""
    for name, run in (
        ("upfirdn2d", lambda draw: checks.run_upfirdn2d(library, draw, shapes)),
        ("bias_act", lambda draw: checks.run_bias_act(library, draw, shapes)),
        ("filtered_lrelu", lambda draw: checks.run_filtered_lrelu(library, draw, shapes)),
        ("attention", lambda draw: checks.run_attention(library, draw, shapes, checks.many_tokens, 32)),
        ("centroids", lambda draw: checks.run_centroids(library, draw, shapes, checks.some_tokens, 32)),
    ):
        start = time.perf_counter()
        for number, dtype in enumerate(TYPES):
            run(checks.Draw(100 + number, (dtype,)))
        print(
            f"  {name:15s} {shapes} shapes in each of {', '.join(TYPES)}: equal ({time.perf_counter() - start:.0f} s)",
            flush=True,
        )


def sanitize(path: Path) -> bool:
    """Runs the checks under compute-sanitizer; False if it finds something."""
    tool = shutil.which("compute-sanitizer")
    if tool is None:
        print("compute-sanitizer was not found: memory errors were NOT looked for")
        return True
    clean = True
    for kind in ("memcheck", "racecheck"):
        command = [tool, "--tool", kind, "--error-exitcode", "9", sys.executable, __file__, "--check-only"]
        command += ["--library", str(path), "--shapes", str(SANITIZER_SHAPES)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        print(f"  compute-sanitizer {kind}: {'clean' if done.returncode == 0 else 'FOUND ERRORS'}", flush=True)
        if done.returncode:
            print("\n".join((done.stdout + done.stderr).splitlines()[-30:]))
            clean = False
    return clean


def timed_cases(dtype: str) -> list[tuple[str, str, Any, list[np.ndarray | None], int, Any, bool]]:
    """(name, function, structure, arrays, number of outputs at the end, wrapper of the pointers, has a goal)."""
    random = np.random.default_rng(0)
    kind = kernels.numpy_type(dtype)

    def array(*shape: int) -> np.ndarray:
        return random.standard_normal(shape, np.float32).astype(kind)

    taps = np.array([1, 3, 3, 1], np.float32) / 8
    window = np.sin(np.pi * (np.arange(12) + 1) / 13).astype(np.float32) ** 2
    x = array(BATCH, SIDE, SIDE, CHANNELS)
    half = np.ascontiguousarray(x[:, ::2, ::2])
    n = SIDE * SIDE
    tokens = x.reshape(BATCH, n, CHANNELS)
    probabilities = np.empty((BATCH, 1, n, COMPONENTS), kind)
    weight = array(BATCH, 1, CHANNELS, COMPONENTS)
    value, bias = array(BATCH, 1, COMPONENTS, CHANNELS), array(1, 1, n, COMPONENTS)
    up, keep_up = structures.upfirdn2d_op(half.shape, taps * 2, (2, 2), (1, 1), (2, 1, 2, 1))
    down, keep_down = structures.upfirdn2d_op(x.shape, taps, (1, 1), (2, 2), (1, 1, 1, 1))
    same, keep_same = structures.upfirdn2d_op(x.shape, taps, (1, 1), (1, 1), (2, 1, 2, 1))
    # Padding 11 and 10 keeps the size of the image.
    filtered, keep = structures.filtered_lrelu_op(
        x.shape, window, window, (2, 2), (2, 2), (11, 10, 11, 10), 0.2, math.sqrt(2), 256.0, 0
    )
    timed_cases.keep = (keep_up, keep_down, keep_same, keep)  # type: ignore[attr-defined]
    activation = structures.bias_act_op(x.shape, "lrelu", 0.2, math.sqrt(2), -1.0, 0)
    attention = structures.attention_op(tokens.shape, weight, bias, value, None, "mul")
    attention_arrays = [tokens, weight, bias, value, None, None, None, np.empty_like(tokens), probabilities]
    return [
        ("upfirdn2d up 2", "gf_upfirdn2d", up, [half, np.empty_like(x)], 1, None, True),
        ("upfirdn2d down 2", "gf_upfirdn2d", down, [x, np.empty_like(half)], 1, None, True),
        ("upfirdn2d filter", "gf_upfirdn2d", same, [x, np.empty_like(x)], 1, None, True),
        (
            "bias_act lrelu",
            "gf_bias_act",
            activation,
            [x, array(CHANNELS), None, None, np.empty_like(x)],
            1,
            None,
            True,
        ),
        ("filtered_lrelu", "gf_filtered_lrelu", filtered, [x, array(CHANNELS), None, np.empty_like(x)], 1, None, False),
        ("attention k=16", "gf_attention", attention, attention_arrays, 2, structures.AttentionData, True),
    ]


def benchmark(library: GpuKernels) -> bool:
    """Prints the table; False if a goal was missed."""
    driver = library.driver
    source, target = driver.allocate(COPY_BYTES), driver.allocate(COPY_BYTES)
    copy = 2 * COPY_BYTES / driver.milliseconds(lambda: driver.copy(target, source, COPY_BYTES)) / 1e6  # GB/s
    driver.free(source)
    driver.free(target)
    print(f"\n{driver.name}: copy bandwidth {copy:.0f} GB/s\n")
    print(
        f"| kernel at {BATCH}x{SIDE}x{SIDE}x{CHANNELS} | type | ms | GB moved | GB/s | of the copy | goal {GOAL:.0%} |"
    )
    print("|---|---|--:|--:|--:|--:|---|")
    reached = True
    for dtype in ("float32", "bfloat16"):
        for name, function, op, arrays, _, structure, has_goal in timed_cases(dtype):
            places = [library.place(array) for array in arrays]
            data = [ctypes.byref(structure(*places))] if structure else places
            kind = kernels.dtype_of(arrays[0])  # type: ignore[arg-type]

            def call(function=function, op=op, kind=kind, data=data) -> None:
                library.call(f"{function}_cuda", ctypes.byref(op), kind, *data, None)

            elapsed = driver.milliseconds(call)
            moved = sum(array.nbytes for array in arrays if array is not None) / 1e9
            share = moved / elapsed * 1e3 / copy
            verdict = ("reached" if share >= GOAL else "MISSED") if has_goal else "none"
            reached = reached and verdict != "MISSED"
            print(
                f"| {name} | {dtype} | {elapsed:.3f} | {moved:.3f} | {moved / elapsed * 1e3:.0f} | {share:.0%} "
                f"| {verdict} |",
                flush=True,
            )
            for at in places:
                library.release(at)
    return reached


def find_library(given: Path | None, folder: Path) -> Path:
    """The library with CUDA kernels: given, built before, or built now into `folder`."""
    candidates = [given] if given else [kernels.LIBRARY]
    for path in candidates:
        if path and path.exists() and ctypes.CDLL(str(path)).gf_has_cuda():
            return path
    if given:
        raise SystemExit(f"error: {given} is not a library with CUDA kernels.")
    try:
        build.build(build.parser().parse_args(["--kernels-only", "--cuda", "on", "--output", str(folder)]))
    except build.BuildError as error:
        raise SystemExit(f"error: no library with CUDA kernels: {error}") from error
    return folder / build.KERNELS


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--library", type=Path)
    parser.add_argument("--shapes", type=int, default=200, help="random shapes per kernel and type")
    parser.add_argument("--skip-sanitizer", action="store_true")
    parser.add_argument("--check-only", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    os.environ.setdefault("CUDA_MODULE_LOADING", "EAGER")
    driver = Driver()
    with tempfile.TemporaryDirectory() as folder:
        path = find_library(options.library, Path(folder))
        library = GpuKernels(path, driver)
        print(f"{driver.name}, {path}\nagainst NumPy:", flush=True)
        check(library, options.shapes)
        if options.check_only:
            return 0
        clean = options.skip_sanitizer or sanitize(path)
        reached = benchmark(library)
    return 0 if clean and reached else 1


if __name__ == "__main__":
    sys.exit(main())
