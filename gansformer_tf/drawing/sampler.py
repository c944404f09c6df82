"""Images from seeds, a few at a time, so that memory does not grow with their number."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from gansformer_tf.config.generator import DEFAULT_PSI, NOISE_MODES
from gansformer_tf.drawing.compiled import compiled
from gansformer_tf.drawing.labels import labels_from_seeds
from gansformer_tf.drawing.latents import latents_from_seeds
from gansformer_tf.drawing.noise import METHOD, noise_from_seeds
from gansformer_tf.drawing.pixels import to_uint8
from gansformer_tf.drawing.view import View
from gansformer_tf.models.base import require_w

# Tracing takes as long as some eight calls without a graph save, and many a process draws a few portions only.
GRAPH_FROM = 5


@dataclass(frozen=True)
class Sample:
    """One generated image.

    `pixels` is uint8 `[height, width, channels]`; `attention` holds, from coarse to fine, float32
    `[heads, h, w, components]` per attended layer (empty unless it was asked for); `label` is the class number.
    """

    seed: int
    pixels: np.ndarray
    attention: tuple[np.ndarray, ...] = ()
    label: int | None = None


class Sampler:
    """Draws images with one generator and fixed settings.

    A seed always gives the same image: latents, noise and label follow from it alone, so neither the batch size
    nor the order of the seeds matters.

    Args:
        generator: A `Generator`.
        truncation_psi: 1.0 keeps the whole variety, 0.0 draws the average image; None: 0.7 where the family has w.
        noise_mode: "random" (noise from the seed), "const" (the model's fixed noise) or "none".
        batch_size: Images computed at once.
        device: Where to compute, such as "gpu:1"; None leaves it to Keras.
        view: Size, part and motion of the images.

    Raises:
        ValueError: A value out of its range, or a view that the generator cannot draw.

    Example:

    >>> sampler = gf.Sampler(gf.load("scenes").generator, truncation_psi=1.0)
    >>> sampler.latents([0, 1]).shape
    (2, 9, 16)
    >>> for sample in sampler.samples(range(2)):  # doctest: +SKIP
    ...     print(sample.seed, sample.pixels.shape)
    """

    def __init__(
        self,
        generator: Any,
        *,
        truncation_psi: float | None = None,
        noise_mode: str = "random",
        batch_size: int = 8,
        device: str | None = None,
        view: View | None = None,
    ) -> None:
        if noise_mode not in NOISE_MODES:
            raise ValueError(f"noise mode {noise_mode!r} is unknown; choose one of {', '.join(NOISE_MODES)}.")
        if batch_size < 1:
            raise ValueError(f"batch size is {batch_size}; at least 1 image must be drawn at once.")
        if truncation_psi is None:
            truncation_psi = DEFAULT_PSI if generator.config.has_w else 1.0
        if not np.isfinite(truncation_psi):
            raise ValueError(f"truncation psi is {truncation_psi}; use a number, 0.5 to 1.0 for most models.")
        if truncation_psi != 1.0:
            require_w(generator.config, f"truncation psi {truncation_psi:g} was")
        self.generator = generator
        self.truncation_psi = truncation_psi
        self.noise_mode = noise_mode
        self.batch_size = batch_size
        self.device = device
        self.view = View() if view is None else view
        self._view_arguments = {}
        if view is not None:
            view.check(generator)
            self._view_arguments = view.arguments(generator.config)
        first = GRAPH_FROM if generator.config.draws_alike_eagerly else 1
        self._map = compiled(self._map_eagerly, first)
        self._synthesize = compiled(self._synthesize_eagerly, first)
        self._synthesize_with_attention = compiled(self._synthesize_with_attention_eagerly, first)

    @property
    def config(self) -> Any:
        """The generator's configuration."""
        return self.generator.config

    def describe(self) -> dict[str, Any]:
        """What images depend on beside weights, seeds and labels, JSON-ready."""
        drawn = {"noise": METHOD} if self.noise_mode == "random" else {}
        return {
            "truncation_psi": self.truncation_psi,
            "noise_mode": self.noise_mode,
            **drawn,
            **self.config.drawn_with,
            **self.view.metadata(),
        }

    @property
    def image_size(self) -> tuple[int, int]:
        """(height, width) of the images."""
        return self.view.size(self.config)

    def latents(self, seeds: Sequence[int]) -> np.ndarray:
        """z of the seeds, float32 `[len(seeds), num_latents, latent_dim]`."""
        return latents_from_seeds(seeds, self.config.num_latents, self.config.latent_dim)

    def labels(self, seeds: Sequence[int]) -> np.ndarray | None:
        """One-hot labels drawn from the seeds, or None for a model without labels."""
        return labels_from_seeds(seeds, self.config.label_dim)

    def latents_w(
        self, seeds: Sequence[int], labels: np.ndarray | None = None, truncation_psi: float | None = None
    ) -> np.ndarray:
        """w of the seeds, float32 `[len(seeds), num_latents, num_layers, style_dim]`; arguments as for `map`.

        Without labels a model that has them takes the classes of the seeds.

        Raises:
            ValueError: The family has no w.
        """
        require_w(self.config, "w was")
        return np.concatenate(
            [self.map(self.latents(part), rows, truncation_psi) for part, rows in self.batches(seeds, labels)]
        )

    def average_w(self) -> np.ndarray:
        """The average w that truncation pulls towards, float32 `[1, 1, 1, style_dim]`."""
        return keras.ops.convert_to_numpy(self.generator.w_avg).reshape(1, 1, 1, -1)

    def noise(self, seeds: Sequence[int]) -> list[np.ndarray] | None:
        """Noise inputs of the seeds, or None where the noise mode draws none."""
        return noise_from_seeds(seeds, self.generator.noise_shapes) if self.noise_mode == "random" else None

    def map(
        self,
        z: np.ndarray,
        labels: np.ndarray | None = None,
        truncation_psi: float | Sequence[float] | np.ndarray | None = None,
    ) -> np.ndarray:
        """w of latents, all at once, or what a family without w has in its place.

        Args:
            z: `[batch, num_latents, latent_dim]`.
            labels: `[batch, label_dim]`; needed by a model with labels.
            truncation_psi: One number, or one per image; None takes the sampler's own.

        Returns:
            float32 `[batch, num_latents, num_layers, style_dim]`.
        """
        psi = self.truncation_psi if truncation_psi is None else truncation_psi
        if not self.config.has_w:
            return keras.ops.convert_to_numpy(self._map(z, labels, None))
        return keras.ops.convert_to_numpy(self._map(z, labels, np.full(len(z), psi, np.float32)))

    def truncate(self, w: np.ndarray, psi: np.ndarray) -> np.ndarray:
        """w pulled towards the average, as `Generator.truncate` does it."""
        return keras.ops.convert_to_numpy(self.generator.truncate(w, psi))

    def synthesize(
        self, w: np.ndarray, noise: list[np.ndarray] | None, with_attention: bool = False
    ) -> tuple[np.ndarray, list[np.ndarray]]:
        """Images of w.

        Returns:
            Images float32 `[batch, height, width, channels]` and per attended layer the maps
            `[batch, heads, h, w, components]` (an empty list without `with_attention`).
        """
        if not with_attention:
            return keras.ops.convert_to_numpy(self._synthesize(w, noise)), []
        images, maps = self._synthesize_with_attention(w, noise)
        return keras.ops.convert_to_numpy(images), [keras.ops.convert_to_numpy(attention) for attention in maps]

    def samples(
        self, seeds: Sequence[int], labels: np.ndarray | None = None, with_attention: bool = False
    ) -> Iterator[Sample]:
        """Draws one image per seed, in order.

        Args:
            seeds: Seeds of the images.
            labels: One-hot `[len(seeds), label_dim]`. None draws the class of each image from its seed where the
                model has labels.
            with_attention: Whether to return attention maps too.

        Raises:
            ValueError: A bad seed, or attention asked of a model that has none.
        """
        for batch in self.batches(seeds, labels):
            yield from self.draw(*batch, with_attention=with_attention)

    def batches(
        self, seeds: Sequence[int], labels: np.ndarray | None = None
    ) -> Iterator[tuple[Sequence[int], np.ndarray | None]]:
        """Seeds and labels in portions of the batch size."""
        if labels is None:
            labels = labels_from_seeds(seeds, self.config.label_dim)
        for rows in self.parts(len(seeds)):
            yield seeds[rows], None if labels is None else labels[rows]

    def parts(self, count: int) -> Iterator[slice]:
        """`count` things in portions of the batch size."""
        for start in range(0, count, self.batch_size):
            yield slice(start, min(start + self.batch_size, count))

    def images(self, w: np.ndarray, noise: list[np.ndarray] | None) -> Iterator[np.ndarray]:
        """Images of w, one by one.

        Args:
            w: `[count, num_latents, num_layers, style_dim]`.
            noise: Per layer `[count, height, width, maps]`, `[1, ...]` for the same noise in all, or None.

        Yields:
            float32 `[height, width, channels]`, about [-1, 1].
        """
        for rows in self.parts(len(w)):
            part = None
            if noise is not None:
                part = [np.repeat(values, len(w[rows]), 0) if len(values) == 1 else values[rows] for values in noise]
            yield from self.synthesize(w[rows], part)[0]

    def draw(self, seeds: Sequence[int], labels: np.ndarray | None, with_attention: bool = False) -> list[Sample]:
        """Draws all images of one portion at once; arguments as for `samples`."""
        if with_attention:
            require_attention(self.config)
        with keras.device(self.device) if self.device else nullcontext():
            w = self.map(self.latents(seeds), labels)
            images, maps = self.synthesize(w, self.noise(seeds), with_attention)
        return [
            Sample(
                seed=seed,
                pixels=to_uint8(images[row]),
                attention=tuple(attention[row] for attention in maps),
                label=None if labels is None else int(labels[row].argmax()),
            )
            for row, seed in enumerate(seeds)
        ]

    def _map_eagerly(self, z: Any, labels: Any, psi: Any) -> Any:
        if psi is None:
            return self.generator.map(z, labels=labels)
        return self.generator.map(z, labels=labels, truncation_psi=psi)

    def _synthesize_eagerly(self, w: Any, noise: Any) -> Any:
        return self.generator.synthesize(w, noise_mode=self.noise_mode, noise=noise, **self._view_arguments)

    def _synthesize_with_attention_eagerly(self, w: Any, noise: Any) -> Any:
        return self.generator.synthesize(
            w, noise_mode=self.noise_mode, noise=noise, return_attention=True, **self._view_arguments
        )


def samples_on_devices(
    samplers: Sequence[Sampler], seeds: Sequence[int], labels: np.ndarray | None = None, with_attention: bool = False
) -> Iterator[Sample]:
    """Like `Sampler.samples`, with the portions dealt out to several samplers, one per device.

    The images come in the order of the seeds. Each device works on one portion at a time, so memory stays that of
    one portion per device.
    """
    if len(samplers) == 1:
        yield from samplers[0].samples(seeds, labels, with_attention)
        return
    with ExitStack() as stack:
        workers = [stack.enter_context(ThreadPoolExecutor(max_workers=1)) for _ in samplers]
        waiting: deque = deque()
        for index, (batch, batch_labels) in enumerate(samplers[0].batches(seeds, labels)):
            device = index % len(samplers)
            if len(waiting) == len(samplers):
                yield from waiting.popleft().result()
            waiting.append(workers[device].submit(samplers[device].draw, batch, batch_labels, with_attention))
        while waiting:
            yield from waiting.popleft().result()


def latent_names(config: Any) -> list[str]:
    """What the latents of a model are called in sheets: component numbers, and `global` for the one behind them."""
    names = [f"component {index}" for index in range(config.num_components)]
    return names + ["global"] * (config.num_latents - config.num_components)


def require_attention(config: Any, what: str = "attention maps") -> None:
    """Raises `ValueError` for what reads attention if a model has none."""
    if not config.has_attention:
        raise ValueError(
            f"{what} were asked for, but this model has no attention between components and image; "
            "leave them out, or train one with --transformer."
        )
