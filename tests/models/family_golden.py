"""Golden files of StyleGAN3's and CREPS's generators, and ours made from them."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from gansformer_tf.convert import from_pytorch
from gansformer_tf.convert.pytorch_names import TorchNames, names_of
from gansformer_tf.models.stylegan3.schedule import layer_plans
from tests.models.golden import read_arrays

FOLDER = Path(__file__).parents[1] / "golden" / "families"
INDEX = json.loads((FOLDER / "index.json").read_text())
# Complete files can be checked in place of ours.
ARRAYS = Path(os.environ.get("GANSFORMER_TF_GOLDEN_FAMILIES", FOLDER))


class FamilyGolden:
    """One generator of theirs."""

    def __init__(self, name: str) -> None:
        self.arrays = read_arrays(ARRAYS / f"{name}.npz")
        self.family: str = INDEX[name]["family"]
        self.kwargs: dict[str, Any] = INDEX[name]["kwargs"]

    def __contains__(self, key: str) -> bool:
        return key in self.arrays

    def __getitem__(self, key: str) -> np.ndarray:
        return self.arrays[key]

    def under(self, prefix: str) -> dict[str, np.ndarray]:
        return {key[len(prefix) :]: value for key, value in self.arrays.items() if key.startswith(prefix)}

    @property
    def state(self) -> dict[str, np.ndarray]:
        """Parameters and buffers by their name; those that we compute are left out."""
        return self.under("param/") | self.under("buffer/")

    def load(self, **changes: Any) -> Any:
        arguments = {"state": self.state, "kwargs": self.kwargs, "family": self.family}
        return from_pytorch(**(arguments | changes))

    def names(self, model: Any) -> TorchNames:
        return names_of(model, self.family, "generator")

    @property
    def labels(self) -> tf.Tensor | None:
        return tf.constant(self["in/c"]) if self["in/c"].shape[1] else None

    def w(self, key: str) -> tf.Tensor:
        """w `[batch, layers, dim]` as ours."""
        return tf.constant(self[key][:, None])

    def images(self, key: str) -> tf.Tensor:
        return tf.constant(np.transpose(self[key], (0, 2, 3, 1)))

    def magnitudes(self, model: Any) -> np.ndarray:
        """Their averages after one more batch, layer by layer."""
        scopes = [
            f"synthesis.L{index}_{plan.target.size}_{plan.target.channels}"
            for index, plan in enumerate(layer_plans(model.config))
        ]
        return np.array([self[f"ema/{scope}.magnitude_ema"] for scope in scopes])
