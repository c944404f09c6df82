"""The C interface of the kernels through ctypes, on NumPy arrays. For tests and benchmarks; needs no TensorFlow."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from custom_ops.structures import (
    DTYPES,
    AttentionData,
    AttentionGradientData,
    CentroidsOp,
    Modulation,
    TokenNorm,
    Winograd,
    attention_op,
    bias_act_op,
    filtered_lrelu_op,
    i64,
    pointer,
    upfirdn2d_op,
)

LIBRARY = Path(__file__).resolve().parent.parent / "gansformer_tf" / "ops" / "_lib" / "libgansformer_kernels.so"
INTERFACE = 5
MESSAGE_SIZE = 256

_TASK = ctypes.CFUNCTYPE(None, pointer, i64, i64)
_PARALLEL_FOR = ctypes.CFUNCTYPE(None, pointer, i64, i64, pointer, pointer)


class KernelError(ValueError):
    """A kernel refused its arguments; the message is the kernel's."""


class _Pool(ctypes.Structure):
    _fields_ = (("parallel_for", _PARALLEL_FOR), ("self", pointer))


class Kernels:
    """The kernels of one library, on NumPy arrays.

    Args:
        path: the library; None takes the environment's GANSFORMER_TF_KERNELS, else the built one.
        threads: run on this many threads; 1 runs in the calling thread.
        emulated: call the CUDA kernels of a library that was built with --emulate-cuda.
    """

    def __init__(self, path: Path | str | None = None, threads: int = 1, emulated: bool = False) -> None:
        self.on_cuda = emulated
        self.path = Path(path or os.environ.get("GANSFORMER_TF_KERNELS") or LIBRARY)
        self.lib = ctypes.CDLL(str(self.path))
        for name in ("gf_stamp", "gf_isa"):
            getattr(self.lib, name).restype = ctypes.c_char_p
        self.lib.gf_centroids_workspace.restype = i64
        self.lib.gf_winograd_workspace.restype = i64
        if self.lib.gf_interface() != INTERFACE:
            raise KernelError(f"{self.path} has interface {self.lib.gf_interface()}, not {INTERFACE}; run make ops.")
        self._executor = ThreadPoolExecutor(threads) if threads > 1 else None
        self._threads = threads
        self._pool = _Pool(_PARALLEL_FOR(self._parallel_for), None) if self._executor else None

    @property
    def isa(self) -> str:
        return self.lib.gf_isa().decode()

    def set_isa(self, name: str) -> bool:
        """Chooses the instruction set; False where this CPU lacks it."""
        return self.lib.gf_set_isa(name.encode()) == 0

    def _parallel_for(self, _self: Any, total: int, _cost: int, task: int, context: int) -> None:
        run = ctypes.cast(task, _TASK)
        size = -(-total // (4 * self._threads))
        ranges = [(begin, min(begin + size, total)) for begin in range(0, total, size)]
        list(self._executor.map(lambda r: run(context, *r), ranges))  # type: ignore[union-attr]

    def call(self, function: str, *arguments: Any) -> None:
        """Calls a function of the interface with a message buffer as the last argument; raises KernelError."""
        message = ctypes.create_string_buffer(MESSAGE_SIZE)
        code = getattr(self.lib, function)(*arguments, message)
        if code:
            raise KernelError(message.value.decode() or f"{function} failed with code {code}")

    def run(
        self,
        function: str,
        op: Any,
        arrays: Sequence[np.ndarray | None],
        outputs: Sequence[np.ndarray],
        structure: Any = None,
    ) -> None:
        """Calls the CPU or CUDA variant of a function of the interface.

        Args:
            function: name without _cpu or _cuda.
            op: the argument structure.
            arrays: every array in the order of the interface, outputs included; the first gives the type.
            outputs: those of `arrays` that are written.
            structure: takes all addresses and is passed in their place, where the interface wants that.
        """
        addresses = [self.place(array) for array in arrays]
        data = [ctypes.byref(structure(*addresses))] if structure else addresses
        variant, last = ("cuda", None) if self.on_cuda else ("cpu", ctypes.byref(self._pool) if self._pool else None)
        try:
            self.call(f"{function}_{variant}", ctypes.byref(op), dtype_of(arrays[0]), *data, last)  # type: ignore[arg-type]
            for array, at in zip(arrays, addresses, strict=True):
                if any(array is output for output in outputs):
                    self.fetch(array, at)
        finally:
            for at in addresses:
                self.release(at)

    # Where the arrays live while a kernel runs; a GPU overrides these.

    def place(self, array: np.ndarray | None) -> Any:
        """Address of the array for the kernel, None for None."""
        return address(array)

    def fetch(self, array: np.ndarray, at: Any) -> None:
        """Brings what the kernel wrote at `at` into the array."""

    def release(self, at: Any) -> None:
        """Gives back what `place` took."""

    def upfirdn2d(
        self, x: np.ndarray, kernel: np.ndarray, up: Sequence[int], down: Sequence[int], padding: Sequence[int]
    ) -> np.ndarray:
        """`kernel` is applied as a correlation; up and down are (vertical, horizontal)."""
        op, keep = upfirdn2d_op(x.shape, kernel, up, down, padding)
        size = (i64 * 2)()
        self.call("gf_upfirdn2d_size", ctypes.byref(op), size)
        y = aligned((x.shape[0], size[0], size[1], x.shape[3]), x.dtype)
        self.run("gf_upfirdn2d", op, (x, y), (y,))
        del keep
        return y

    def bias_act(
        self,
        x: np.ndarray,
        bias: np.ndarray | None,
        activation: str,
        alpha: float,
        gain: float,
        clamp: float = -1.0,
        order: int = 0,
        first: np.ndarray | None = None,
        second: np.ndarray | None = None,
    ) -> np.ndarray:
        op = bias_act_op(x.shape, activation, alpha, gain, clamp, order)
        y = aligned(x.shape, x.dtype)
        self.run("gf_bias_act", op, (x, bias, first, second, y), (y,))
        return y

    def token_norm(
        self,
        x: np.ndarray,
        center: bool,
        scale: bool,
        epsilon: float,
        first: np.ndarray | None = None,
        in_place: bool = False,
    ) -> np.ndarray:
        """`first`: the factor of the gradient; `in_place` writes over it, or over x without one."""
        op = TokenNorm(int(np.prod(x.shape[:-1])), x.shape[-1], int(first is not None), center, scale, epsilon)
        y = (x if first is None else first) if in_place else aligned(x.shape, x.dtype)
        self.run("gf_token_norm", op, (x, first, y), (y,))
        return y

    def scale_channels(self, x: np.ndarray, scales: np.ndarray, in_place: bool = False) -> np.ndarray:
        """x [batch, rows, channels] times scales [batch, channels]."""
        y = x if in_place else aligned(x.shape, x.dtype)
        self.run("gf_scale_channels", Modulation(*x.shape), (x, scales, y), (y,))
        return y

    def channel_dot(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Sums of x * y over the rows: [batch, channels]."""
        sums = aligned((x.shape[0], x.shape[2]), x.dtype)
        self.run("gf_channel_dot", Modulation(*x.shape), (x, y, sums), (sums,))
        return sums

    def winograd(self, x: np.ndarray, w: np.ndarray, transposed: bool = False) -> np.ndarray:
        """x [batch, height, width, in] convolved with w [3, 3, in, out]; transposed: from out to in."""
        op = Winograd(*x.shape[:3], *w.shape[2:], self._threads, transposed)
        y = aligned((*x.shape[:3], w.shape[2 if transposed else 3]), x.dtype)
        self.run("gf_winograd", op, (x, w, y, self._winograd_workspace(op, x.dtype)), (y,))
        return y

    def winograd_filter(self, x: np.ndarray, dy: np.ndarray) -> np.ndarray:
        """Gradient of w [3, 3, in, out] for x [.., in] and the gradient dy [.., out] of the result."""
        op = Winograd(*x.shape[:3], x.shape[3], dy.shape[3], self._threads, 0)
        dw = aligned((3, 3, x.shape[3], dy.shape[3]), x.dtype)
        self.run("gf_winograd_filter", op, (x, dy, dw, self._winograd_workspace(op, x.dtype)), (dw,))
        return dw

    def _winograd_workspace(self, op: Winograd, dtype: np.dtype) -> np.ndarray:
        size = self.lib.gf_winograd_workspace(ctypes.byref(op), DTYPES.get(dtype.name, -1))
        workspace = aligned((max(size, 0),), dtype)
        workspace.fill(np.nan)  # nothing may be read before it is written
        return workspace

    def filtered_lrelu(
        self,
        x: np.ndarray,
        bias: np.ndarray | None,
        up_kernel: np.ndarray,
        down_kernel: np.ndarray,
        up: Sequence[int],
        down: Sequence[int],
        padding: Sequence[int],
        slope: float,
        gain: float,
        clamp: float = -1.0,
        mode: int = 0,
        other: np.ndarray | None = None,
    ) -> np.ndarray:
        op, keep = filtered_lrelu_op(x.shape, up_kernel, down_kernel, up, down, padding, slope, gain, clamp, mode)
        size = (i64 * 2)()
        self.call("gf_filtered_lrelu_size", ctypes.byref(op), size)
        y = aligned(x.shape if mode == 2 else (x.shape[0], size[0], size[1], x.shape[3]), x.dtype)
        self.run("gf_filtered_lrelu", op, (x, bias, other, y), (y,))
        del keep
        return y

    def attention(
        self,
        x: np.ndarray,
        score_weight: np.ndarray,
        score_bias: np.ndarray | None,
        value: np.ndarray,
        output_bias: np.ndarray | None = None,
        probability_scale: np.ndarray | None = None,
        integration: str | None = None,
        target: np.ndarray | None = None,
        in_place: bool = False,
    ) -> tuple[np.ndarray, np.ndarray]:
        """(output, softmax before the scale); `in_place` writes the output over the target, or over x without one."""
        op = attention_op(x.shape, score_weight, score_bias, value, probability_scale, integration)
        width = value.shape[3] // 2 if integration == "both" else value.shape[3]
        output = aligned((x.shape[0], x.shape[1], width), x.dtype)
        if in_place:
            output = x if target is None else target
        softmax = aligned((x.shape[0], score_weight.shape[1], x.shape[1], score_weight.shape[3]), x.dtype)
        arrays = (x, score_weight, score_bias, value, output_bias, probability_scale, target, output, softmax)
        self.run("gf_attention", op, arrays, (output, softmax), AttentionData)
        return output, softmax

    def attention_gradient(
        self,
        x: np.ndarray,
        score_weight: np.ndarray,
        value: np.ndarray,
        output_bias: np.ndarray | None,
        probability_scale: np.ndarray | None,
        integration: str | None,
        target: np.ndarray | None,
        softmax: np.ndarray,
        d_output: np.ndarray,
        d_softmax: np.ndarray | None = None,
        in_place: bool = False,
    ) -> tuple[np.ndarray | None, ...]:
        """(d_x, d_target, d_scores, d_weight, d_value, d_output_bias); d_target is None where x is the target.

        `in_place` writes d_target over d_output (d_x, where there is no d_target) and d_scores over the softmax.
        """
        op = attention_op(x.shape, score_weight, None, value, probability_scale, integration)
        batch, heads, _, k = softmax.shape
        outputs = (
            d_output if in_place and target is None else aligned(x.shape, x.dtype),
            None if target is None else d_output if in_place else aligned(target.shape, x.dtype),
            softmax if in_place else aligned(softmax.shape, x.dtype),
            aligned((batch, heads, x.shape[2], k), x.dtype),
            aligned((batch, heads, k, value.shape[3]), x.dtype),
            aligned((value.shape[3],), x.dtype),
        )
        inputs = (x, score_weight, value, output_bias, probability_scale, target, softmax, d_output, d_softmax)
        written = [output for output in outputs if output is not None]
        self.run("gf_attention_gradient", op, (*inputs, *outputs), written, AttentionGradientData)
        return outputs

    def centroids(self, x: np.ndarray, probabilities: np.ndarray, epsilon: float) -> tuple[np.ndarray, np.ndarray]:
        """(centroids, sum of the probabilities over tokens)."""
        batch, heads, tokens, components = probabilities.shape
        op = CentroidsOp(batch, tokens, x.shape[2], heads, components, epsilon)
        centroids = aligned((batch, heads, components, x.shape[2]), x.dtype)
        total = aligned((batch, heads, components), x.dtype)
        arrays = [x, probabilities, centroids, total]
        if self.on_cuda:
            arrays.append(np.full(self.lib.gf_centroids_workspace(ctypes.byref(op)), np.nan, np.float32))
        self.run("gf_centroids", op, arrays, (centroids, total))
        return centroids, total


def aligned(shape: Sequence[int], dtype: Any, alignment: int = 64) -> np.ndarray:
    """An uninitialised array aligned as TensorFlow aligns its tensors."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    raw = np.empty(size + alignment, np.uint8)
    start = -raw.ctypes.data % alignment
    return raw[start : start + size].view(dtype).reshape(shape)


def address(array: np.ndarray | None) -> Any:
    if array is None:
        return None
    if not array.flags.c_contiguous:
        raise KernelError("arrays must be C contiguous; use numpy.ascontiguousarray.")
    return array.ctypes.data_as(pointer)


def numpy_type(name: str) -> np.dtype:
    """The NumPy type of a name; bfloat16 needs the package ml_dtypes."""
    if name != "bfloat16":
        return np.dtype(name)
    import ml_dtypes

    return np.dtype(ml_dtypes.bfloat16)


def dtype_of(array: np.ndarray) -> int:
    return DTYPES.get(array.dtype.name, -1)
