"""The error of this package."""

from __future__ import annotations


class FeatureError(ValueError):
    """Features that cannot be had: the value, the rule and the remedy in one line."""
