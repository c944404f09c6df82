"""Real images as a generator that has codes for them draws them again."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

import keras
import numpy as np

from gansformer_tf.drawing.compiled import compiled
from gansformer_tf.drawing.pixels import to_uint8
from gansformer_tf.drawing.sampler import Sampler
from gansformer_tf.metrics.images import Images


class Reconstructions(Images):
    """Reconstruction i is that of real image i.

    Args:
        real: The images.
        samplers: Of the generator, one per device.
        model_hash: What identifies the weights.
    """

    what = "reconstructed"
    readers = 1

    def __init__(self, real: Images, samplers: Sequence[Sampler], model_hash: str = "") -> None:
        self.real, self.samplers, self.model_hash = real, samplers, model_hash
        self._remake = [compiled(sampler.generator.reconstruct) for sampler in samplers]

    def __len__(self) -> int:
        return len(self.real)

    def read(self, start: int, stop: int, worker: int = 0) -> np.ndarray:
        sampler = self.samplers[worker]
        parts = []
        for first in range(start, stop, sampler.batch_size):
            shown = self.real.read(first, min(first + sampler.batch_size, stop), worker)
            with keras.device(sampler.device) if sampler.device else nullcontext():
                made = self._remake[worker](shown.astype(np.float32) / 127.5 - 1.0)
            parts.append(to_uint8(keras.ops.convert_to_numpy(made)))
        return np.concatenate(parts)

    def describe(self) -> dict[str, Any]:
        return {"snapshot_hash": self.model_hash, "reconstructions_of": dict(self.real.describe())}
