"""Which part of an image is drawn, how large, and how it is moved."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from gansformer_tf.models.coordinates import Window, line_coordinates, scaled_size


@dataclass(frozen=True)
class View:
    """Size, part and motion of images; the default is the whole image at the size of training.

    Args:
        scale: Size as a factor.
        window: `(x0, y0, x1, y1)` in pixels of the scaled image, the last ones excluded; None: all of it.
        shift: How far the image moves to the right and down, as shares of its sides.
        turn: Angle in degrees.

    Example:

    >>> view = gf.View(scale=2.0, window=(0, 0, 64, 32))  # the upper left quarter of twice the size, for CREPS
    >>> view.size(gf.config.CREPSConfig(resolution=32))
    (32, 64)
    """

    scale: float = 1.0
    window: Window | None = None
    shift: tuple[float, float] = (0.0, 0.0)
    turn: float = 0.0

    @property
    def moves(self) -> bool:
        """Whether the image moves or turns."""
        return self.shift != (0.0, 0.0) or self.turn != 0.0

    @property
    def resizes(self) -> bool:
        """Whether it has another size than in training, or is a part."""
        return self.scale != 1.0 or self.window is not None

    def check(self, generator: Any) -> None:
        """Raises ValueError for what a generator cannot draw."""
        family = generator.config.family
        if self.moves and not generator.config.takes_transform:
            raise ValueError(
                f"a {family} generator has no input that can be moved, only StyleGAN3's have; leave --translate and "
                "--rotate out."
            )
        if not all(map(math.isfinite, (*self.shift, self.turn))):
            raise ValueError(f"--translate {self.shift} --rotate {self.turn}: give finite numbers.")
        if self.resizes:
            if not generator.config.draws_any_size:
                raise ValueError(
                    f"a {family} generator draws images of one size and as a whole, CREPS draws any; leave --scale "
                    "and --crop out."
                )
            line_coordinates(generator.config, self.scale, self.window)

    def size(self, config: Any) -> tuple[int, int]:
        """(height, width) of what is drawn."""
        if not self.resizes:
            return config.height, config.width
        if self.window is None:
            return scaled_size(config, self.scale)
        x0, y0, x1, y1 = self.window
        return y1 - y0, x1 - x0

    def arguments(self, config: Any) -> dict[str, np.ndarray]:
        """What `synthesize` takes to draw it."""
        found = {}
        if self.resizes:
            found["rows"], found["columns"] = line_coordinates(config, self.scale, self.window)
        if self.moves:
            found["transform"] = self.transform()
        return found

    def transform(self) -> np.ndarray:
        """Inverse of the motion of the image, float32 `[3, 3]`."""
        angle = math.radians(self.turn)
        motion = np.array(
            [
                [math.cos(angle), math.sin(angle), self.shift[0]],
                [-math.sin(angle), math.cos(angle), self.shift[1]],
                [0.0, 0.0, 1.0],
            ]
        )
        return np.linalg.inv(motion).astype(np.float32)

    def metadata(self) -> dict[str, Any]:
        """What differs from the default, JSON-ready."""
        default = View()
        values = {"scale": self.scale, "window": self.window, "shift": self.shift, "turn": self.turn}
        changed = {name: value for name, value in values.items() if value != getattr(default, name)}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in changed.items()}
