"""The model card: what an export holds and where it comes from, as JSON beside it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras

import gansformer_tf
from gansformer_tf.config import to_dict
from gansformer_tf.files import write_atomically
from gansformer_tf.models.coordinates import scaled_size

NAME = "model_card.json"
CARD_VERSION = 1


def write_card(
    folder: Path, generator: Any, form: str, source: Mapping[str, Any] | None = None, **details: Any
) -> dict[str, Any]:
    """Writes `model_card.json`.

    Args:
        folder: Where to.
        generator: What was exported.
        form: Format of the export.
        source: What is known of the weights' origin: "snapshot", "sha256", "kimg", "dataset".
        details: Further facts of the format.

    Returns:
        What was written.
    """
    config = generator.config
    height, width = config.height, config.width
    if details.get("scale", 1.0) != 1.0:
        height, width = scaled_size(config, details["scale"])
    card = {
        "model_card_version": CARD_VERSION,
        "format": form,
        "made_with": {
            "gansformer-tf": gansformer_tf.__version__,
            "keras": keras.__version__,
            keras.backend.backend(): _backend_version(),
        },
        "source": dict(source or {}),
        "images": {
            "height": height,
            "width": width,
            "channels": config.image_channels,
            "range_of_float": [-1.0, 1.0],
        },
        "inputs": {
            "num_latents": config.num_latents,
            "latent_dim": config.latent_dim,
            "num_components": config.num_components,
            "label_dim": config.label_dim,
            "suggested_truncation_psi": config.truncation_psi,
        },
        "parameters": generator.count_params(),
        **details,
        "generator_config": to_dict(config),
    }
    write_atomically(folder / NAME, json.dumps(card, indent=2) + "\n")
    return card


def _backend_version() -> str:
    import importlib

    return str(importlib.import_module(keras.backend.backend()).__version__)
