"""Generators for other programs: SavedModels for TensorFlow Serving, ONNX and Keras files, a client for servers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gansformer_tf.lazy import lazy_names

if TYPE_CHECKING:
    from gansformer_tf.export.client import Client
    from gansformer_tf.export.errors import ExportError, ServingError
    from gansformer_tf.export.keras_files import export_keras
    from gansformer_tf.export.onnx_file import export_onnx
    from gansformer_tf.export.run import export
    from gansformer_tf.export.saved_model import export_saved_model

__all__ = ["Client", "ExportError", "ServingError", "export", "export_keras", "export_onnx", "export_saved_model"]

# Loaded when they are asked for: the client needs neither Keras nor, for REST, TensorFlow.
__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "client": "Client",
        "errors": "ExportError ServingError",
        "keras_files": "export_keras",
        "onnx_file": "export_onnx",
        "run": "export",
        "saved_model": "export_saved_model",
    },
)
