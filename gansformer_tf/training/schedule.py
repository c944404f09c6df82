"""Numbers that change while training goes on."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import tensorflow as tf


@dataclass(frozen=True)
class Schedule:
    """A number that stays at `start`, or moves from there to `end` along half a cosine.

    It is a function of the images seen so far, so a resumed run needs nothing to go on with it.

    Attributes:
        start: Up to `first` images.
        end: From `last` images on; None: it never moves.
        first, last: Real images seen at the beginning and at the end of the way.
    """

    start: float
    end: float | None = None
    first: float = 0.0
    last: float = 1.0

    def at(self, images_seen: Any) -> Any:
        """The number after `images_seen` images: `start` itself where it never moves, else a float32 tensor."""
        if self.end is None:
            return self.start
        done = (tf.cast(images_seen, tf.float32) - self.first) / (self.last - self.first)
        share = 0.5 - 0.5 * tf.cos(math.pi * tf.clip_by_value(done, 0.0, 1.0))
        return self.start + (self.end - self.start) * share
