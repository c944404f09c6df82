"""Generators as ONNX files."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from gansformer_tf.export.card import write_card
from gansformer_tf.export.errors import ExportError
from gansformer_tf.export.folders import new_folder
from gansformer_tf.export.graphs import Graphs, lines_of
from gansformer_tf.export.options import check_options
from gansformer_tf.ops import formulation, implementation

OPSET = 18  # the newest that tf2onnx writes
FILE = "generator.onnx"


def export_onnx(
    generator: Any,
    path: str | Path,
    *,
    noise_mode: str = "const",
    scale: float = 1.0,
    source: Mapping[str, Any] | None = None,
) -> Path:
    """Writes `generator.onnx` (opset 18) into a new folder.

    Inputs: `z` `[batch, num_latents, latent_dim]`, `truncation_psi` `[batch]`, and for models with labels `labels`
    `[batch]`, class numbers. Output: `images`, float32 `[batch, height, width, channels]` in about [-1, 1].

    Args:
        generator: A `Generator`.
        path: New or empty folder.
        noise_mode: "const" (the model's fixed noise) or "none"; there are no seeds to draw other noise from.
        scale: Size of the images as a factor, for generators that draw any size (CREPS).
        source: For the model card: where the weights come from.

    Returns:
        The folder.

    Raises:
        ExportError: The folder is not empty, the noise mode is another one, the scale does not fit, the family has no
            w, Keras runs on another backend, or tf2onnx is not installed.
        OSError: The folder cannot be written to.

    Example:

    >>> generator = gf.load("scenes").generator
    >>> folder = gf.export.export_onnx(generator, "scenes-onnx", noise_mode="none")  # doctest: +SKIP
    """
    check_options("onnx", noise_mode)
    if keras.backend.backend() != "tensorflow":
        raise ExportError(f"Keras runs on {keras.backend.backend()}; the converter needs KERAS_BACKEND=tensorflow.")
    if not generator.config.has_w:
        raise ExportError(
            f"a {generator.config.family} generator draws its codes in a loop, which ONNX files of this package have "
            "not; export it as saved_model."
        )
    lines_of(generator, scale)  # nothing is made for a size that cannot be drawn
    import tf2onnx

    with new_folder(path) as folder, implementation("composite"), formulation("slices"):
        graphs = Graphs(generator, noise_mode, seeds=False, scale=scale)
        specs = [tf.TensorSpec(graphs.z_shape, tf.float32, "z"), tf.TensorSpec([None], tf.float32, "truncation_psi")]
        if graphs.config.label_dim:
            specs.append(tf.TensorSpec([None], tf.int64, "labels"))

        @tf.function(input_signature=specs, autograph=False)
        def draw(*inputs: Any) -> dict[str, Any]:
            return {"images": graphs.draw(graphs.map(*inputs))[0]}

        with _quiet():
            tf2onnx.convert.from_function(draw, specs, opset=OPSET, output_path=str(folder / FILE))
        write_card(
            folder, generator, "onnx", source, files=[FILE], opset=OPSET, noise_mode=noise_mode, scale=scale,
            signature={
                "inputs": {spec.name: {"dtype": spec.dtype.name, "shape": spec.shape.as_list()} for spec in specs},
                "outputs": {"images": {"dtype": "float32", "layout": "batch, height, width, channels"}},
            },
        )  # fmt: skip
    return Path(path)


@contextmanager
def _quiet() -> Iterator[None]:
    """The converter reports its progress in the log."""
    logger = logging.getLogger("tf2onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
