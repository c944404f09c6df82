"""What an image of the page depends on, and the image."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

_RESAMPLE_STRIDE = 1_000_003  # seeds of re-sampled components lie far from those typed in


@dataclass(frozen=True, eq=False)
class Photo:
    """A projected image: its name, w `[1, num_latents, num_layers, style_dim]`, its noise inputs, and the target."""

    name: str
    w: np.ndarray
    noise: list[np.ndarray] | None = None
    target: np.ndarray | None = None


@dataclass(frozen=True)
class ImageState:
    """Everything an image depends on.

    `strengths` holds a factor per latent (1: as drawn, 0: the mean), `taken` the seeds that latents come from instead,
    as (latent, seed), `moves` how far w is moved, as (method, latent, amounts along its directions). A `photo` stands
    in the place of the seed.
    """

    seed: int = 0
    truncation_psi: float = 0.7
    noise_mode: str = "random"
    label: int | None = None
    strengths: tuple[float, ...] = ()
    taken: tuple[tuple[int, int], ...] = ()
    moves: tuple[tuple[str, int, tuple[float, ...]], ...] = ()
    photo: Photo | None = None

    @property
    def name(self) -> str:
        """What files of it are called."""
        return f"seed{self.seed:04d}" if self.photo is None else self.photo.name

    @property
    def unchanged(self) -> ImageState:
        """The seed or the photo alone."""
        return replace(self, strengths=tuple(1.0 for _ in self.strengths), taken=(), moves=())

    def of_seed(self, seed: int) -> ImageState:
        """The state with another seed; what was taken from other seeds, and the photo, go with the old one."""
        return self if seed == self.seed else replace(self, seed=seed, taken=(), photo=None)

    def take(self, latent: int, seed: int) -> ImageState:
        """The state with one latent of another seed."""
        return replace(self, taken=tuple(sorted({**dict(self.taken), latent: seed}.items())))

    def resample(self, latent: int) -> ImageState:
        """The state with one latent drawn anew."""
        return self.take(latent, (dict(self.taken).get(latent, self.seed) + _RESAMPLE_STRIDE) % 2**32)

    def amounts(self, method: str, latent: int) -> tuple[float, ...]:
        """How far w of a latent is moved along its directions; empty where it is not."""
        return next((amounts for *key, amounts in self.moves if key == [method, latent]), ())

    def move(self, method: str, latent: int, amounts: tuple[float, ...]) -> ImageState:
        """The state with w of a latent moved so far, instead of as it was."""
        rest = [entry for entry in self.moves if entry[:2] != (method, latent)]
        moved = [(method, latent, amounts)] if any(amounts) else []
        return replace(self, moves=tuple(sorted([*rest, *moved])))

    def describe(self) -> dict[str, Any]:
        """For the metadata of a file, JSON-ready."""
        return {
            **({"seed": self.seed} if self.photo is None else {"projected": self.photo.name}),
            "truncation_psi": self.truncation_psi,
            "noise_mode": self.noise_mode,
            "strengths": list(self.strengths),
            "taken": [list(entry) for entry in self.taken],
            "moves": [[method, latent, list(amounts)] for method, latent, amounts in self.moves],
        }


@dataclass(frozen=True)
class Drawn:
    """A drawn state: `pixels` uint8 `[height, width, channels]`, `attention` per layer `[heads, h, w, components]`."""

    state: ImageState
    w: np.ndarray
    pixels: np.ndarray
    attention: tuple[np.ndarray, ...]


@dataclass(frozen=True)
class Tab:
    """What a browser tab looks at: the image, the selected component, two images to go between, and its history.

    `past` holds the states before, the last one last; `pins` the images that were pinned; `moving` the slider that the
    last change came from.
    """

    image: Drawn
    selected: int | None = None
    start: Drawn | None = None
    end: Drawn | None = None
    past: tuple[ImageState, ...] = ()
    pins: tuple[Drawn, ...] = ()
    moving: str = ""

    def show(self, image: Drawn, slider: str = "") -> Tab:
        """With another image. All moves of one slider in a row are one change to undo."""
        past = self.past if slider and slider == self.moving else (*self.past, self.image.state)
        return replace(self, image=image, past=past, moving=slider)
