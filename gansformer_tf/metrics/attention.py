"""Statistics of a GANsformer's attention maps: how decided they are, and how many components are used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gansformer_tf.config.metrics import MetricConfig
from gansformer_tf.drawing.sampler import Sampler
from gansformer_tf.metrics.collect import Task
from gansformer_tf.metrics.errors import MetricError
from gansformer_tf.metrics.images import GeneratedImages
from gansformer_tf.metrics.record import Measured, Rows

# A component with less than this share of its fair part of the attention counts as unused.
UNUSED_SHARE = 0.05


@dataclass(frozen=True)
class AttentionStatistics:
    """Means over images.

    Attributes:
        entropy: Of a pixel's attention over the components, divided by log k: 0 is one component, 1 all alike.
        layer_entropies: The same for each attended layer, from coarse to fine.
        usage: Share of the attention that each component gets, `[k]`, summing to 1.
        effective_components: `exp` of the entropy of `usage`: k if all are used alike, 1 if one is.
        unused_components: Components that get next to nothing.
    """

    entropy: float
    layer_entropies: tuple[float, ...]
    usage: tuple[float, ...]
    effective_components: float
    unused_components: int


def attention_row(maps: Sequence[np.ndarray]) -> np.ndarray:
    """Entropy of each layer and usage of each component in one image, float32 `[layers + k]`.

    Args:
        maps: Per layer `[heads, h, w, k]`, summing to 1 over k.
    """
    count = maps[0].shape[-1]
    entropies, usage = [], np.zeros(count)
    for layer in maps:
        p = np.maximum(np.asarray(layer, np.float64), 0.0)
        p /= np.maximum(p.sum(axis=-1, keepdims=True), np.finfo(np.float64).tiny)
        logs = np.log(np.maximum(p, np.finfo(np.float64).tiny))
        entropies.append(-(p * logs).sum(axis=-1).mean() / max(np.log(count), np.finfo(np.float64).tiny))
        usage += p.mean(axis=(0, 1, 2)) / len(maps)
    return np.concatenate([entropies, usage]).astype(np.float32)


def attention_statistics(rows: np.ndarray, num_components: int) -> AttentionStatistics:
    """Statistics from the rows of many images `[N, layers + k]`.

    Raises:
        MetricError: There are no images.
    """
    if not len(rows):
        raise MetricError("attention statistics need at least 1 image.")
    mean = np.asarray(rows).mean(axis=0, dtype=np.float64)
    layers, usage = mean[:-num_components], mean[-num_components:]
    usage = usage / usage.sum()
    logs = np.log(np.maximum(usage, np.finfo(np.float64).tiny))
    return AttentionStatistics(
        entropy=float(layers.mean()),
        layer_entropies=tuple(float(value) for value in layers),
        usage=tuple(float(value) for value in usage),
        effective_components=float(np.exp(-(usage * logs).sum())),
        unused_components=int((usage < UNUSED_SHARE / num_components).sum()),
    )


def attention_task(samplers: Sequence[Sampler], count: int, labels: np.ndarray | None, model_hash: str) -> Task:
    """Attention rows of `count` images, seeds from 0 on.

    The generators have attention between components and image.
    """
    config = samplers[0].config
    # how many layers are attended is known when one image was drawn
    (probe,) = samplers[0].samples([0], None if labels is None else labels[:1], with_attention=True)

    def work(device: int, start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        part = None if labels is None else labels[start:stop]
        found = samplers[device].samples(range(start, stop), part, with_attention=True)
        rows = np.stack([attention_row(sample.attention) for sample in found])
        return rows, np.zeros((len(rows), 0), np.float32)

    return Task(
        title="attention",
        what="generated",
        count=count,
        widths=(len(probe.attention) + config.num_components, 0),
        description={
            "kind": "attention",
            "snapshot_hash": model_hash,
            "count": count,
            "components": config.num_components,
        },
        work=work,
        devices=len(samplers),
        portion=samplers[0].batch_size,
    )


def task(name: str, images: GeneratedImages, networks: Sequence[object], config: MetricConfig) -> Task:
    """Attention rows of the first images of a generator."""
    count = min(len(images), config.attention_images_num)
    return attention_task(images.samplers, count, images.labels, images.model_hash)


def measure(rows: Rows) -> Measured:
    """Their statistics."""
    found = attention_statistics(rows.fake.array("features"), rows.fake.description["components"])
    values = {
        "attention_entropy": found.entropy,
        "attention_effective_components": found.effective_components,
        "attention_unused_components": float(found.unused_components),
    }
    details = {"layer_entropies": found.layer_entropies, "usage": found.usage}
    return Measured(values, {"images": rows.config.attention_images_num}, details)
