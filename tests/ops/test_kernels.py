"""The kernels behind the C interface against NumPy, without TensorFlow (make ops-sanitize runs them instrumented)."""

from __future__ import annotations

import ctypes
import math

import numpy as np
import pytest

from custom_ops import definitions, kernels

SHAPES = 500
EMULATED_SHAPES = 48  # a thread of the operating system per CUDA thread is slow
TOLERANCE = {"float64": 1e-12, "float32": 1e-5, "float16": 4e-3}


@pytest.fixture(scope="module")
def cpu(kernels_library):
    return kernels.Kernels(kernels_library)


@pytest.fixture(scope="module")
def threaded(kernels_library):
    return kernels.Kernels(kernels_library, threads=2)


@pytest.fixture(scope="module")
def cuda(emulated_library):
    return kernels.Kernels(emulated_library, emulated=True)


def error(found: np.ndarray, expected: np.ndarray) -> float:
    assert found.shape == expected.shape
    return float(np.max(np.abs(found - expected)) / max(1.0, np.max(np.abs(expected)))) if found.size else 0.0


def check(found, expected, *about):
    bound = TOLERANCE[found.dtype.name]
    assert error(found.astype(np.float64), expected) <= bound, about


class Draw:
    """Random arguments; every third call gives the geometry the networks use."""

    def __init__(self, seed: int, dtypes: tuple[str, ...]) -> None:
        self.random = np.random.default_rng(seed)
        self.dtypes = dtypes
        self.count = 0

    def start(self) -> None:
        self.count += 1
        self.dtype = self.dtypes[self.count % len(self.dtypes)]

    def integer(self, low: int, high: int) -> int:
        return int(self.random.integers(low, high + 1))

    def chance(self, probability: float) -> bool:
        return bool(self.random.random() < probability)

    def array(self, *shape: int) -> np.ndarray:
        return self.random.standard_normal(shape).astype(self.dtype)

    def pictures(self) -> np.ndarray:
        height, width = self.integer(1, 9), self.integer(1, 9)
        if self.chance(0.1):
            height = self.integer(40, 80)  # several blocks of rows
        return self.array(self.integer(0, 2), height, width, self.integer(1, 37))

    def kernel(self) -> np.ndarray:
        if self.chance(0.6):
            return self.random.standard_normal(self.integer(1, 9)).astype(np.float32)
        return self.random.standard_normal((self.integer(1, 5), self.integer(1, 5))).astype(np.float32)

    def factors(self) -> tuple[tuple[int, int], tuple[int, int], tuple[int, ...]]:
        if self.count % 3 == 0:
            up, down = [((2, 2), (1, 1)), ((1, 1), (2, 2)), ((1, 1), (1, 1))][self.count // 3 % 3]
        else:
            up, down = (tuple(self.integer(1, 4) for _ in range(2)) for _ in range(2))
        return up, down, tuple(self.integer(-4, 9) for _ in range(4))


def leaves_output(x, kernel, up, padding) -> bool:
    left, right, top, bottom = padding
    return (
        x.shape[1] * up[0] + top + bottom >= kernel.shape[0] and x.shape[2] * up[1] + left + right >= kernel.shape[-1]
    )


def run_upfirdn2d(library, draw, shapes):
    done = 0
    while done < shapes:
        draw.start()
        x, kernel, (up, down, padding) = draw.pictures(), draw.kernel(), draw.factors()
        if draw.count % 3 == 0:
            kernel = draw.random.standard_normal(4).astype(np.float32)
        if not leaves_output(x, kernel, up, padding):
            continue
        found = library.upfirdn2d(x, kernel, up, down, padding)
        expected = definitions.upfirdn2d(x.astype(np.float64), kernel, up, down, padding, flip=True)
        check(found, expected, x.shape, kernel.shape, up, down, padding)
        done += 1


def run_bias_act(library, draw, shapes):
    for number in range(shapes):
        draw.start()
        x = 2 * draw.array(draw.integer(0, 5), draw.integer(1, 40))
        bias = draw.array(x.shape[1]) if draw.chance(0.8) else None
        first, second = draw.array(*x.shape), draw.array(*x.shape)
        name = kernels.ACTIVATIONS[number % len(kernels.ACTIVATIONS)]
        # In 16 bits values near the clamp may fall on either side of it.
        clamp = 0.8 if draw.chance(0.4) and draw.dtype != "float16" else -1.0
        for order in (0, 1, 2):
            found = library.bias_act(x, bias, name, 0.3, 1.2, clamp, order, first, second)
            inputs = [None if a is None else a.astype(np.float64) for a in (x, bias, first, second)]
            expected = definitions.bias_act(*inputs[:2], name, 0.3, 1.2, clamp, order, *inputs[2:])
            check(found, expected, name, order, x.shape)


def run_filtered_lrelu(library, draw, shapes):
    done = 0
    while done < shapes:
        draw.start()
        x, first, second = draw.pictures(), draw.kernel(), draw.kernel()
        up, down, padding = draw.factors()
        bias = draw.array(x.shape[3]) if draw.chance(0.7) else None
        clamp = 0.7 if draw.chance(0.4) and draw.dtype != "float16" else -1.0
        numbers = (first, second, up, down, padding, 0.2, 1.3, clamp)
        try:
            found = library.filtered_lrelu(x, bias, *numbers)
        except kernels.KernelError as failure:
            assert "samples after padding" in str(failure)
            continue
        exact = [None if a is None else a.astype(np.float64) for a in (x, bias)]
        check(found, definitions.filtered_lrelu(*exact, *numbers, flip=True), x.shape, numbers)
        done += 1
        if draw.dtype == "float16" or not x.size:
            continue
        direction, gradient = draw.array(*x.shape), draw.array(*found.shape)
        along = library.filtered_lrelu(x, bias, *numbers, 1, direction)
        expected = definitions.filtered_lrelu(*exact, *numbers, flip=True, direction=direction.astype(np.float64))
        # Values that are 0 but for rounding may take the other slope in float32.
        if draw.dtype == "float64":
            check(along, expected, x.shape, numbers)
        # The transpose: <J d, g> = <d, J' g>.
        back = library.filtered_lrelu(x, bias, *numbers, 2, gradient)
        left = np.sum(along.astype(np.float64) * gradient)
        right = np.sum(direction.astype(np.float64) * back)
        scale = max(1.0, np.sum(np.abs(along.astype(np.float64) * gradient)))
        assert abs(left - right) / scale <= TOLERANCE[draw.dtype], (x.shape, numbers)


def run_attention(library, draw, shapes, tokens, most_components):
    for number in range(shapes):
        draw.start()
        batch, n, channels = draw.integer(0, 3), tokens(draw), draw.integer(1, 40)
        heads, k = draw.integer(1, 3), int(draw.random.choice([1, 2, 3, 4, 7, 8, 16, 17, 32, most_components]))
        integration = kernels.INTEGRATIONS[number // 2 % 4]
        width = channels if draw.chance(0.5) else draw.integer(1, 40)
        channels_out = 2 * width if integration == "both" else width

        def one(size: int) -> int:
            return 1 if draw.chance(0.5) else size

        x = draw.array(batch, n, channels)
        weight = (draw.array(one(batch), heads, channels, k) / math.sqrt(channels)).astype(draw.dtype)
        bias = draw.array(one(batch), heads, one(n), k) if draw.chance(0.7) else None
        value = draw.array(one(batch), heads, k, channels_out)
        output_bias = draw.array(channels_out) if draw.chance(0.5) else None
        scale = draw.array(one(batch), one(heads), one(n), one(k)) if draw.chance(0.5) else None
        target = draw.array(batch, n, width) if width != channels or draw.chance(0.5) else None
        arrays = (x, weight, bias, value, output_bias, scale)
        found = library.attention(*arrays, integration, target)
        exact = [None if a is None else a.astype(np.float64) for a in (*arrays, target)]
        expected = definitions.attention(*exact[:-1], integration, exact[-1])
        for mine, wanted in zip(found, expected, strict=True):
            check(mine, wanted, x.shape, weight.shape, value.shape, integration)


def run_centroids(library, draw, shapes, tokens, most_components):
    for _ in range(shapes):
        draw.start()
        batch, n, heads, k = draw.integer(0, 2), tokens(draw), draw.integer(1, 3), draw.integer(1, most_components)
        x, probabilities = draw.array(batch, n, draw.integer(1, 40)), np.abs(draw.array(batch, heads, n, k))
        found = library.centroids(x, probabilities, 1e-3)
        expected = definitions.centroids(x.astype(np.float64), probabilities, 1e-3)
        for mine, wanted in zip(found, expected, strict=True):
            check(mine, wanted, x.shape, probabilities.shape)


def some_tokens(draw: Draw) -> int:
    return draw.integer(0, 40)


def many_tokens(draw: Draw) -> int:
    return int(draw.random.choice([1, 5, 127, 256, 300]))


CPU_TYPES = ("float32", "float64")
CUDA_TYPES = ("float32", "float16")


def test_upfirdn2d(cpu, threaded):
    run_upfirdn2d(cpu, Draw(1, CPU_TYPES), SHAPES)
    run_upfirdn2d(threaded, Draw(2, CPU_TYPES), 50)


def test_bias_act(cpu):
    run_bias_act(cpu, Draw(3, CPU_TYPES), SHAPES)


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
    op, keep = kernels.upfirdn2d_op(x.shape, np.ones(4), (1, 1), (1, 1), (2, 1, 2, 1))
    for name, value in change.items():
        if value is None:
            value = ctypes.POINTER(ctypes.c_float)()
        elif isinstance(value, tuple):
            value = (ctypes.c_int64 * len(value))(*value)
        setattr(op, name, value)
    with pytest.raises(kernels.KernelError):
        library.run("gf_upfirdn2d", ctypes.byref(op), 0, kernels.address(x), kernels.address(y))
    assert np.all(y == 7)
    del keep


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_hostile_taps(cpu, value):
    with pytest.raises(kernels.KernelError, match="not finite"):
        cpu.upfirdn2d(np.ones((1, 4, 4, 2), np.float32), np.array([1, value]), (1, 1), (1, 1), (1, 1, 1, 1))


def test_nan_in_pictures_stays_where_it_is(cpu):
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
    op = kernels.attention_op(x.shape, weight, None, value, None, None)
    for name, number in change.items():
        setattr(op, name, number)
    arrays = (x, weight, None, value, None, None, None, output, softmax)
    data = kernels.AttentionData(*(kernels.address(array) for array in arrays))
    with pytest.raises(kernels.KernelError):
        library.run("gf_attention", ctypes.byref(op), 0, ctypes.byref(data))
    assert np.all(output == 7) and np.all(softmax == 7)


def test_hostile_numbers(cpu):
    x = np.ones((2, 4), np.float32)
    for numbers in ((math.nan, 1.0, -1.0), (0.2, math.inf, -1.0), (0.2, 1.0, math.nan)):
        with pytest.raises(kernels.KernelError, match="finite"):
            cpu.bias_act(x, None, "lrelu", *numbers)
    op = kernels.bias_act_op((2**40, 2**30), "relu", 0.0, 1.0, -1.0, 0)
    with pytest.raises(kernels.KernelError, match="overflow"):
        cpu.run("gf_bias_act", ctypes.byref(op), 0, kernels.address(x), None, None, None, kernels.address(x))
    with pytest.raises(kernels.KernelError, match="epsilon"):
        cpu.centroids(np.ones((1, 2, 3), np.float32), np.ones((1, 1, 2, 2), np.float32), -1.0)


def test_types_without_kernel(cpu, cuda):
    for library, dtype in ((cpu, np.float16), (cpu, np.int32), (cuda, np.float64)):
        x = np.ones((1, 4, 4, 2), dtype)
        with pytest.raises(kernels.KernelError, match="takes float32"):
            library.upfirdn2d(x, np.ones(1), (1, 1), (1, 1), (0, 0, 0, 0))


def test_missing_arrays(cpu):
    op, keep = kernels.upfirdn2d_op((1, 4, 4, 2), np.ones(1), (1, 1), (1, 1), (0, 0, 0, 0))
    with pytest.raises(kernels.KernelError, match="missing"):
        cpu.run("gf_upfirdn2d", ctypes.byref(op), 0, None, None)
    del keep
