"""Means over an epoch, for Keras's logs."""

from __future__ import annotations


class Means:
    """Means of numbers, each over the steps that had it; adding a step takes as long however many there were."""

    def __init__(self) -> None:
        self._sums: dict[str, tuple[float, int]] = {}

    def with_step(self, values: dict[str, float]) -> dict[str, float]:
        """The means, the numbers of one more step included."""
        for name, value in values.items():
            total, count = self._sums.get(name, (0.0, 0))
            self._sums[name] = total + value, count + 1
        return {name: total / count for name, (total, count) in self._sums.items()}
