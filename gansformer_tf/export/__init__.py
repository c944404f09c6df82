"""Generators for other programs: SavedModels for TensorFlow Serving, ONNX and Keras files, a client for servers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gansformer_tf.export.client import Client
    from gansformer_tf.export.errors import ExportError, ServingError
    from gansformer_tf.export.keras_files import export_keras
    from gansformer_tf.export.onnx_file import export_onnx
    from gansformer_tf.export.run import export
    from gansformer_tf.export.saved_model import export_saved_model

__all__ = ["Client", "ExportError", "ServingError", "export", "export_keras", "export_onnx", "export_saved_model"]

_HOMES = {
    "Client": "client",
    "ExportError": "errors",
    "ServingError": "errors",
    "export": "run",
    "export_keras": "keras_files",
    "export_onnx": "onnx_file",
    "export_saved_model": "saved_model",
}


def __getattr__(name: str) -> Any:
    # Loaded when they are asked for: the client needs neither Keras nor, for REST, TensorFlow.
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
