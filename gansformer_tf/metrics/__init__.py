"""Metrics: images -> features -> statistics -> number, one file per step.

The functions that turn features into numbers have the names of their modules: `gansformer_tf.metrics.fid.fid`,
`kid.kid`, `inception_score.inception_score`, `precision_recall.precision_recall`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gansformer_tf.metrics.errors import MetricError
    from gansformer_tf.metrics.evaluate import Evaluation
    from gansformer_tf.metrics.fid import frechet_distance
    from gansformer_tf.metrics.images import DatasetImages, FolderImages, GeneratedImages, Images, open_images
    from gansformer_tf.metrics.moments import Moments
    from gansformer_tf.metrics.networks import FeatureNetwork, feature_network
    from gansformer_tf.metrics.results import Result, scalars, table, write_results

__all__ = [
    "DatasetImages",
    "Evaluation",
    "FeatureNetwork",
    "FolderImages",
    "GeneratedImages",
    "Images",
    "MetricError",
    "Moments",
    "Result",
    "feature_network",
    "frechet_distance",
    "open_images",
    "scalars",
    "table",
    "write_results",
]

# Loaded when they are asked for, so that one of them does not bring what another needs.
_HOMES = {
    "DatasetImages": "images",
    "Evaluation": "evaluate",
    "FeatureNetwork": "networks",
    "FolderImages": "images",
    "GeneratedImages": "images",
    "Images": "images",
    "MetricError": "errors",
    "Moments": "moments",
    "Result": "results",
    "feature_network": "networks",
    "frechet_distance": "fid",
    "open_images": "images",
    "scalars": "results",
    "table": "results",
    "write_results": "results",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
