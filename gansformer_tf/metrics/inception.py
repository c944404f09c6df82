"""The Inception network of FID: the TensorFlow graph of 2015-12-05, with its own pooling and resize.

The structure is data (`STEM`, `MIXED`); the network, the names of its weights and their shapes follow from it. Names
are those of the PyTorch port that torch-fidelity and pytorch-fid publish.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from gansformer_tf.metrics.errors import MetricError

INPUT_SIZE = 299
CLASSES = 1008
FEATURES = 2048
BN_EPSILON = 1e-3
TAPS = ("64", "192", "768", "2048", "logits", "logits_unbiased")


@dataclass(frozen=True)
class Conv:
    """Convolution without bias, batch normalization, ReLU; `valid` means no padding."""

    name: str
    filters: int
    kernel: tuple[int, int]
    stride: int = 1
    valid: bool = False


@dataclass(frozen=True)
class Pool:
    """3x3 pooling: "average" leaves padding out of the mean; a stride of 2 comes without padding."""

    kind: str
    stride: int = 1


@dataclass(frozen=True)
class Fork:
    """Convolutions side by side, concatenated."""

    convs: tuple[Conv, ...]


Step = Conv | Pool | Fork


def _conv(name: str, filters: int, kernel: int | tuple[int, int], stride: int = 1, valid: bool = False) -> Conv:
    return Conv(name, filters, (kernel, kernel) if isinstance(kernel, int) else kernel, stride, valid)


STEM: tuple[Step, ...] = (
    _conv("Conv2d_1a_3x3", 32, 3, stride=2, valid=True),
    _conv("Conv2d_2a_3x3", 32, 3, valid=True),
    _conv("Conv2d_2b_3x3", 64, 3),
    Pool("max", 2),  # tap "64"
    _conv("Conv2d_3b_1x1", 80, 1),
    _conv("Conv2d_4a_3x3", 192, 3, valid=True),
    Pool("max", 2),  # tap "192"
)


def _block_5(pool_filters: int) -> tuple[tuple[Step, ...], ...]:
    return (
        (_conv("branch1x1", 64, 1),),
        (_conv("branch5x5_1", 48, 1), _conv("branch5x5_2", 64, 5)),
        (_conv("branch3x3dbl_1", 64, 1), _conv("branch3x3dbl_2", 96, 3), _conv("branch3x3dbl_3", 96, 3)),
        (Pool("average"), _conv("branch_pool", pool_filters, 1)),
    )


def _block_6(width: int) -> tuple[tuple[Step, ...], ...]:
    row, column = (1, 7), (7, 1)
    return (
        (_conv("branch1x1", 192, 1),),
        (_conv("branch7x7_1", width, 1), _conv("branch7x7_2", width, row), _conv("branch7x7_3", 192, column)),
        (
            _conv("branch7x7dbl_1", width, 1),
            _conv("branch7x7dbl_2", width, column),
            _conv("branch7x7dbl_3", width, row),
            _conv("branch7x7dbl_4", width, column),
            _conv("branch7x7dbl_5", 192, row),
        ),
        (Pool("average"), _conv("branch_pool", 192, 1)),
    )


def _block_7(pool: str) -> tuple[tuple[Step, ...], ...]:
    row, column = (1, 3), (3, 1)
    return (
        (_conv("branch1x1", 320, 1),),
        (
            _conv("branch3x3_1", 384, 1),
            Fork((_conv("branch3x3_2a", 384, row), _conv("branch3x3_2b", 384, column))),
        ),
        (
            _conv("branch3x3dbl_1", 448, 1),
            _conv("branch3x3dbl_2", 384, 3),
            Fork((_conv("branch3x3dbl_3a", 384, row), _conv("branch3x3dbl_3b", 384, column))),
        ),
        (Pool(pool), _conv("branch_pool", 192, 1)),
    )


MIXED: dict[str, tuple[tuple[Step, ...], ...]] = {
    "Mixed_5b": _block_5(32),
    "Mixed_5c": _block_5(64),
    "Mixed_5d": _block_5(64),
    "Mixed_6a": (
        (_conv("branch3x3", 384, 3, stride=2, valid=True),),
        (
            _conv("branch3x3dbl_1", 64, 1),
            _conv("branch3x3dbl_2", 96, 3),
            _conv("branch3x3dbl_3", 96, 3, stride=2, valid=True),
        ),
        (Pool("max", 2),),
    ),
    "Mixed_6b": _block_6(128),
    "Mixed_6c": _block_6(160),
    "Mixed_6d": _block_6(160),
    "Mixed_6e": _block_6(192),  # tap "768"
    "Mixed_7a": (
        (_conv("branch3x3_1", 192, 1), _conv("branch3x3_2", 320, 3, stride=2, valid=True)),
        (
            _conv("branch7x7x3_1", 192, 1),
            _conv("branch7x7x3_2", 192, (1, 7)),
            _conv("branch7x7x3_3", 192, (7, 1)),
            _conv("branch7x7x3_4", 192, 3, stride=2, valid=True),
        ),
        (Pool("max", 2),),
    ),
    "Mixed_7b": _block_7("average"),
    "Mixed_7c": _block_7("max"),  # a peculiarity of the published graph
}


def resize_tf1(images: Any, size: int = INPUT_SIZE) -> Any:
    """Bilinear resize of TensorFlow 1, `[B, H, W, C]` to float32 `[B, size, size, C]`.

    Pixel i of the result is read at `i * input / size`: without the shift of half a pixel, and without averaging when
    shrinking. FID values depend on it.
    """
    images = tf.cast(images, tf.float32)
    return tf.raw_ops.ResizeBilinear(images=images, size=(size, size), align_corners=False, half_pixel_centers=False)


def inception_input(images: Any) -> Any:
    """Images uint8 `[B, H, W, 3]` as the network takes them, float32 `[B, 299, 299, 3]`."""
    return (resize_tf1(images) - 128.0) / 128.0


def build_inception(weights: Mapping[str, np.ndarray], taps: tuple[str, ...] = ("2048", "logits_unbiased")) -> Any:
    """The network with the given weights.

    Batch normalization is folded into the convolutions, in float64.

    Args:
        weights: Arrays by name in PyTorch's layout, as `weight_shapes` says.
        taps: Outputs wanted: "64", "192", "768", "2048" (means over space) and "logits" `[B, 1008]`, with or without
            bias ("logits_unbiased", which the Inception Score takes).

    Returns:
        Keras model: what `inception_input` gives -> list of float32 `[B, D]`, one per tap.
    """
    check_weights(weights)
    image = keras.Input((INPUT_SIZE, INPUT_SIZE, 3))
    found: dict[str, Any] = {}
    x: Any = image
    for step in STEM:
        x = _apply(step, x, "", weights)
        if isinstance(step, Pool):
            found[str(x.shape[-1])] = x
    for block, branches in MIXED.items():
        x = layers.Concatenate()([_sequence(branch, x, f"{block}.", weights) for branch in branches])
        if block == "Mixed_6e":
            found["768"] = x
    found["2048"] = x
    outputs = {name: layers.GlobalAveragePooling2D()(value) for name, value in found.items()}
    kernel, bias = weights["fc.weight"].T, weights["fc.bias"]
    for name, offset in (("logits", bias), ("logits_unbiased", np.zeros_like(bias))):
        dense = layers.Dense(CLASSES, name=name)
        outputs[name] = dense(outputs["2048"])
        dense.set_weights([kernel, offset])
    return keras.Model(image, [outputs[tap] for tap in taps], name="inception")


def _sequence(steps: tuple[Step, ...], x: Any, prefix: str, weights: Mapping[str, np.ndarray]) -> Any:
    for step in steps:
        x = _apply(step, x, prefix, weights)
    return x


def _apply(step: Step, x: Any, prefix: str, weights: Mapping[str, np.ndarray]) -> Any:
    if isinstance(step, Fork):
        return layers.Concatenate()([_apply(conv, x, prefix, weights) for conv in step.convs])
    if isinstance(step, Pool):
        kind = layers.MaxPooling2D if step.kind == "max" else layers.AveragePooling2D
        return kind(3, strides=step.stride, padding="same" if step.stride == 1 else "valid")(x)
    layer = layers.Conv2D(
        step.filters,
        step.kernel,
        strides=step.stride,
        padding="valid" if step.valid else "same",
        activation="relu",
        name=prefix + step.name,
    )
    y = layer(x)
    layer.set_weights(_folded(prefix + step.name, weights))
    return y


def _folded(name: str, weights: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    """Kernel and bias of a convolution with its batch normalization inside."""
    kernel = weights[f"{name}.conv.weight"].astype(np.float64).transpose(2, 3, 1, 0)
    scale, shift, mean, variance = (
        weights[f"{name}.bn.{part}"].astype(np.float64) for part in ("weight", "bias", "running_mean", "running_var")
    )
    factor = scale / np.sqrt(variance + BN_EPSILON)
    return [(kernel * factor).astype(np.float32), (shift - mean * factor).astype(np.float32)]


def weight_shapes() -> dict[str, tuple[int, ...]]:
    """Names and shapes of the published weights, PyTorch's layout (convolutions `[out, in, height, width]`)."""
    shapes: dict[str, tuple[int, ...]] = {}
    channels = 3
    for step in STEM:
        channels = _add_shapes(shapes, step, channels, "")
    for block, branches in MIXED.items():
        outputs = 0
        for branch in branches:
            width = channels
            for part in branch:
                width = _add_shapes(shapes, part, width, f"{block}.")
            outputs += width
        channels = outputs
    shapes["fc.weight"], shapes["fc.bias"] = (CLASSES, channels), (CLASSES,)
    return shapes


def _add_shapes(shapes: dict[str, tuple[int, ...]], step: Step, channels: int, prefix: str) -> int:
    """Adds the weights of a step; returns the channels behind it."""
    if isinstance(step, Pool):
        return channels
    if isinstance(step, Fork):
        return sum(_add_shapes(shapes, conv, channels, prefix) for conv in step.convs)
    name = prefix + step.name
    shapes[f"{name}.conv.weight"] = (step.filters, channels, *step.kernel)
    for part in ("weight", "bias", "running_mean", "running_var"):
        shapes[f"{name}.bn.{part}"] = (step.filters,)
    shapes[f"{name}.bn.num_batches_tracked"] = ()
    return step.filters


def check_weights(weights: Mapping[str, np.ndarray]) -> None:
    """Raises `MetricError` unless every weight is there with its shape, finite, and none is left over."""
    shapes = weight_shapes()
    counters = {name for name in shapes if name.endswith("num_batches_tracked")}  # some files leave them out
    missing = sorted(set(shapes) - counters - set(weights))
    unknown = sorted(set(weights) - set(shapes))
    if missing or unknown:
        what = f"no weight {missing[0]!r}" if missing else f"an unknown weight {unknown[0]!r}"
        count = len(missing) if missing else len(unknown)
        raise MetricError(
            f"the Inception weights hold {what} ({count} in all); use the published file "
            "pt_inception-2015-12-05-6726825d.pth, or --inception-weights auto."
        )
    for name, shape in shapes.items():
        if name in counters:
            continue
        if weights[name].shape != shape:
            raise MetricError(
                f"the Inception weight {name!r} has shape {weights[name].shape} instead of {shape}; it belongs to "
                "another network. Use the published file, or --inception-weights auto."
            )
        if not np.isfinite(weights[name]).all():
            raise MetricError(f"the Inception weight {name!r} is not finite; the file is damaged, get it again.")


def random_weights(seed: int) -> dict[str, np.ndarray]:
    """Seeded random weights of sensible scale, for runs without the published ones.

    Every weight has its own stream, `RandomState(seed + i)` for the i-th name in alphabetical order. Convolutions are
    normal with variance 2 / fan-in (He et al., 2015).
    """
    shapes = weight_shapes()
    weights: dict[str, np.ndarray] = {}
    for index, name in enumerate(sorted(shapes)):
        random, shape = np.random.RandomState(seed + index), shapes[name]
        if name.endswith("num_batches_tracked"):
            weights[name] = np.zeros((), np.int64)
            continue
        if name.endswith("running_var"):
            value = 0.5 + random.random_sample(shape)
        elif name.endswith("conv.weight"):
            value = random.standard_normal(shape) * math.sqrt(2.0 / math.prod(shape[1:]))
        elif name.endswith("bn.weight"):
            value = 1.0 + 0.1 * random.standard_normal(shape)
        else:
            value = (0.02 if name == "fc.weight" else 0.1) * random.standard_normal(shape)
        weights[name] = np.asarray(value, np.float32)
    return weights
