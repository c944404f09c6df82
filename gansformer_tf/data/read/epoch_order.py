"""Which image stands at which place of the endless training sequence: a function of the seed and the place alone.

Every epoch is a permutation of all images. Nothing is remembered between batches, so training continues at any
step at once, and the sequence depends neither on the batch size nor on the number of replicas.
"""

from __future__ import annotations

import threading

import numpy as np

_ORDER, _MIRROR = 0, 1  # separate random streams


class EpochOrder:
    """The endless sequence of image numbers.

    Args:
        seed: Any integer from 0 to 2**32 - 1.
        num_images: Images in one epoch.
    """

    def __init__(self, seed: int, num_images: int) -> None:
        if num_images < 1:
            raise ValueError("an epoch needs at least one image.")
        self.seed, self.num_images = seed % 2**32, num_images
        self._lock = threading.Lock()
        self._epochs: dict[int, tuple[np.ndarray, np.ndarray]] = {}

    def at(self, start: int, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Images and mirror flags at places `start` to `start + count - 1`.

        Returns:
            `(numbers, mirrored)`: int64 `[count]` and bool `[count]`.
        """
        places = np.arange(start, start + count, dtype=np.int64)
        epochs, inside = places // self.num_images, places % self.num_images
        numbers, mirrored = np.empty(count, np.int64), np.empty(count, bool)
        for epoch in np.unique(epochs):
            chosen = epochs == epoch
            order, flips = self._epoch(int(epoch))
            numbers[chosen], mirrored[chosen] = order[inside[chosen]], flips[inside[chosen]]
        return numbers, mirrored

    def _epoch(self, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        with self._lock:
            if epoch not in self._epochs:
                # batches near the border of two epochs are read at the same time; older epochs are let go
                self._epochs = {old: value for old, value in self._epochs.items() if abs(old - epoch) <= 2}
                # RandomState, because its streams are frozen across NumPy versions
                order = np.random.RandomState([self.seed, epoch, _ORDER]).permutation(self.num_images)
                flips = np.random.RandomState([self.seed, epoch, _MIRROR]).randint(0, 2, self.num_images, np.uint8)
                self._epochs[epoch] = (order, flips.astype(bool))
            return self._epochs[epoch]
