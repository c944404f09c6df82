"""Images of a generator with what a composition is measured on: attention maps and features."""

from __future__ import annotations

import random
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from gansformer_tf.drawing.compiled import compiled
from gansformer_tf.drawing.pixels import to_uint8
from gansformer_tf.drawing.sampler import Sampler
from gansformer_tf.models.blocks import call_block
from gansformer_tf.models.families import build_generator

FEATURE_SIDE = 32  # features are those of the finest block of at most so many pixels a side
LAYER_GROUPS = ("coarse", "middle", "fine")  # thirds of the layers, where a model has no components


@dataclass(frozen=True)
class Drawn:
    """A few images.

    Attributes:
        images: uint8 `[N, height, width, channels]`.
        maps: Per attended layer the attention, mean of the heads, `[N, h, w, k]`.
        features: `[N, h, w, channels]`; None of a generator without blocks.
    """

    images: np.ndarray
    maps: list[np.ndarray]
    features: np.ndarray | None


class Drawer:
    """Draws with a sampler's generator and settings."""

    def __init__(self, sampler: Sampler) -> None:
        self.sampler, self.config = sampler, sampler.config
        self._run = compiled(self._eagerly)

    def w(self, seeds: Sequence[int], labels: np.ndarray | None) -> np.ndarray:
        """w of seeds, `[N, num_latents, num_layers, style_dim]`."""
        with self._device():
            return self.sampler.latents_w(seeds, labels)

    def draw(self, w: np.ndarray, seeds: Sequence[int]) -> Drawn:
        """Images of w, with the noise of the seeds."""
        images, maps, features = [], [], []
        for rows in self.sampler.parts(len(w)):
            with self._device():
                found = self._run(w[rows], self.sampler.noise(list(seeds)[rows]))
            drawn, attended, kept = ([keras.ops.convert_to_numpy(one) for one in group] for group in found)
            images.append(to_uint8(drawn[0]))
            maps.append([layer.mean(axis=1) for layer in attended])
            features += kept
        layers = [np.concatenate(pieces) for pieces in zip(*maps, strict=True)]
        return Drawn(np.concatenate(images), layers, np.concatenate(features) if features else None)

    def _device(self) -> Any:
        return keras.device(self.sampler.device) if self.sampler.device else nullcontext()

    def _eagerly(self, w: Any, noise: Any) -> tuple[list[Any], list[Any], list[Any]]:
        generator = self.sampler.generator
        features: list[Any] = []

        def recorded(block: Any, x: Any, **arguments: Any) -> Any:
            result = block(x, **arguments)
            features.append(keras.ops.cast(result[0], "float32"))
            return result

        arguments: dict[str, Any] = dict(self.sampler.view.arguments(self.config))
        if self.config.has_attention:
            arguments["return_attention"] = True
        generator.run_blocks_with(recorded)
        try:
            found = generator.synthesize(w, noise_mode=self.sampler.noise_mode, noise=noise, **arguments)
        finally:
            generator.run_blocks_with(call_block)
        images, maps = found if self.config.has_attention else (found, [])
        coarse = [one for one in features if max(one.shape[1:3]) <= FEATURE_SIDE]
        return [images], [keras.ops.cast(one, "float32") for one in maps], coarse[-1:]


def untrained(sampler: Sampler) -> Sampler:
    """The same sampler of a generator with fresh weights, always the same ones.

    Initialisers of Keras take their seeds from Python's `random`, whose state is put back.
    """
    state = random.getstate()
    random.seed(0)
    try:
        with keras.device(sampler.device) if sampler.device else nullcontext():
            generator = build_generator(sampler.config)
    finally:
        random.setstate(state)
    return Sampler(
        generator,
        truncation_psi=1.0,
        noise_mode=sampler.noise_mode,
        batch_size=sampler.batch_size,
        device=sampler.device,
    )


def parts_of(config: Any) -> list[tuple[str, tuple[Any, ...]]]:
    """What can be drawn again by itself: (name, index into one image's w). Components, or else groups of layers."""
    if config.num_components > 1:
        return [(f"component {index}", (index,)) for index in range(config.num_components)]
    groups = np.array_split(np.arange(config.num_layers), len(LAYER_GROUPS))
    return [(name, (slice(None), group)) for name, group in zip(LAYER_GROUPS, groups, strict=True)]


def redrawn(w: np.ndarray, others: np.ndarray, seeds: Sequence[int], config: Any) -> np.ndarray:
    """w in which one part of each image is that of another: part number seed modulo the number of parts."""
    parts, mixed = parts_of(config), w.copy()
    for row, seed in enumerate(seeds):
        index = parts[seed % len(parts)][1]
        mixed[row][index] = others[row][index]
    return mixed
