"""Data sets: made from folders and archives of images, read back for training, with no knowledge of any model.

>>> import gansformer_tf as gf
>>> data = gf.data.images_from_directory("birds", resolution=64, batch_size=16)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gansformer_tf.lazy import lazy_names

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
__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "directory": "images_from_directory",
        "manifest": "DatasetError",
        "read.dataset_info": "DatasetInfo",
        "read.open": "read_info",
        "read.pipeline": "training_dataset",
        "records.tfrecord": "CorruptRecordError",
        "sources.base": "SourceError",
    },
)
