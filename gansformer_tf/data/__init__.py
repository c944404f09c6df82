"""Data sets: made from folders and archives of images, read back for training, with no knowledge of any model.

>>> import gansformer_tf as gf
>>> data = gf.data.images_from_directory("birds", resolution=64, batch_size=16)
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gansformer_tf.data.directory import images_from_directory
    from gansformer_tf.data.manifest import DatasetError
    from gansformer_tf.data.read.dataset_info import DatasetInfo
    from gansformer_tf.data.read.open import read_info
    from gansformer_tf.data.read.pipeline import training_dataset
    from gansformer_tf.data.records.tfrecord import CorruptRecordError
    from gansformer_tf.data.sources.base import SourceError

__all__ = [
    "CorruptRecordError",
    "DatasetError",
    "DatasetInfo",
    "SourceError",
    "images_from_directory",
    "read_info",
    "training_dataset",
]

# Loaded when first used: what makes a dataset brings TensorFlow.
_HOMES = {
    "CorruptRecordError": "gansformer_tf.data.records.tfrecord",
    "DatasetError": "gansformer_tf.data.manifest",
    "DatasetInfo": "gansformer_tf.data.read.dataset_info",
    "SourceError": "gansformer_tf.data.sources.base",
    "images_from_directory": "gansformer_tf.data.directory",
    "read_info": "gansformer_tf.data.read.open",
    "training_dataset": "gansformer_tf.data.read.pipeline",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
