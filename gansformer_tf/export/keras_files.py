"""Generators as files of Keras."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gansformer_tf.export.card import write_card
from gansformer_tf.export.folders import new_folder

MODEL_FILE = "generator.keras"
WEIGHTS_FILE = "generator.weights.h5"


def export_keras(generator: Any, path: str | Path, *, source: Mapping[str, Any] | None = None) -> Path:
    """Writes `generator.keras` (network and weights) and `generator.weights.h5` (weights alone) into a new folder.

    `keras.saving.load_model` reads the first on every backend after `import gansformer_tf.models`; the second fits a
    `Generator` of the configuration in `model_card.json`.

    Args:
        generator: A `Generator`.
        path: New or empty folder.
        source: For the model card: where the weights come from.

    Returns:
        The folder.

    Raises:
        ExportError: The folder is not empty.
        OSError: It cannot be written to.

    Example:

    >>> config = gf.config.GANsformerConfig(resolution=8, channel_max=8, latent_size=16)
    >>> folder = gf.export.export_keras(gf.models.build_generator(config), "exported")
    >>> sorted(file.name for file in folder.iterdir())
    ['generator.keras', 'generator.weights.h5', 'model_card.json']
    """
    with new_folder(path) as folder:
        generator.save(folder / MODEL_FILE)
        generator.save_weights(folder / WEIGHTS_FILE)
        write_card(folder, generator, "keras", source, files=[MODEL_FILE, WEIGHTS_FILE])
    return Path(path)
