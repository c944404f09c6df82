"""Trains both forms of duplex attention for a short while and prints what their maps do.

    python benchmarks/duplex_training.py [--steps 200] [--resolution 32] [--components 8] [--form code|paper]

Generator and discriminator have attention; the images are rendered scenes. Printed per form, before and after
training, on the maps of 32 images, averaged over the attended layers:

entropy        of the distribution over components at a pixel, as a share of log k (1: all alike, 0: one takes all)
used           components in use: exp(entropy of their mean shares), at most k
own latents    how much a layer's map moves when the components of that layer alone are exchanged for others
all latents    how much the maps move when all components of all layers are exchanged, which changes the features too

Both last numbers are half the mean absolute difference summed over components (0: nothing moves, 1: everything).
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

FORMS = ("code", "paper")
IMAGES = 256
MEASURED = 32


@dataclass(frozen=True)
class MapStatistics:
    """What the table shows; see the top of the file."""

    entropy: float
    used: float
    own_latents: float
    all_latents: float


@dataclass(frozen=True)
class Result:
    """One form after training. `losses` holds (generator, discriminator) of every step."""

    form: str
    losses: np.ndarray
    before: MapStatistics
    after: MapStatistics
    seconds: float


def networks(form: str, resolution: int, components: int, width: int) -> tuple[Any, Any, Any]:
    """Generator, discriminator and averaged generator of small width, all with attention."""
    import keras

    from gansformer_tf.config import DiscriminatorConfig, GANsformerConfig
    from gansformer_tf.config.presets import form_values, merge_sections, preset
    from gansformer_tf.models import Discriminator, build_generator

    small = {"resolution": resolution, "channel_base": 512, "channel_max": width}
    small |= {"num_components": components, "latent_size": 16 * components}
    sections = merge_sections(
        preset("gansformer-default"),
        form_values(form),
        {"generator": small | {"mapping_layers": 4}, "discriminator": small | {"transformer": True}},
    )
    keras.utils.set_random_seed(1)
    config = GANsformerConfig(**sections["generator"])
    generator, average = build_generator(config), build_generator(config)
    average.set_weights(generator.get_weights())
    return generator, Discriminator(DiscriminatorConfig(**sections["discriminator"])), average


def batches(resolution: int, size: int) -> Iterator[np.ndarray]:
    """Batches of rendered scenes, uint8 `[size, height, width, 3]`, without end."""
    from gansformer_tf.data.scenes.render import render

    images = render(IMAGES, resolution).images
    random = np.random.RandomState(0)
    while True:
        yield images[random.randint(0, IMAGES, size)]


def statistics(generator: Any, count: int = MEASURED) -> MapStatistics:
    """Statistics of the maps of `count` images."""
    config = generator.config
    k = config.num_components
    shape = (count, config.num_latents, config.latent_dim)
    w, other = (np.array(generator.map(np.random.RandomState(s).standard_normal(shape))) for s in (1, 2))

    def maps(latents: np.ndarray) -> list[np.ndarray]:
        return [np.asarray(found) for found in generator.synthesize(latents, "const", return_attention=True)[1]]

    found = maps(w)
    entropy = [float(np.mean(entropies(found_map))) / math.log(k) for found_map in found]
    used = [float(np.exp(entropies(found_map.mean(axis=(0, 1, 2, 3))))) for found_map in found]
    everywhere = w.copy()
    everywhere[:, :k] = other[:, :k]
    own = []
    for number, index in enumerate(attended_layers(generator)):
        exchanged = w.copy()
        exchanged[:, :k, index] = other[:, :k, index]
        own.append(movement(found[number], maps(exchanged)[number]))
    everything = [movement(a, b) for a, b in zip(found, maps(everywhere), strict=True)]
    return MapStatistics(*(float(np.mean(values)) for values in (entropy, used, own, everything)))


def entropies(shares: np.ndarray) -> np.ndarray:
    """Entropy over the last axis."""
    return -np.sum(shares * np.log(shares + 1e-12), axis=-1)


def movement(before: np.ndarray, after: np.ndarray) -> float:
    return 0.5 * float(np.abs(before - after).sum(axis=-1).mean())


def attended_layers(generator: Any) -> list[int]:
    """Entries of w on the layer axis that the attended layers read, coarse to fine."""
    layers = [layer for block in generator.synthesis.blocks for layer in block.layers_]
    return [layer.index for layer in layers if layer.attention is not None]


def train(
    form: str, *, steps: int, resolution: int = 32, components: int = 8, width: int = 32, batch: int = 8
) -> Result:
    """Trains one form with the settings of the published code."""
    from gansformer_tf.config import TrainConfig
    from gansformer_tf.training.step import TrainStep

    generator, discriminator, average = networks(form, resolution, components, width)
    config = TrainConfig(batch_size=batch, batch_size_per_replica=batch, gamma=10.0)
    step = TrainStep(generator, discriminator, average, config)
    before = statistics(generator)
    images = batches(resolution, batch)
    labels = np.zeros((batch, 0), np.float32)
    losses = []
    started = time.perf_counter()
    for number in range(steps):
        found = step.run(number, next(images), labels)
        losses.append((float(found["loss/g"]), float(found["loss/d"])))
        if not np.isfinite(losses[-1]).all():
            raise RuntimeError(f"form {form}: losses {losses[-1]} at step {number}.")
        if (number + 1) % 20 == 0:
            g, d = losses[-1]
            print(f"{form}: step {number + 1}/{steps}, loss G {g:.3f}, D {d:.3f}", flush=True)
    return Result(form, np.array(losses), before, statistics(generator), time.perf_counter() - started)


def table(results: list[Result]) -> str:
    """Markdown table of the results."""
    rows = ["| form | after steps | loss G | loss D | entropy | used | own latents | all latents |"]
    rows.append("|---|---|---|---|---|---|---|---|")
    for result in results:
        g, d = result.losses[-20:].mean(axis=0)
        for count, losses, found in (
            (0, ("-", "-"), result.before),
            (len(result.losses), (f"{g:.3f}", f"{d:.3f}"), result.after),
        ):
            cells = [f"{found.entropy:.3f}", f"{found.used:.2f}", f"{found.own_latents:.4f}"]
            cells.append(f"{found.all_latents:.4f}")
            rows.append(f"| {result.form} | {count} | {' | '.join((*losses, *cells))} |")
    return "\n".join(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--resolution", type=int, default=32)
    parser.add_argument("--components", type=int, default=8)
    parser.add_argument("--form", choices=FORMS, help="only this one (default: both)")
    arguments = parser.parse_args()
    results = [
        train(form, steps=arguments.steps, resolution=arguments.resolution, components=arguments.components)
        for form in ([arguments.form] if arguments.form else FORMS)
    ]
    print(f"{arguments.resolution}x{arguments.resolution}, {arguments.components} components, all losses finite")
    print(table(results))


if __name__ == "__main__":
    main()
