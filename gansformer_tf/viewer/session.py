"""What the page computes, without the page: images from a state, regions, interpolation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import numpy as np

from gansformer_tf.config.generator import NOISE_MODES
from gansformer_tf.drawing.labels import labels_from_seeds
from gansformer_tf.drawing.pixels import to_uint8
from gansformer_tf.drawing.sampler import GRAPH_FROM, Sampler, latent_names
from gansformer_tf.drawing.seeds import check_seeds
from gansformer_tf.models.base import require_w
from gansformer_tf.visualize.attention_maps import blend, enlarge_attention, hard_map, soft_map
from gansformer_tf.visualize.grids import readable
from gansformer_tf.visualize.interpolation import lerp, steps_between

OVERLAYS = ("image", "blend", "hard map", "soft map")
VIEW_HEIGHT = 384  # small images are shown enlarged to at least about this
_RESAMPLE_STRIDE = 1_000_003  # seeds of re-sampled components lie far from those typed in


@dataclass(frozen=True)
class ImageState:
    """Everything an image depends on.

    `strengths` holds a factor per latent (1: as drawn, 0: the mean), `resampled` how often a latent was drawn anew.
    """

    seed: int = 0
    truncation_psi: float = 0.7
    noise_mode: str = "random"
    label: int | None = None
    strengths: tuple[float, ...] = ()
    resampled: tuple[tuple[int, int], ...] = field(default=())

    def resample(self, latent: int) -> ImageState:
        """The state with one latent drawn anew."""
        counts = dict(self.resampled)
        counts[latent] = counts.get(latent, 0) + 1
        return replace(self, resampled=tuple(sorted(counts.items())))


@dataclass(frozen=True)
class Drawn:
    """A drawn state: `pixels` uint8 `[height, width, channels]`, `attention` per layer `[heads, h, w, components]`."""

    state: ImageState
    w: np.ndarray
    pixels: np.ndarray
    attention: tuple[np.ndarray, ...]


class ViewerSession:
    """Draws states with one generator.

    Args:
        generator: A `Generator`.
    """

    view_height = VIEW_HEIGHT

    def __init__(self, generator: Any) -> None:
        require_w(generator.config, "the viewer, which moves w, was")
        self.config = generator.config
        self.attends = bool(self.config.has_attention)
        self.names = latent_names(self.config)
        self._samplers = {
            mode: Sampler(generator, truncation_psi=1.0, noise_mode=mode, batch_size=8) for mode in NOISE_MODES
        }
        self._sampler = self._samplers["random"]
        self._w = lru_cache(maxsize=64)(self._draw_w)

    def warm_up(self) -> None:
        """Draws until there are graphs, which the first images do without."""
        for seed in range(1, GRAPH_FROM):
            self.draw(ImageState(seed=seed))

    def w(self, state: ImageState) -> np.ndarray:
        """w of a state: `[1, num_latents, num_layers, latent_dim]`.

        Raises:
            ValueError: A seed out of range, or another number of strengths than the model has latents.
        """
        check_seeds([state.seed])
        w = self._w(state.seed, state.label).copy()
        for latent, times in state.resampled:
            other = (state.seed + times * _RESAMPLE_STRIDE) % 2**32
            w[:, latent] = self._w(other, state.label)[:, latent]
        strengths = np.asarray(state.strengths or [1.0] * len(self.names), np.float32)
        if len(strengths) != len(self.names):
            raise ValueError(f"{len(strengths)} strengths for {len(self.names)} latents; give one for each.")
        return self._sampler.truncate(w, state.truncation_psi * strengths[None])

    def draw(self, state: ImageState) -> Drawn:
        """The image of a state, with its attention maps."""
        w = self.w(state)
        sampler = self._samplers[state.noise_mode]
        images, maps = sampler.synthesize(w, sampler.noise([state.seed]), with_attention=self.attends)
        return Drawn(state, w, to_uint8(images[0]), tuple(attention[0] for attention in maps))

    def component_at(self, image: Drawn, x: int, y: int, layer: int = -1, head: int = 0) -> tuple[int, float]:
        """Which component draws a pixel most, and its weight there.

        Args:
            image: A drawn image.
            x: Column of the pixel.
            y: Row of the pixel.
            layer: Attended layer, from coarse to fine.
            head: Attention head.

        Raises:
            ValueError: The model has no attention, or the pixel lies outside the image.
        """
        if not self.attends:
            raise ValueError("this model has no attention, so no component can be told for a pixel.")
        height, width = image.pixels.shape[:2]
        if not (0 <= x < width and 0 <= y < height):
            raise ValueError(f"pixel ({x}, {y}) lies outside the image of {width}x{height}.")
        weights = enlarge_attention(image.attention[layer][head], height, width)[y, x]
        component = int(weights.argmax())
        return component, float(weights[component])

    def overlay(
        self,
        image: Drawn,
        kind: str,
        layer: int = -1,
        head: int = 0,
        alpha: float = 0.6,
        component: int | None = None,
    ) -> np.ndarray:
        """The image as it is shown: plain or under a map, small ones enlarged.

        Args:
            image: A drawn image.
            kind: One of `OVERLAYS`.
            layer: Attended layer, from coarse to fine.
            head: Attention head.
            alpha: Weight of the map in a blend.
            component: Brightens only the region of this component and darkens the rest; None shows all.

        Returns:
            uint8 `[height, width, 3]`.
        """
        pixels = readable(image.pixels, min_height=self.view_height)
        if not self.attends:
            return pixels
        height, width = pixels.shape[:2]
        attention = enlarge_attention(image.attention[layer][head], height, width)
        if kind == "hard map":
            pixels = hard_map(attention)
        elif kind == "soft map":
            pixels = soft_map(attention)
        elif kind == "blend":
            pixels = blend(pixels, hard_map(attention), alpha)
        if component is not None:
            mine = attention.argmax(axis=-1) == component
            pixels = np.where(mine[..., None], pixels, (pixels * 0.35).astype(np.uint8))
        return pixels

    def between(self, start: Drawn, end: Drawn, t: float) -> np.ndarray:
        """The image at `t` on the straight line in w between two images, with the noise of the first.

        Returns:
            uint8 `[height, width, channels]`.
        """
        sampler = self._samplers[start.state.noise_mode]
        images, _ = sampler.synthesize(lerp(start.w, end.w, t), sampler.noise([start.state.seed]))
        return to_uint8(images[0])

    def way(self, start: Drawn, end: Drawn, density: int = 22) -> Iterator[np.ndarray]:
        """All images of the line between two images, uint8, both ends included."""
        for t in steps_between(density):
            yield self.between(start, end, float(t))

    def _draw_w(self, seed: int, label: int | None) -> np.ndarray:
        labels = labels_from_seeds([seed], self.config.label_dim, None if label is None else [label])
        return self._sampler.latents_w([seed], labels)
