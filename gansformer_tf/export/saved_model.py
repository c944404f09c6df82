"""Generators as SavedModels, in the folders that TensorFlow Serving reads."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from gansformer_tf.export.card import write_card
from gansformer_tf.export.errors import ExportError
from gansformer_tf.export.folders import new_version
from gansformer_tf.export.graphs import Graphs, lines_of
from gansformer_tf.export.options import check_options
from gansformer_tf.export.signatures import build_signatures, input_specs
from gansformer_tf.export.warmup import write_warmup


def export_saved_model(
    generator: Any,
    base: str | Path,
    *,
    noise_mode: str = "random",
    scale: float = 1.0,
    source: Mapping[str, Any] | None = None,
) -> Path:
    """Writes a generator as `base/<version>`, a SavedModel of standard ops with the signatures of `build_signatures`.

    Versions that are there stay; the new one takes the next number. The folder appears under its name when it is
    complete, with warm-up requests and `model_card.json` inside.

    Args:
        generator: A `Generator`.
        base: Folder of all versions of the model; made if it is missing.
        noise_mode: Of images drawn from seeds: "random" (as `generate.py` draws them), "const" or "none".
        scale: Size of the images as a factor, for generators that draw any size (CREPS).
        source: For the model card: where the weights come from.

    Returns:
        The version's folder.

    Raises:
        ExportError: `base` holds something else or could not be loaded from, the noise mode is unknown, the scale does
            not fit, Keras runs on another backend, or tensorflow-serving-api is not installed.
        OSError: The folder cannot be written to.

    Example:

    >>> generator = gf.load("scenes").generator
    >>> folder = gf.export.export_saved_model(generator, "served/gansformer")  # doctest: +SKIP
    >>> tf.saved_model.load(folder).signatures["images"](  # doctest: +SKIP
    ...     seeds=tf.constant([0], tf.int64), truncation_psi=tf.constant([0.7])
    ... )["images"].shape
    TensorShape([1, 64, 64, 3])
    """
    if keras.backend.backend() != "tensorflow":
        raise ExportError(f"Keras runs on {keras.backend.backend()}; SavedModels need KERAS_BACKEND=tensorflow.")
    check_options("saved_model", noise_mode)
    lines_of(generator, scale)  # nothing is made for a size that cannot be drawn
    with new_version(base) as (folder, done):
        graphs = Graphs(generator, noise_mode, scale=scale)
        signatures = build_signatures(graphs)
        module = tf.Module()
        # The network itself stays out: loading it would need this package.
        module.parameters = [variable.value for variable in generator.weights]
        tf.saved_model.save(module, str(folder), signatures=signatures)
        warmups = write_warmup(folder, signatures)
        write_card(
            folder,
            generator,
            "saved_model",
            source,
            noise_mode=noise_mode,
            scale=scale,
            signatures={name: describe(function) for name, function in signatures.items()},
            warmup_requests=warmups,
        )
    return done[0]


def describe(function: Any) -> dict[str, dict[str, dict[str, Any]]]:
    """Inputs and outputs of a signature: type and shape by name."""
    return {
        "inputs": {name: _spec(spec) for name, spec in input_specs(function).items()},
        "outputs": {name: _spec(tensor) for name, tensor in function.structured_outputs.items()},
    }


def _spec(tensor: Any) -> dict[str, Any]:
    return {"dtype": tensor.dtype.name, "shape": tensor.shape.as_list()}
