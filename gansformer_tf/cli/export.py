"""`run_network.py --export FORMAT`: a trained generator for other programs."""

from __future__ import annotations

from gansformer_tf.cli.common import RunError, UsageError
from gansformer_tf.cli.options import RunOptions
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


def check_export_flags(options: RunOptions) -> None:
    """Finds what is wrong with the flags of `--export` before anything is started.

    Raises:
        UsageError: A flag is missing, does not fit the format, or the format's packages are not installed.
    """
    if options.export is None:
        for name, flag in COMPANIONS.items():
            if getattr(options, name) is not None:
                raise UsageError(f"{flag} belongs to --export; add --export saved_model, or leave it out.")
        return
    if options.output_dir is None:
        raise UsageError("--output-dir is missing; name the folder of the export: --output-dir exported/NAME")
    try:
        check_options(options.export, options.noise_mode, options.scale)
    except ExportError as error:
        raise UsageError(str(error)) from error


def export_model(options: RunOptions) -> None:
    """Does what `--export`, `--model`, `--output-dir`, `--noise-mode` and `--scale` ask for.

    Args:
        options: Already checked; without a model the newest snapshot of the run is exported.

    Raises:
        UsageError: The model or the folder cannot be used.
        RunError: The files cannot be written.
    """
    form, target = options.export, options.output_dir
    assert form is not None and target is not None  # see check_export_flags
    import_tensorflow()
    from gansformer_tf.export.onnx_file import OPSET
    from gansformer_tf.export.run import export
    from gansformer_tf.models.snapshot import SnapshotError

    try:
        model = model_file(options.model or options.run_dir().path).path
        folder = export(form, model, target, noise_mode=options.noise_mode, scale=options.scale)
    except (ExportError, SnapshotError) as error:
        raise UsageError(str(error)) from error
    except OSError as error:
        raise RunError(str(error)) from error
    print(DONE[form].format(folder=folder, opset=OPSET))
