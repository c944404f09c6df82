"""What a metric is computed from, and what it gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gansformer_tf.config.metrics import MetricConfig
from gansformer_tf.metrics.images import Images
from gansformer_tf.metrics.store import FeatureStore


@dataclass(frozen=True)
class Rows:
    """A row of numbers for every image, on disk.

    Attributes:
        name: Of the metric.
        config: Settings of all metrics.
        images: The generated images.
        fake: Rows of them: features of the network, or those of the metric's own task.
        real: Features of real images; None where the metric needs none.
    """

    name: str
    config: MetricConfig
    images: Images
    fake: FeatureStore
    real: FeatureStore | None = None

    @property
    def reals(self) -> FeatureStore:
        """Features of real images, of a metric that needs them."""
        if self.real is None:
            raise ValueError(f"metric {self.name} reads features of real images, but its record has no needs_reals.")
        return self.real


@dataclass(frozen=True)
class Measured:
    """The numbers of a metric.

    Attributes:
        values: By name; the first one is the metric, others are its spread or parts.
        settings: What decided them, for the manifest.
        details: Longer results, such as a number per component.
        notes: What the user should know about them, a line each.
    """

    values: Mapping[str, float]
    settings: Mapping[str, Any] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)
    notes: Sequence[str] = ()
