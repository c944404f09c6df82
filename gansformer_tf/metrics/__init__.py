"""Metrics: images -> features -> statistics -> number, one file per step.

The functions that turn features into numbers have the names of their modules: `gansformer_tf.metrics.fid.fid`,
`kid.kid`, `inception_score.inception_score`, `precision_recall.precision_recall`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gansformer_tf.lazy import lazy_names

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
__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "errors": "MetricError",
        "evaluate": "Evaluation",
        "fid": "frechet_distance",
        "images": "DatasetImages FolderImages GeneratedImages Images open_images",
        "moments": "Moments",
        "networks": "FeatureNetwork feature_network",
        "results": "Result scalars table write_results",
    },
)
