"""Networks of other code bases as ours: weights only, nothing of theirs is executed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gansformer_tf.convert.original import from_original
    from gansformer_tf.convert.pytorch import from_pytorch, w_from_pytorch
    from gansformer_tf.convert.vqgan import from_vqgan

__all__ = ["from_original", "from_pytorch", "from_vqgan", "w_from_pytorch"]

_HOMES = {
    "from_original": "original",
    "from_pytorch": "pytorch",
    "from_vqgan": "vqgan",
    "w_from_pytorch": "pytorch",
}


def __getattr__(name: str) -> Any:
    # Loaded when they are asked for: they need TensorFlow, which the process that reads pickles must not load.
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
