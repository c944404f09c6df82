"""Networks of other code bases as ours: weights only, nothing of theirs is executed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gansformer_tf.lazy import lazy_names

if TYPE_CHECKING:
    from gansformer_tf.convert.original import from_original
    from gansformer_tf.convert.pytorch import from_pytorch, w_from_pytorch
    from gansformer_tf.convert.vqgan import from_vqgan

__all__ = ["from_original", "from_pytorch", "from_vqgan", "w_from_pytorch"]

# Loaded when they are asked for: they need TensorFlow, which the process that reads pickles must not load.
__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "original": "from_original",
        "pytorch": "from_pytorch w_from_pytorch",
        "vqgan": "from_vqgan",
    },
)
