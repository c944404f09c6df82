"""`run_network.py --export FORMAT`: a trained generator for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gansformer_tf.cli.common import RunError, UsageError
from gansformer_tf.cli.snapshots import model_file
from gansformer_tf.export.errors import ExportError
from gansformer_tf.export.options import check_options
from gansformer_tf.quiet import import_tensorflow

COMPANIONS = {"model": "--model", "output_dir": "--output-dir", "noise_mode": "--noise-mode"}
DONE = {
    "saved_model": "SavedModel for TensorFlow Serving written to {folder}; docs/export.md shows how to use it.",
    "onnx": "{folder}/generator.onnx written, opset {opset}.",
    "keras": "{folder}/generator.keras and {folder}/generator.weights.h5 written.",
}


def check_export_flags(given: dict[str, Any]) -> None:
    """Finds what is wrong with the flags of `--export` before anything is started.

    Raises:
        UsageError: A flag is missing, does not fit the format, or the format's packages are not installed.
    """
    if "export" not in given:
        for name, flag in COMPANIONS.items():
            if name in given:
                raise UsageError(f"{flag} belongs to --export; add --export saved_model, or leave it out.")
        return
    if "output_dir" not in given:
        raise UsageError("--output-dir is missing; name the folder of the export: --output-dir exported/NAME")
    try:
        check_options(given["export"], given.get("noise_mode"), given.get("scale", 1.0))
    except ExportError as error:
        raise UsageError(str(error)) from error


def export_model(given: dict[str, Any], run_folder: Path) -> None:
    """Does what `--export`, `--model`, `--output-dir`, `--noise-mode` and `--scale` ask for.

    Args:
        given: The typed flags, already checked.
        run_folder: Whose newest snapshot is exported without `--model`.

    Raises:
        UsageError: The model or the folder cannot be used.
        RunError: The files cannot be written.
    """
    form = given["export"]
    import_tensorflow()
    from gansformer_tf.export.onnx_file import OPSET
    from gansformer_tf.export.run import export
    from gansformer_tf.models.snapshot import SnapshotError

    try:
        model = model_file(given.get("model", run_folder)).path
        folder = export(
            form, model, given["output_dir"], noise_mode=given.get("noise_mode"), scale=given.get("scale", 1.0)
        )
    except (ExportError, SnapshotError) as error:
        raise UsageError(str(error)) from error
    except OSError as error:
        raise RunError(str(error)) from error
    print(DONE[form].format(folder=folder, opset=OPSET))
