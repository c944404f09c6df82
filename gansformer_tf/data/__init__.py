"""Data sets: made from folders and archives of images, read back for training, with no knowledge of any model.

>>> import gansformer_tf as gf
>>> data = gf.data.images_from_directory("birds", resolution=64, batch_size=16)
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gansformer_tf.data.directory import images_from_directory
    from gansformer_tf.data.read.pipeline import training_dataset

__all__ = ["images_from_directory", "training_dataset"]

# Loaded when first used: both bring TensorFlow.
_HOMES = {
    "images_from_directory": "gansformer_tf.data.directory",
    "training_dataset": "gansformer_tf.data.read.pipeline",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
