"""What the page computes, without the page: images from a state, regions, interpolation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np

from gansformer_tf.config.generator import NOISE_MODES
from gansformer_tf.drawing.directions import Directions, directions
from gansformer_tf.drawing.labels import labels_from_seeds
from gansformer_tf.drawing.pixels import to_uint8
from gansformer_tf.drawing.sampler import GRAPH_FROM, Sampler, latent_names
from gansformer_tf.drawing.seeds import check_seeds
from gansformer_tf.models.base import RECONSTRUCTIONS, require_w
from gansformer_tf.viewer.state import Drawn, ImageState
from gansformer_tf.visualize.attention_maps import blend, enlarge_attention, hard_map, soft_map
from gansformer_tf.visualize.grids import readable
from gansformer_tf.visualize.interpolation import lerp, steps_between

OVERLAYS = ("image", "blend", "hard map", "soft map")
VIEW_HEIGHT = 384  # small images are shown enlarged to at least about this
DIRECTIONS = 5  # sliders


class ViewerSession:
    """Draws states with one generator.

    Args:
        generator: A `Generator`.
    """

    view_height = VIEW_HEIGHT

    def __init__(self, generator: Any) -> None:
        require_w(generator.config, "the viewer, which moves w, was", RECONSTRUCTIONS)
        self.generator, self.config = generator, generator.config
        self.attends = bool(self.config.has_attention)
        self.names = latent_names(self.config)
        self._samplers = {
            mode: Sampler(generator, truncation_psi=1.0, noise_mode=mode, batch_size=8) for mode in NOISE_MODES
        }
        self._sampler = self._samplers["random"]
        self._w = lru_cache(maxsize=64)(self._draw_w)
        self.directions = lru_cache(maxsize=None)(self._find_directions)

    @property
    def first(self) -> ImageState:
        """What the page begins with."""
        return ImageState(label=0 if self.config.label_dim else None, strengths=(1.0,) * len(self.names))

    def warm_up(self) -> None:
        """Draws until there are graphs, which the first images do without."""
        for seed in range(1, GRAPH_FROM):
            self.draw(replace(self.first, seed=seed))

    def w(self, state: ImageState) -> np.ndarray:
        """w of a state: `[1, num_latents, num_layers, latent_dim]`. Truncation acts on what comes from seeds.

        Raises:
            ValueError: A seed out of range, or another number of strengths than the model has latents.
        """
        check_seeds([state.seed])
        strengths = np.array(state.strengths or [1.0] * len(self.names), np.float32)
        if len(strengths) != len(self.names):
            raise ValueError(f"{len(strengths)} strengths for {len(self.names)} latents; give one for each.")
        w = (self._w(state.seed, state.label) if state.photo is None else state.photo.w).copy()
        for latent, seed in state.taken:
            w[:, latent] = self._w(seed, state.label)[:, latent]
        of_photo = [state.photo is not None and latent not in dict(state.taken) for latent in range(len(strengths))]
        w = self._sampler.truncate(w, strengths[None] * np.where(of_photo, np.float32(1), state.truncation_psi))
        for method, latent, amounts in state.moves:
            for index, amount in enumerate(amounts):
                w = self.directions(method, latent).move(w, index, amount)
        return w

    def draw(self, state: ImageState) -> Drawn:
        """The image of a state, with its attention maps."""
        w = self.w(state)
        images, maps = self.sampler(state).synthesize(w, self.noise(state), with_attention=self.attends)
        return Drawn(state, w, to_uint8(images[0]), tuple(attention[0] for attention in maps))

    def sampler(self, state: ImageState) -> Sampler:
        """What draws a state's w."""
        return self._samplers[state.noise_mode]

    def noise(self, state: ImageState) -> list[np.ndarray] | None:
        """Noise inputs of a state: those of its photo or its seed, or None where it takes the model's own, or none."""
        if state.noise_mode == "random" and state.photo is not None and state.photo.noise is not None:
            return state.photo.noise
        return self.sampler(state).noise([state.seed])

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
        sampler = self.sampler(start.state)
        images, _ = sampler.synthesize(lerp(start.w, end.w, t), self.noise(start.state))
        return to_uint8(images[0])

    def way(self, start: Drawn, end: Drawn, density: int = 22) -> Iterator[np.ndarray]:
        """All images of the line between two images, uint8, both ends included."""
        for t in steps_between(density):
            yield self.between(start, end, float(t))

    def _draw_w(self, seed: int, label: int | None) -> np.ndarray:
        labels = labels_from_seeds([seed], self.config.label_dim, None if label is None else [label])
        return self._sampler.latents_w([seed], labels)

    def _find_directions(self, method: str, latent: int) -> Directions:
        """`gf.Model.directions` of a latent; found once."""
        config = self.config
        behind = latent == config.num_latents - 1 and config.num_latents != config.num_components
        component = None if behind or config.num_latents == 1 else latent
        return directions(self.generator, method, min(DIRECTIONS, config.style_dim), component)
