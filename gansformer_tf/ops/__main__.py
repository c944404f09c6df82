"""`python -m gansformer_tf.ops`: which implementation is in use, for which devices, and a self-check of it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from gansformer_tf import ops
from gansformer_tf.ops import _library

# Relative to the largest value: sums of a few dozen float32 products in another order.
TOLERANCE = 2e-5


def main() -> int:
    backend = keras.backend.backend()
    print(f"keras backend   {backend}")
    try:
        print(f"{_library.VARIABLE}  {_library.mode()}")
        if backend != "tensorflow":
            print("native ops      not in use: they are TensorFlow ops; the composites serve every backend")
            return 0
        return describe()
    except (_library.NativeOpsError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def describe() -> int:
    import tensorflow as tf

    loaded = _library.load()
    devices = [device.device_type for device in tf.config.get_visible_devices()]
    print(f"tensorflow      {tf.__version__} on {', '.join(devices)}")
    if loaded.module is None:
        print(f"native ops      not in use: {loaded.reason}")
        print(f"                for speed, {_library.REBUILD}")
        if _library.mode() == "native":
            raise _library.NativeOpsError(f"{_library.VARIABLE} is native, but {loaded.reason}; {_library.REBUILD}.")
        return self_check(
            "slices", lambda: ops.formulation("slices"), "depthwise", lambda: ops.formulation("depthwise")
        )
    chosen = "in use" if _library.mode() != "composite" else f"loaded, but {_library.VARIABLE} chooses the composites"
    print(f"native ops      {chosen}: {loaded.reason}")
    on_cpu = "bias_act (relu and lrelu), normalize_channels, scale_channels, conv2d (3x3)"
    which = "bias_act" if _library.gpu_visible() else on_cpu
    print(f"                upfirdn2d, filtered_lrelu, bipartite attention, {which}")
    return self_check(
        "native", lambda: ops.implementation("native"), "composite", lambda: ops.implementation("composite")
    )


def self_check(first: str, in_first: Callable[[], Any], second: str, in_second: Callable[[], Any]) -> int:
    """Prints the largest differences between two implementations; 0 if all are rounding errors."""
    print(f"self-check      {first} against {second}, largest relative difference")
    worst = 0.0
    for name, function, arguments in cases():
        errors = []
        results = []
        for context in (in_first, in_second):
            with context():
                results.append(value_and_gradients(function, arguments))
        for mine, other in zip(*results, strict=True):
            errors.append(difference(mine, other))
        worst = max(worst, *errors)
        labels = ("value", "gradient", "second")
        print(f"  {name:22s}" + "".join(f" {label} {error:.1e}" for label, error in zip(labels, errors, strict=True)))
    print("self-check      " + ("passed" if worst <= TOLERANCE else f"FAILED: more than {TOLERANCE:.0e}"))
    return 0 if worst <= TOLERANCE else 1


def cases() -> list[tuple[str, Callable[..., Any], list[np.ndarray]]]:
    """(name, function, arguments) of small calls; the values have several parts of the shapes uneven."""
    draw = np.random.RandomState(7)

    def array(*shape: int) -> np.ndarray:
        return draw.standard_normal(shape).astype(np.float32)

    taps = ops.setup_filter()
    long = ops.setup_filter(np.hanning(14)[1:-1])
    round_kernel = ops.setup_filter(np.exp(-(np.add.outer(np.arange(-2, 3) ** 2, np.arange(-2, 3) ** 2) ** 1.3) / 9))
    image, tokens = (
        [array(2, 9, 7, 20)],
        [array(2, 50, 12), array(2, 3, 12, 5), array(1, 3, 50, 5), array(2, 3, 5, 24)],
    )
    return [
        ("upsample2d", lambda x: ops.upsample2d(x, taps), image),
        ("downsample2d", lambda x: ops.downsample2d(x, taps), image),
        ("upfirdn2d, joint", lambda x: ops.upfirdn2d(x, round_kernel, up=3, down=2, padding=(3, -1, 2, 4)), image),
        (
            "filtered_lrelu",
            lambda x, b: ops.filtered_lrelu(x, long, long, b, up=2, down=2, padding=10, clamp=0.8),
            [*image, array(20)],
        ),
        ("bias_act", lambda x, b: ops.bias_act(x, b, "swish", clamp=1.5), [*image, array(20)]),
        ("normalize_channels", lambda x: ops.normalize_channels(x) ** 2, image),
        ("scale_channels", lambda x, s: ops.scale_channels(x, s), [*image, array(2, 20)]),
        ("conv2d, 3x3", lambda x, w: ops.conv2d(x, w), [array(1, 33, 35, 64) / 8, array(3, 3, 64, 64) / 24]),
        (
            "bipartite_attention",
            lambda x, w, b, v: ops.bipartite_attention(x, w, b, v, integration="both").output,
            tokens,
        ),
        (
            "attention_centroids",
            lambda x, p: ops.attention_centroids(x, p).centroids,
            [tokens[0], np.abs(array(2, 3, 50, 5))],
        ),
    ]


def value_and_gradients(function: Callable[..., Any], arguments: list[np.ndarray]) -> list[list[np.ndarray]]:
    """Value, gradients of a quadratic form of it, and gradients of the sum of squares of those."""
    import tensorflow as tf

    inputs = [tf.constant(argument) for argument in arguments]
    with tf.GradientTape() as outer:
        outer.watch(inputs)
        with tf.GradientTape() as inner:
            inner.watch(inputs)
            value = function(*inputs)
            loss = tf.reduce_sum(value * value)
        gradients = inner.gradient(loss, inputs)
        penalty = tf.add_n([tf.reduce_sum(gradient * gradient) for gradient in gradients])
    second = outer.gradient(penalty, inputs)
    return [[value.numpy()], [g.numpy() for g in gradients], [g.numpy() for g in second]]


def difference(mine: list[np.ndarray], other: list[np.ndarray]) -> float:
    return max(float(np.max(np.abs(a - b)) / max(1.0, np.max(np.abs(b)))) for a, b in zip(mine, other, strict=True))


if __name__ == "__main__":
    sys.exit(main())
