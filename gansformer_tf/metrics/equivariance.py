"""Equivariance of a generator under shifts and turns of its input: EQ-T, EQ-T_frac, EQ-R (Karras et al., 2021, 2.1)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np

from gansformer_tf.config.metrics import MetricConfig
from gansformer_tf.drawing.sampler import Sampler
from gansformer_tf.metrics.collect import Task
from gansformer_tf.metrics.errors import MetricError
from gansformer_tf.metrics.images import GeneratedImages
from gansformer_tf.metrics.moved_images import (
    as_float,
    pseudo_rotate,
    rotate,
    rotation_matrix,
    shift_fraction,
    shift_whole,
)
from gansformer_tf.metrics.record import Measured, Rows

MAX_SHIFT = 1 / 8  # share of width and height
_PEAK = 2.0  # images reach from -1 to 1

# Draws images [B, H, W, C] in [-1, 1] with its input moved by a matrix [3, 3].
Draw = Callable[[np.ndarray], Any]


def draw_move(metric: str, random: np.random.RandomState, size: tuple[int, int]) -> tuple[float, ...]:
    """(right, down) as shares of the sides, or (angle,) in radians."""
    if metric == "eqr":
        return (float(random.uniform(-np.pi, np.pi)),)
    right, down = random.uniform(-MAX_SHIFT, MAX_SHIFT, 2)
    if metric == "eqt":  # whole pixels
        right, down = np.rint(right * size[1]) / size[1], np.rint(down * size[0]) / size[0]
    return float(right), float(down)


def squared_error(metric: str, draw: Draw, move: Sequence[float], upright: np.ndarray) -> tuple[np.ndarray, float]:
    """Difference between moving the input of a generator and moving its image.

    Args:
        metric: "eqt", "eqt_frac" or "eqr".
        draw: The generator, of fixed latents and noise.
        move: See `draw_move`.
        upright: What `draw` gives for the identity.

    Returns:
        Squared errors summed over each image `[B]`, and how many numbers of an image they were taken of.
    """
    matrix = np.eye(3)
    if metric == "eqr":
        matrix = rotation_matrix(-move[0])
        expected, first = rotate(upright, move[0])
        found, second = pseudo_rotate(as_float(draw(matrix)), move[0])
        mask = first * second
    else:
        matrix[:2, 2] = [-part for part in move]
        found = as_float(draw(matrix))
        shift = shift_whole if metric == "eqt" else shift_fraction
        expected, mask = shift(upright, (move[0], move[1]))
    difference = np.square(found.astype(np.float64) - expected) * mask[..., None]
    return difference.sum(axis=(1, 2, 3)), float(mask.sum()) * upright.shape[-1]


def psnr(errors: float, count: float) -> float:
    """Peak signal-to-noise ratio in dB of a sum of squared errors over `count` numbers between -1 and 1.

    Raises:
        MetricError: Nothing was compared.
    """
    if count <= 0:
        raise MetricError("no pixel is left to compare; the images are too small for this equivariance metric.")
    return float(20.0 * np.log10(_PEAK) - 10.0 * np.log10(max(errors / count, np.finfo(np.float64).tiny)))


def equivariance_task(
    metric: str, samplers: Sequence[Sampler], count: int, labels: np.ndarray | None, model_hash: str
) -> Task:
    """Rows (squared error, numbers compared) of `count` images, each with a move of its own.

    The generators have `takes_transform` and take `transform` `[3, 3]` in `synthesize`: the inverse of how the image
    is to be moved.
    """
    size = samplers[0].config.height, samplers[0].config.width

    def work(device: int, start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        sampler, rows = samplers[device], np.zeros((stop - start, 2), np.float32)
        for row, seed in enumerate(range(start, stop)):
            label = sampler.labels([seed]) if labels is None else labels[seed : seed + 1]
            w = sampler.map(sampler.latents([seed]), label)

            def draw(matrix: np.ndarray, w: np.ndarray = w, sampler: Sampler = sampler) -> Any:
                transform = keras.ops.convert_to_tensor(matrix, "float32")
                return sampler.generator.synthesize(w, noise_mode="const", transform=transform)

            move = draw_move(metric, np.random.RandomState([seed, 2]), size)
            errors, compared = squared_error(metric, draw, move, as_float(draw(np.eye(3))))
            rows[row] = errors[0], compared
        return rows, np.zeros((len(rows), 0), np.float32)

    return Task(
        title=metric,
        what="generated",
        count=count,
        widths=(2, 0),
        description={"kind": metric, "snapshot_hash": model_hash, "count": count},
        work=work,
        devices=len(samplers),
        portion=samplers[0].batch_size,
    )


def task(name: str, images: GeneratedImages, networks: Sequence[object], config: MetricConfig) -> Task:
    """Errors of the images of a generator."""
    return equivariance_task(name, images.samplers, len(images), images.labels, images.model_hash)


def measure(rows: Rows) -> Measured:
    """The error of all images together in dB."""
    errors, compared = np.asarray(rows.fake.array("features")).sum(axis=0, dtype=np.float64)
    return Measured({rows.name: psnr(errors, compared)})
