"""One call for all formats, from a snapshot on disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gansformer_tf.export.options import check_options
from gansformer_tf.files import sha256_of


def export(
    form: str, model: str | Path, output_dir: str | Path, *, noise_mode: str | None = None, scale: float = 1.0
) -> Path:
    """Exports the generator of a snapshot.

    Args:
        form: "saved_model", "onnx" or "keras".
        model: A snapshot file, or a run folder (its newest snapshot).
        output_dir: A new or empty folder; for SavedModels one that may hold earlier versions.
        noise_mode: See `export_saved_model` and `export_onnx`; None takes their own.
        scale: Size of the images as a factor (CREPS).

    Returns:
        The folder of the export.

    Raises:
        ExportError: See the functions of the formats.
        SnapshotError: There is no usable snapshot.
        OSError: The folder cannot be written to.

    Example:

    >>> folder = gf.export.export("saved_model", "results/scenes-000", "served/gansformer")  # doctest: +SKIP
    """
    from gansformer_tf.models.snapshot import find_snapshot, load_snapshot

    check_options(form, noise_mode, scale)
    path = find_snapshot(model)
    snapshot = load_snapshot(path)
    source: dict[str, Any] = {"snapshot": path.name, "sha256": sha256_of(path), "dataset": snapshot.config.data.dataset}
    if "kimg" in snapshot.metadata:
        source["kimg"] = snapshot.metadata["kimg"]
    options: dict[str, Any] = {"source": source} | ({} if noise_mode is None else {"noise_mode": noise_mode})
    if form != "keras":
        options["scale"] = scale
    if form == "saved_model":
        from gansformer_tf.export.saved_model import export_saved_model

        return export_saved_model(snapshot.generator, output_dir, **options)
    if form == "onnx":
        from gansformer_tf.export.onnx_file import export_onnx

        return export_onnx(snapshot.generator, output_dir, **options)
    from gansformer_tf.export.keras_files import export_keras

    return export_keras(snapshot.generator, output_dir, **options)
