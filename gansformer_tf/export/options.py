"""What an export can be asked for, and the packages that each format needs; nothing here loads TensorFlow."""

from __future__ import annotations

from gansformer_tf.config.generator import NOISE_MODES
from gansformer_tf.export.errors import ExportError, require_packages

FORMATS = ("saved_model", "onnx", "keras")
# modules, extra of this package, what for
_PACKAGES = {
    "saved_model": (("tensorflow_serving",), "serving", "a SavedModel with its warm-up requests"),
    "onnx": (("tf2onnx", "onnx"), "onnx", "an ONNX file"),
}


def check_options(form: str, noise_mode: str | None, scale: float = 1.0) -> None:
    """Raises `ExportError` if a format cannot be written, or not with that noise mode (None: its own) or scale."""
    if form not in FORMATS:
        raise ExportError(f"the export format {form!r} is unknown; choose one of {', '.join(FORMATS)}.")
    if noise_mode not in (None, *NOISE_MODES):
        raise ExportError(f"the noise mode {noise_mode!r} is unknown; choose one of {', '.join(NOISE_MODES)}.")
    if form == "keras" and noise_mode is not None:
        raise ExportError("a Keras file takes its noise mode when it is called; leave the noise mode out.")
    if form == "keras" and scale != 1.0:
        raise ExportError("a Keras file takes the size of its images when it is called; leave the scale out.")
    if form == "onnx" and noise_mode == "random":
        raise ExportError("an ONNX file has no seeds to draw noise from; choose the noise mode const or none.")
    if form in _PACKAGES:
        require_packages(*_PACKAGES[form])
