"""Golden files of the PyTorch networks, and the quantities they hold computed with ours."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from gansformer_tf.convert import from_pytorch, w_from_pytorch
from gansformer_tf.convert.pytorch_names import TorchNames, names_of
from tests.models.golden import CANCELLED, read_arrays

# A folder with the complete files (one plain .npz and .json per network) can be checked in place of ours.
COMPLETE = os.environ.get("GANSFORMER_TF_GOLDEN_PYTORCH")
FOLDER = Path(COMPLETE) if COMPLETE else Path(__file__).parents[1] / "golden" / "pytorch"


def _complete_index() -> dict[str, dict[str, Any]]:
    paths = sorted(path for start in ("sg2_G_", "sg2_D_", "ganf_") for path in FOLDER.glob(f"{start}*.json"))
    return {path.stem: json.loads(path.read_text()) for path in paths}


INDEX = _complete_index() if COMPLETE else json.loads((FOLDER / "index.json").read_text())


class TorchGolden:
    """One network of theirs and ours made from it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.family = "stylegan2" if name.startswith("sg2") else "ganformer"
        self.network = "generator" if "_G_" in name else "discriminator"
        self.kwargs: dict[str, Any] = INDEX[name]["kwargs"]
        self.arrays = read_arrays(FOLDER / f"{name}.npz")

    def __contains__(self, key: str) -> bool:
        return key in self.arrays

    def __getitem__(self, key: str) -> np.ndarray:
        return self.arrays[key]

    def under(self, prefix: str) -> dict[str, np.ndarray]:
        return {key[len(prefix) :]: value for key, value in self.arrays.items() if key.startswith(prefix)}

    @property
    def state(self) -> dict[str, np.ndarray]:
        """Parameters and buffers by their name."""
        return self.under("param/") | self.under("buffer/")

    def load(self, **changes: Any) -> Any:
        """Our network; `changes` replace arguments of the import."""
        arguments = {"state": self.state, "kwargs": self.kwargs, "family": self.family, "network": self.network}
        return from_pytorch(**(arguments | changes))

    def names(self, model: Any) -> TorchNames:
        return names_of(model, self.family, self.network)

    @property
    def labels(self) -> tf.Tensor | None:
        return tf.constant(self["in/c"]) if self["in/c"].shape[1] else None

    @property
    def z(self) -> tf.Tensor:
        z = self["in/z"]
        return tf.constant(z if z.ndim == 3 else z[:, None])

    def w(self, key: str) -> np.ndarray:
        """w of a file as ours."""
        return w_from_pytorch(self[key])

    def without_first(self, gradient: Any) -> np.ndarray:
        """Gradient by our w in the shape of theirs; nothing reads the first entry."""
        gradient = np.asarray(gradient)
        assert not gradient[:, :, 0].any()
        return gradient[:, :, 1:] if self.family == "ganformer" else gradient[:, 0, 1:]

    def images(self, key: str) -> tf.Tensor:
        return tf.constant(np.transpose(self[key], (0, 2, 3, 1)))

    def maps(self) -> list[np.ndarray]:
        """Attention maps of the first sample, `[1, heads, h, w, k]` per layer."""
        if "out/att_maps" in self:  # all of them at the size of the image
            stacked = self["out/att_maps"][:1]
            layers = [stacked[:, :, layer] for layer in range(stacked.shape[2])]
        else:
            found = self.under("out/maps/")
            layers = [found[str(layer)] for layer in range(len(found))]
        return [np.transpose(layer, (0, 2, 3, 4, 1)) for layer in layers]

    def path_lengths(self, gradient: tf.Tensor) -> tf.Tensor:
        """Lengths of d(images)/dw: of each sample, or the port's, which mixes the axes up: `[batch, dim]`."""
        squares = tf.square(gradient[:, :, 1:])
        if self.family == "ganformer":
            return tf.sqrt(tf.reduce_mean(tf.reduce_sum(squares, axis=2), axis=1))
        return tf.sqrt(tf.reduce_mean(tf.reduce_sum(squares, axis=3), axis=[1, 2]))


def gradient_pairs(
    names: TorchNames, expected: dict[str, np.ndarray], gradient: Callable[[list[Any]], list[Any]]
) -> dict[str, float]:
    """Relative error per parameter; one that several of our variables share has the sum of their gradients.

    Parameters whose gradient cancels to rounding are compared with a share of the largest one.
    """
    expected = {name: value for name, value in expected.items() if not name.startswith("@")}
    variables = [variable for name in expected for variable in names.entries[name].variables]
    found = dict(zip(map(id, variables), gradient([variable.value for variable in variables]), strict=True))
    largest = max(float(np.linalg.norm(value)) for value in expected.values())
    errors = {}
    for name, value in expected.items():
        entry = names.entries[name]
        parts = [found[id(variable)] for variable in entry.variables]
        ours = sum(np.asarray(part) for part in parts if part is not None)
        norm = max(float(np.linalg.norm(value)), CANCELLED * largest)
        errors[name] = float(np.linalg.norm(ours - entry.layout(value))) / norm
    return errors
