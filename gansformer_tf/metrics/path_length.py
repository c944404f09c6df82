"""Perceptual path length (Karras et al., 2019, "A Style-Based Generator Architecture", section 4.1)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gansformer_tf.config.metrics import MetricConfig
from gansformer_tf.drawing.noise import repeat_noise
from gansformer_tf.drawing.sampler import Sampler
from gansformer_tf.metrics.blocks import require_finite
from gansformer_tf.metrics.collect import Task
from gansformer_tf.metrics.errors import MetricError
from gansformer_tf.metrics.images import GeneratedImages
from gansformer_tf.metrics.networks import FeatureNetwork
from gansformer_tf.metrics.record import Measured, Rows

EPSILON = 1e-4  # length of a step, as a share of the path
LOWER_PERCENT, HIGHER_PERCENT = 1, 99
MAX_SIDE = 256  # larger images are shrunk by averaging before they are compared


def trimmed_mean(distances: np.ndarray) -> float:
    """Mean of the distances between the 1 % and 99 % percentiles, both inclusive.

    The percentiles are distances that occur: the next lower and the next higher one.

    Args:
        distances: `[N]`, already divided by the squared step.

    Raises:
        MetricError: There are none, or some are not finite.
    """
    distances = np.asarray(distances, np.float64)
    if distances.ndim != 1 or not len(distances):
        raise MetricError(f"path lengths of shape {distances.shape}; at least 1 path is needed.")
    require_finite(distances[:, None], "path")
    lower = np.percentile(distances, LOWER_PERCENT, method="lower")
    higher = np.percentile(distances, HIGHER_PERCENT, method="higher")
    return float(distances[(distances >= lower) & (distances <= higher)].mean())


def slerp_of_directions(a: np.ndarray, b: np.ndarray, t: np.ndarray) -> np.ndarray:
    """Spherical interpolation between directions, of length 1, as the published metric has it.

    The one of `visualize.interpolation` keeps lengths, as images want it.

    Args:
        a, b: `[..., D]`; only their directions matter.
        t: `[..., 1]`: 0 gives a, 1 gives b.
    """
    a, b = _unit(a), _unit(b)
    cosine = np.sum(a * b, axis=-1, keepdims=True)
    angle = t * np.arccos(np.clip(cosine, -1.0, 1.0))
    across = _unit(b - cosine * a)
    return _unit(a * np.cos(angle) + across * np.sin(angle))


def path_task(
    samplers: Sequence[Sampler],
    networks: Sequence[FeatureNetwork],
    count: int,
    *,
    space: str = "w",
    sampling: str = "end",
    labels: np.ndarray | None = None,
    model_hash: str = "",
) -> Task:
    """Lengths of `count` small steps, divided by the squared step.

    A step leads from place t to t + 1e-4 on the path between two random latents: a straight line in w, a great circle
    in z. Both images have the same noise and label. Their distance is that of the network, see `FeatureNetwork`;
    images keep their fractions of grey levels on the way, since the step is far smaller than one.

    Args:
        samplers, networks: One per device.
        count: Steps.
        space: "w" or "z".
        sampling: "end" (t = 0) or "full" (t uniform in [0, 1)).
        labels: Float32 `[count, label_dim]` or None.
        model_hash: What identifies the weights.
    """

    def step_images(device: int, indices: Sequence[int]) -> np.ndarray:
        sampler = samplers[device]
        config, randoms = sampler.config, [np.random.RandomState([index, 1]) for index in indices]
        shape = (2, config.num_latents, config.latent_dim)
        z = np.stack([random.standard_normal(shape) for random in randoms]).astype(np.float32)
        t = np.array([random.random_sample() if sampling == "full" else 0.0 for random in randoms])
        places = np.stack([t, t + EPSILON], axis=1)  # [steps, 2]
        chosen = sampler.labels(indices) if labels is None else labels[list(indices)]
        both = None if chosen is None else np.repeat(chosen, 2, axis=0)
        if space == "z":
            scale = np.linalg.norm(z[:, :1].astype(np.float64), axis=-1, keepdims=True)
            ends = slerp_of_directions(z[:, :1].astype(np.float64), z[:, 1:], places[..., None, None]) * scale
            w = sampler.map(_pairs(ends.astype(np.float32)), both)
        else:
            mapped = sampler.map(_pairs(z), both).astype(np.float64)
            mapped = mapped.reshape(len(indices), 2, *mapped.shape[1:])
            start, end = mapped[:, :1], mapped[:, 1:]
            w = _pairs((start + (end - start) * places[..., None, None, None]).astype(np.float32))
        images, _ = sampler.synthesize(w, repeat_noise(sampler.noise(indices), 2))
        return as_grey_levels(images)

    def work(device: int, start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        steps = max(1, samplers[device].batch_size // 2)
        portions = [range(first, min(first + steps, stop)) for first in range(start, stop, steps)]
        images = np.concatenate([step_images(device, portion) for portion in portions])
        lengths = networks[device].distances(images)[:, None] / EPSILON**2
        return lengths.astype(np.float32), np.zeros((len(lengths), 0), np.float32)

    description = {
        "kind": "path length",
        "space": space,
        "sampling": sampling,
        "epsilon": EPSILON,
        "snapshot_hash": model_hash,
        **samplers[0].describe(),
        "count": count,
        **networks[0].describe(),
    }
    return Task(
        title="path length",
        what="generated",
        count=count,
        widths=(1, 0),
        description=description,
        work=work,
        devices=len(samplers),
        portion=max(1, networks[0].batch_size // 2),
    )


def as_grey_levels(images: Any) -> np.ndarray:
    """Images in [-1, 1] as float32 0..255, not rounded, averaged down to at most `MAX_SIDE` pixels per side."""
    images = (np.asarray(images, np.float32) + 1.0) * 127.5
    factor = max(images.shape[1:3]) // MAX_SIDE
    if factor > 1:
        batch, height, width, channels = images.shape
        images = images.reshape(batch, height // factor, factor, width // factor, factor, channels).mean(axis=(2, 4))
    return images


def _pairs(ends: np.ndarray) -> np.ndarray:
    """`[steps, 2, ...]` as `[2 steps, ...]`."""
    return ends.reshape(-1, *ends.shape[2:])


def _unit(x: np.ndarray) -> np.ndarray:
    return x / np.sqrt(np.sum(np.square(x), axis=-1, keepdims=True))


def task(name: str, images: GeneratedImages, networks: Sequence[FeatureNetwork], config: MetricConfig) -> Task:
    """Path lengths of a generator, as configured."""
    return path_task(
        images.samplers,
        networks,
        len(images),
        space=config.ppl_space,
        sampling=config.ppl_sampling,
        labels=images.labels,
        model_hash=images.model_hash,
    )


def measure(rows: Rows) -> Measured:
    """Their mean without the longest and shortest."""
    settings = {key: rows.fake.description[key] for key in ("space", "sampling", "epsilon")}
    return Measured({"ppl": trimmed_mean(rows.fake.array("features")[:, 0])}, settings)
