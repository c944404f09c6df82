"""The error of this package."""

from __future__ import annotations


class MetricError(ValueError):
    """A metric that cannot be computed as asked: the value, the rule and the remedy in one line."""
