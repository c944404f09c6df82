"""Random calls of the kernels, compared with the NumPy definitions. Used by the tests and by the GPU benchmark."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from custom_ops import definitions, kernels, structures

TOLERANCE = {"float64": 1e-12, "float32": 1e-5, "float16": 4e-3, "bfloat16": 3e-2}
SIXTEEN_BITS = ("float16", "bfloat16")


def error(found: np.ndarray, expected: np.ndarray) -> float:
    assert found.shape == expected.shape
    return float(np.max(np.abs(found - expected)) / max(1.0, np.max(np.abs(expected)))) if found.size else 0.0


def check(found: np.ndarray, expected: np.ndarray, *about: Any) -> None:
    bound = TOLERANCE[found.dtype.name]
    worst = error(found.astype(np.float64), expected)
    assert worst <= bound, (worst, *about)


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
        return self.random.standard_normal(shape).astype(kernels.numpy_type(self.dtype))

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


def leaves_output(x: np.ndarray, kernel: np.ndarray, up: Any, padding: Any) -> bool:
    left, right, top, bottom = padding
    return (
        x.shape[1] * up[0] + top + bottom >= kernel.shape[0] and x.shape[2] * up[1] + left + right >= kernel.shape[-1]
    )


def run_upfirdn2d(library: kernels.Kernels, draw: Draw, shapes: int) -> None:
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


def run_bias_act(library: kernels.Kernels, draw: Draw, shapes: int) -> None:
    for number in range(shapes):
        draw.start()
        x = 2 * draw.array(draw.integer(0, 5), draw.integer(1, 40))
        bias = draw.array(x.shape[1]) if draw.chance(0.8) else None
        first, second = draw.array(*x.shape), draw.array(*x.shape)
        name = structures.ACTIVATIONS[number % len(structures.ACTIVATIONS)]
        # In 16 bits values near the clamp may fall on either side of it.
        clamp = 0.8 if draw.chance(0.4) and draw.dtype not in SIXTEEN_BITS else -1.0
        for order in (0, 1, 2):
            found = library.bias_act(x, bias, name, 0.3, 1.2, clamp, order, first, second)
            inputs = [None if a is None else a.astype(np.float64) for a in (x, bias, first, second)]
            expected = definitions.bias_act(*inputs[:2], name, 0.3, 1.2, clamp, order, *inputs[2:])
            check(found, expected, name, order, x.shape)


def run_token_norm(library: kernels.Kernels, draw: Draw, shapes: int) -> None:
    for number in range(shapes):
        draw.start()
        x = 2 * draw.array(draw.integer(0, 5), draw.integer(1, 150)) + 0.5
        first = draw.array(*x.shape)
        center, scale = [(True, True), (True, False), (False, True)][number % 3]
        for factor in (None, first):
            exact = [None if a is None else a.astype(np.float64) for a in (x, factor)]
            expected = definitions.token_norm(exact[0], center, scale, 1e-3, exact[1])
            for in_place in (False, True):
                arguments = [None if a is None else a.copy() for a in (x, factor)]
                found = library.token_norm(arguments[0], center, scale, 1e-3, arguments[1], in_place)
                check(found, expected, x.shape, center, scale, factor is None, in_place)


def run_modulation(library: kernels.Kernels, draw: Draw, shapes: int, rows: Callable[[Draw], int]) -> None:
    for _ in range(shapes):
        draw.start()
        shape = (draw.integer(0, 3), rows(draw), draw.integer(1, 40))
        x, y, scales = draw.array(*shape), draw.array(*shape), draw.array(shape[0], shape[2])
        exact = [a.astype(np.float64) for a in (x, y, scales)]
        for in_place in (False, True):
            found = library.scale_channels(x.copy(), scales, in_place)
            check(found, exact[0] * exact[2][:, None], shape, in_place)
        check(library.channel_dot(x, y), (exact[0] * exact[1]).sum(axis=1), shape)


def run_winograd(library: kernels.Kernels, draw: Draw, shapes: int, most: int) -> None:
    """Images of up to `most` pixels a side, channels of up to three panels; the transpose by turning the filter."""
    for _ in range(shapes):
        draw.start()
        shape = (draw.integer(0, 3), draw.integer(1, most), draw.integer(1, most))
        inside, outside = draw.integer(1, 70), draw.integer(1, 70)
        x, dy, w = draw.array(*shape, inside), draw.array(*shape, outside), draw.array(3, 3, inside, outside)
        exact = [a.astype(np.float64) for a in (x, dy, w)]
        turned = exact[2][::-1, ::-1].transpose(0, 1, 3, 2)
        check(library.winograd(x, w), definitions.conv2d(exact[0], exact[2]), shape, inside, outside)
        check(library.winograd(dy, w, True), definitions.conv2d(exact[1], turned), "transposed", shape, inside, outside)
        check(library.winograd_filter(x, dy), definitions.conv2d_filter(*exact[:2]), "filter", shape, inside, outside)


def run_filtered_lrelu(library: kernels.Kernels, draw: Draw, shapes: int) -> None:
    done = 0
    while done < shapes:
        draw.start()
        x, first, second = draw.pictures(), draw.kernel(), draw.kernel()
        up, down, padding = draw.factors()
        bias = draw.array(x.shape[3]) if draw.chance(0.7) else None
        clamp = 0.7 if draw.chance(0.4) and draw.dtype not in SIXTEEN_BITS else -1.0
        numbers = (first, second, up, down, padding, 0.2, 1.3, clamp)
        try:
            found = library.filtered_lrelu(x, bias, *numbers)
        except kernels.KernelError as failure:
            assert "samples after padding" in str(failure)
            continue
        exact = [None if a is None else a.astype(np.float64) for a in (x, bias)]
        check(found, definitions.filtered_lrelu(*exact, *numbers, flip=True), x.shape, numbers)
        done += 1
        if draw.dtype in SIXTEEN_BITS or not x.size:
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


def run_attention(
    library: kernels.Kernels, draw: Draw, shapes: int, tokens: Callable[[Draw], int], most_components: int
) -> None:
    for number in range(shapes):
        draw.start()
        batch, n, channels = draw.integer(0, 3), tokens(draw), draw.integer(1, 40)
        heads, k = draw.integer(1, 3), int(draw.random.choice([1, 2, 3, 4, 7, 8, 16, 17, 32, most_components]))
        integration = structures.INTEGRATIONS[number // 2 % 4]
        width = channels if draw.chance(0.5) else draw.integer(1, 40)
        channels_out = 2 * width if integration == "both" else width

        def one(size: int) -> int:
            return 1 if draw.chance(0.5) else size

        x = draw.array(batch, n, channels)
        weight = (draw.array(one(batch), heads, channels, k) / math.sqrt(channels)).astype(x.dtype)
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
        if library.on_cuda or (integration is None and target is not None):
            continue
        d_output = draw.array(*found[0].shape)
        d_softmax = draw.array(*found[1].shape) if draw.chance(0.5) else None
        rest = (x, weight, value, output_bias, scale, integration, target, found[1], d_output, d_softmax)
        gradients = library.attention_gradient(*rest)
        exact = [a.astype(np.float64) if isinstance(a, np.ndarray) else a for a in rest]
        for mine, wanted in zip(gradients, definitions.attention_gradient(*exact), strict=True):
            if wanted is not None:
                check(mine, wanted, "gradient", x.shape, weight.shape, value.shape, integration)
        if width == channels or target is not None:
            check_in_place(library, rest, found, gradients)


def check_in_place(library: kernels.Kernels, inputs: tuple, found: Any, gradients: Any) -> None:
    """Kernels that write over their inputs give the same numbers to the last bit."""
    x, weight, value, output_bias, scale, integration, target, softmax, d_output, d_softmax = inputs
    if integration is not None:
        over = [None if a is None else a.copy() for a in (x, target)]
        bias = np.zeros((1, weight.shape[1], 1, weight.shape[3]), x.dtype)
        arrays = (weight, bias, value, output_bias, scale, integration)
        for mine, wanted in zip(
            library.attention(over[0], *arrays, over[1], in_place=True),
            library.attention(x, *arrays, target),
            strict=True,
        ):
            np.testing.assert_array_equal(mine, wanted)
    over = [softmax.copy(), d_output.copy()]
    again = library.attention_gradient(
        x, weight, value, output_bias, scale, integration, target, *over, d_softmax, in_place=True
    )
    for mine, wanted in zip(again, gradients, strict=True):
        if wanted is not None:
            np.testing.assert_array_equal(mine, wanted)


def run_centroids(
    library: kernels.Kernels, draw: Draw, shapes: int, tokens: Callable[[Draw], int], most_components: int
) -> None:
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
