"""The kernels behind the C interface against NumPy, without TensorFlow (make ops-sanitize runs them instrumented)."""

from __future__ import annotations

import ctypes
import math

import numpy as np
import pytest

from custom_ops import kernels, structures
from custom_ops.checks import (
    Draw,
    many_tokens,
    run_attention,
    run_bias_act,
    run_centroids,
    run_filtered_lrelu,
    run_modulation,
    run_token_norm,
    run_upfirdn2d,
    run_winograd,
    some_tokens,
)

SHAPES = 500
EMULATED_SHAPES = 48  # a thread of the operating system per CUDA thread is slow


@pytest.fixture(scope="module")
def cpu(kernels_library):
    return kernels.Kernels(kernels_library)


@pytest.fixture(scope="module")
def threaded(kernels_library):
    return kernels.Kernels(kernels_library, threads=2)


@pytest.fixture(scope="module")
def cuda(emulated_library):
    return kernels.Kernels(emulated_library, emulated=True)


CPU_TYPES = ("float32", "float64")
CUDA_TYPES = ("float32", "float16")


def test_upfirdn2d(cpu, threaded):
    run_upfirdn2d(cpu, Draw(1, CPU_TYPES), SHAPES)
    run_upfirdn2d(threaded, Draw(2, CPU_TYPES), 50)


def test_bias_act(cpu):
    run_bias_act(cpu, Draw(3, CPU_TYPES), SHAPES)


def test_token_norm(cpu, threaded):
    run_token_norm(cpu, Draw(21, CPU_TYPES), SHAPES)
    run_token_norm(threaded, Draw(22, CPU_TYPES), 30)


def test_modulation(cpu, threaded):
    run_modulation(cpu, Draw(23, CPU_TYPES), SHAPES, lambda draw: draw.integer(0, 40))
    run_modulation(threaded, Draw(24, CPU_TYPES), 20, lambda draw: draw.integer(250, 1100))


def test_winograd(cpu, threaded):
    run_winograd(cpu, Draw(27, CPU_TYPES), SHAPES, 9)
    run_winograd(threaded, Draw(28, CPU_TYPES), 10, 60)  # several chunks of tiles


def test_filtered_lrelu(cpu, threaded):
    run_filtered_lrelu(cpu, Draw(4, CPU_TYPES), SHAPES)
    run_filtered_lrelu(threaded, Draw(5, CPU_TYPES), 50)


def test_attention(cpu, threaded):
    run_attention(cpu, Draw(6, CPU_TYPES), SHAPES, some_tokens, 40)
    run_attention(threaded, Draw(7, CPU_TYPES), 50, many_tokens, 40)


def test_centroids(cpu, threaded):
    run_centroids(cpu, Draw(8, CPU_TYPES), SHAPES, some_tokens, 40)
    run_centroids(threaded, Draw(9, CPU_TYPES), 3, lambda draw: 5000, 20)


@pytest.mark.parametrize("isa", ["baseline", "avx2"])
def test_lesser_instruction_sets(cpu, isa):
    best = cpu.isa
    if not cpu.set_isa(isa):
        pytest.skip(f"this CPU lacks {isa}")
    try:
        assert cpu.isa == isa
        run_upfirdn2d(cpu, Draw(10, CPU_TYPES), 60)
        run_bias_act(cpu, Draw(11, CPU_TYPES), 30)
        run_token_norm(cpu, Draw(25, CPU_TYPES), 60)
        run_modulation(cpu, Draw(26, CPU_TYPES), 30, lambda draw: draw.integer(0, 600))
        run_winograd(cpu, Draw(29, CPU_TYPES), 60, 9)
        run_filtered_lrelu(cpu, Draw(12, CPU_TYPES), 60)
        run_attention(cpu, Draw(13, CPU_TYPES), 60, some_tokens, 40)
        run_centroids(cpu, Draw(14, CPU_TYPES), 30, some_tokens, 40)
    finally:
        assert cpu.set_isa(best)


def test_cuda_upfirdn2d(cuda):
    run_upfirdn2d(cuda, Draw(15, CUDA_TYPES), EMULATED_SHAPES)


def test_cuda_bias_act(cuda):
    run_bias_act(cuda, Draw(16, CUDA_TYPES), EMULATED_SHAPES)


def test_cuda_filtered_lrelu(cuda):
    run_filtered_lrelu(cuda, Draw(17, CUDA_TYPES), EMULATED_SHAPES)


def test_cuda_attention(cuda):
    run_attention(cuda, Draw(18, CUDA_TYPES), EMULATED_SHAPES, many_tokens, 32)


def test_cuda_centroids(cuda):
    run_centroids(cuda, Draw(19, CUDA_TYPES), EMULATED_SHAPES, some_tokens, 32)
    run_centroids(cuda, Draw(20, CUDA_TYPES), 2, lambda draw: 5000, 32)


# --- hostile arguments --------------------------------------------------------------------------------------------

HUGE = 2**62
BAD_UPFIRDN2D = {
    "huge padding": {"padding": (HUGE, HUGE, HUGE, HUGE)},
    "padding that sums up": {"padding": (2**20, 2**20, 2**20, 2**20), "height": 2**24},
    "huge negative padding": {"padding": (-HUGE, 0, 0, 0)},
    "everything cropped": {"padding": (-9, 0, 0, 0)},
    "no taps": {"taps": (0, 4)},
    "negative taps": {"taps": (-3, 4)},
    "too many taps": {"taps": (2**40, 4)},
    "up of zero": {"up": (0, 1)},
    "negative down": {"down": (1, -2)},
    "huge up": {"up": (HUGE, 1)},
    "negative height": {"height": -5},
    "no width": {"width": 0},
    "negative channels": {"channels": -1},
    "negative batch": {"batch": -1},
    "a batch that overflows": {"batch": HUGE},
    "elements that overflow": {"batch": 2**31, "height": 2**23, "width": 2**23, "channels": 2**23},
    "no kernel": {"kernel": None},
}


@pytest.mark.parametrize("change", BAD_UPFIRDN2D.values(), ids=BAD_UPFIRDN2D.keys())
@pytest.mark.parametrize("library", ["cpu", "cuda"])
def test_hostile_upfirdn2d(library, change, request):
    library = request.getfixturevalue(library)
    x, y = np.ones((1, 4, 4, 2), np.float32), np.full((1, 4, 4, 2), 7, np.float32)
    op, keep = structures.upfirdn2d_op(x.shape, np.ones(4), (1, 1), (1, 1), (2, 1, 2, 1))
    for name, value in change.items():
        if value is None:
            value = ctypes.POINTER(ctypes.c_float)()
        elif isinstance(value, tuple):
            value = (ctypes.c_int64 * len(value))(*value)
        setattr(op, name, value)
    with pytest.raises(kernels.KernelError):
        library.run("gf_upfirdn2d", op, (x, y), (y,))
    assert np.all(y == 7)
    del keep


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_hostile_taps(cpu, value):
    with pytest.raises(kernels.KernelError, match="not finite"):
        cpu.upfirdn2d(np.ones((1, 4, 4, 2), np.float32), np.array([1, value]), (1, 1), (1, 1), (1, 1, 1, 1))


def test_nan_in_images_stays_where_it_is(cpu):
    x = np.ones((1, 9, 9, 16), np.float32)
    x[0, 4, 4, 3] = np.nan
    y = cpu.upfirdn2d(x, np.ones(3), (1, 1), (1, 1), (1, 1, 1, 1))
    assert np.isnan(y[0, 3:6, 3:6, 3]).all() and np.isnan(y).sum() == 9
    z = cpu.filtered_lrelu(x, None, np.ones(1), np.ones(1), (1, 1), (1, 1), (0,) * 4, 0.2, 1.0, 0.5)
    assert np.isnan(z).sum() == 1 and np.isnan(z[0, 4, 4, 3])


def test_unusual_scores(cpu):
    weight, value = np.zeros((1, 1, 4, 16), np.float32), np.ones((1, 1, 16, 4), np.float32)
    x = np.zeros((1, 3, 4), np.float32)
    bias = np.zeros((1, 1, 3, 16), np.float32)
    bias[0, 0, 0, 5] = 300.0  # one component takes everything
    bias[0, 0, 1, :8] = -np.inf  # excluded components
    bias[0, 0, 2, 2] = np.nan
    softmax = cpu.attention(x, weight, bias, value)[1][0, 0]
    assert softmax[0, 5] == 1 and softmax[0].sum() == 1
    assert np.all(softmax[1, :8] == 0) and np.allclose(softmax[1, 8:], 1 / 8)
    assert np.isnan(softmax[2]).all()


BAD_ATTENTION = {
    "negative tokens": {"tokens": -1},
    "tokens that overflow": {"tokens": HUGE},
    "no channels": {"channels": 0},
    "no components": {"components": 0},
    "too many heads": {"heads": 2**40},
    "an unknown integration": {"integration": 9},
    "a broadcast size that fits nothing": {"bias_tokens": 2},
    "an odd number of channels to halve": {"integration": 3, "channels_out": 5},
    "a target of another width": {"integration": 1, "channels_out": 6},
    "elements that overflow": {"batch": 2**31, "tokens": 2**24, "channels": 2**24, "weight_batch": 1, "value_batch": 1},
}


@pytest.mark.parametrize("change", BAD_ATTENTION.values(), ids=BAD_ATTENTION.keys())
@pytest.mark.parametrize("library", ["cpu", "cuda"])
def test_hostile_attention(library, change, request):
    library = request.getfixturevalue(library)
    x, weight, value = (np.ones(shape, np.float32) for shape in ((2, 7, 4), (2, 1, 4, 3), (2, 1, 3, 4)))
    output, softmax = np.full((2, 7, 4), 7, np.float32), np.full((2, 1, 7, 3), 7, np.float32)
    op = structures.attention_op(x.shape, weight, None, value, None, None)
    for name, number in change.items():
        setattr(op, name, number)
    arrays = (x, weight, None, value, None, None, None, output, softmax)
    with pytest.raises(kernels.KernelError):
        library.run("gf_attention", op, arrays, (output, softmax), structures.AttentionData)
    assert np.all(output == 7) and np.all(softmax == 7)


@pytest.mark.parametrize("change", BAD_ATTENTION.values(), ids=BAD_ATTENTION.keys())
def test_hostile_attention_gradient(cpu, change):
    x, weight, value = (np.ones(shape, np.float32) for shape in ((2, 7, 4), (2, 1, 4, 3), (2, 1, 3, 4)))
    softmax, d_output = np.ones((2, 1, 7, 3), np.float32), np.ones((2, 7, 4), np.float32)
    outputs = [np.full(shape, 7, np.float32) for shape in (x.shape, softmax.shape, weight.shape, value.shape, (4,))]
    op = structures.attention_op(x.shape, weight, None, value, None, None)
    for name, number in change.items():
        setattr(op, name, number)
    arrays = (x, weight, value, None, None, None, softmax, d_output, None, outputs[0], None, *outputs[1:])
    with pytest.raises(kernels.KernelError):
        cpu.run("gf_attention_gradient", op, arrays, outputs, structures.AttentionGradientData)
    assert all(np.all(output == 7) for output in outputs)


def test_hostile_numbers(cpu):
    x = np.ones((2, 4), np.float32)
    for numbers in ((math.nan, 1.0, -1.0), (0.2, math.inf, -1.0), (0.2, 1.0, math.nan)):
        with pytest.raises(kernels.KernelError, match="finite"):
            cpu.bias_act(x, None, "lrelu", *numbers)
    op = structures.bias_act_op((2**40, 2**30), "relu", 0.0, 1.0, -1.0, 0)
    with pytest.raises(kernels.KernelError, match="overflow"):
        cpu.run("gf_bias_act", op, (x, None, None, None, x), (x,))
    with pytest.raises(kernels.KernelError, match="epsilon"):
        cpu.centroids(np.ones((1, 2, 3), np.float32), np.ones((1, 1, 2, 2), np.float32), -1.0)


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ((2, -4, 0, 1, 1, 1e-8), "negative"),
        ((2**40, 2**30, 0, 1, 1, 1e-8), "overflow"),
        ((2, 4, 2, 1, 1, 1e-8), "order is 2"),
        ((2, 4, 0, 0, 0, 1e-8), "neither"),
        ((2, 4, 0, 1, 1, math.nan), "epsilon"),
        ((2, 4, 1, 1, 1, 1e-8), "missing"),
    ],
)
def test_hostile_token_norm(cpu, numbers, message):
    x, y = np.ones((2, 4), np.float32), np.full((2, 4), 7, np.float32)
    with pytest.raises(kernels.KernelError, match=message):
        cpu.run("gf_token_norm", structures.TokenNorm(*numbers), (x, None, y), (y,))
    assert np.all(y == 7)


@pytest.mark.parametrize("function", ["gf_scale_channels", "gf_channel_dot"])
@pytest.mark.parametrize("shape", [(-1, 2, 3), (2, -2, 3), (2, 3, -1), (2**31, 2**23, 2**23)])
def test_hostile_modulation(cpu, function, shape):
    x, y = np.ones((2, 3, 4), np.float32), np.full((2, 3, 4), 7, np.float32)
    with pytest.raises(kernels.KernelError, match="negative or overflow"):
        cpu.run(function, structures.Modulation(*shape), (x, x, y), (y,))
    with pytest.raises(kernels.KernelError, match="missing"):
        cpu.run(function, structures.Modulation(2, 3, 4), (x, None, y), (y,))
    assert np.all(y == 7)


BAD_WINOGRAD = {
    "negative batch": {"batch": -1},
    "negative height": {"height": -4},
    "a width that overflows": {"width": HUGE},
    "no channels": {"channels_in": 0},
    "channels that overflow": {"channels_out": HUGE},
    "elements that overflow": {"batch": 2**31, "height": 2**23, "width": 2**23},
    "no workers": {"workers": 0},
}


@pytest.mark.parametrize("change", BAD_WINOGRAD.values(), ids=BAD_WINOGRAD.keys())
@pytest.mark.parametrize("function", ["gf_winograd", "gf_winograd_filter"])
def test_hostile_winograd(cpu, function, change):
    x, y = np.ones((1, 4, 4, 2), np.float32), np.full((3, 3, 2, 2), 7, np.float32)
    workspace = np.zeros(1 << 16, np.float32)
    with pytest.raises(kernels.KernelError, match="missing"):
        cpu.run(function, structures.Winograd(1, 4, 4, 2, 2, 1, 0), (x, x, y, None), (y,))
    op = structures.Winograd(1, 4, 4, 2, 2, 1, 0)
    for name, value in change.items():
        setattr(op, name, value)
    assert cpu.lib.gf_winograd_workspace(ctypes.byref(op), 0) == -1
    with pytest.raises(kernels.KernelError, match="negative or overflow|workers is 0"):
        cpu.run(function, op, (x, x, y, workspace), (y,))
    assert np.all(y == 7)


def test_types_without_kernel(cpu, cuda):
    for library, dtype in ((cpu, np.float16), (cpu, np.int32), (cuda, np.float64)):
        x = np.ones((1, 4, 4, 2), dtype)
        with pytest.raises(kernels.KernelError, match="takes float32"):
            library.upfirdn2d(x, np.ones(1), (1, 1), (1, 1), (0, 0, 0, 0))


def test_missing_arrays(cpu):
    op, keep = structures.upfirdn2d_op((1, 4, 4, 2), np.ones(1), (1, 1), (1, 1), (0, 0, 0, 0))
    with pytest.raises(kernels.KernelError, match="missing"):
        cpu.call("gf_upfirdn2d_cpu", ctypes.byref(op), 0, None, None, None)
    del keep
