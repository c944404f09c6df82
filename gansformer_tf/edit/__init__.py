"""Images put into a trained model, and changed there. `gf.Model` has the functions; this is what they return."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gansformer_tf.drawing.directions import Directions
    from gansformer_tf.edit.components import Edited
    from gansformer_tf.edit.project import Projected

__all__ = ["Directions", "Edited", "Projected"]

_HOMES = {
    "Directions": "gansformer_tf.drawing.directions",
    "Edited": "gansformer_tf.edit.components",
    "Projected": "gansformer_tf.edit.project",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
