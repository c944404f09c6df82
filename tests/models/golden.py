"""Reads golden files of the original networks and evaluates the quantities they hold with ours."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import keras
import numpy as np

from gansformer_tf.convert.original import why_unused
from gansformer_tf.convert.original_names import NameMap

# A folder with the complete arrays (one plain .npz and .json per configuration) can be checked in place of ours.
COMPLETE = os.environ.get("GANSFORMER_TF_GOLDEN")
FOLDER = Path(COMPLETE) if COMPLETE else Path(__file__).parents[1] / "golden" / "networks"


def _complete_index() -> dict[str, dict[str, Any]]:
    index = {}
    for path in sorted(FOLDER.glob("*.json")):
        values = json.loads(path.read_text())
        if values.get("level"):
            index[path.stem] = values
    return index


INDEX: dict[str, dict[str, Any]] = _complete_index() if COMPLETE else json.loads((FOLDER / "index.json").read_text())


# Gradients below this share of the largest one are compared with that share.
CANCELLED = 1e-2


class Golden:
    """Arrays of one configuration."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.info = INDEX[name]
        self.arrays = read_arrays(FOLDER / f"{name}.npz")

    def __contains__(self, key: str) -> bool:
        return key in self.arrays

    def __getitem__(self, key: str) -> np.ndarray:
        return self.arrays[key]

    def variables(self, network: str) -> dict[str, np.ndarray]:
        prefix = f"{network}/"
        return {key[2:]: value for key, value in self.arrays.items() if key.startswith(prefix)}

    def under(self, prefix: str) -> dict[str, np.ndarray]:
        return {key[len(prefix) :]: value for key, value in self.arrays.items() if key.startswith(prefix)}

    def images(self, key: str) -> Any:
        return keras.ops.convert_to_tensor(np.transpose(self.arrays[key], (0, 2, 3, 1)))

    def tensor(self, key: str) -> Any:
        """An array as a tensor of the backend; None if there is none."""
        return keras.ops.convert_to_tensor(self.arrays[key]) if key in self.arrays else None

    def labels(self, key: str) -> Any:
        return self.tensor(key)

    def maps(self) -> list[np.ndarray]:
        """Attention maps of the first sample, one `[1, k, heads, h, w]` per layer."""
        if "out/maps" in self:
            stacked = self["out/maps"]
            return [stacked[:1, :, layer] for layer in range(stacked.shape[2])]
        found = self.under("out/maps/")
        return [found[str(layer)] for layer in range(len(found))]


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Arrays of a file by name, packed (`values` and `shapes`) or one by one."""
    with np.load(path) as archive:
        if "shapes" not in archive:
            return {key: archive[key] for key in archive.files}
        return _unpack(archive["values"], json.loads(archive["shapes"].tobytes()))


def _unpack(values: np.ndarray, shapes: dict[str, list[int]]) -> dict[str, np.ndarray]:
    arrays, start = {}, 0
    for key, shape in shapes.items():
        size = int(np.prod(shape))
        arrays[key] = values[start : start + size].reshape(shape)
        start += size
    return arrays


def nchw(images: Any) -> np.ndarray:
    return np.transpose(np.asarray(images), (0, 3, 1, 2))


def forward_error(ours: Any, golden: np.ndarray) -> float:
    """Largest difference over the standard deviation of the golden array."""
    scale = float(golden.std()) if golden.size > 1 else float(np.abs(golden).max())
    return float(np.abs(np.asarray(ours) - golden).max()) / max(scale, 1e-12)


# Some of these random networks amplify rounding: a relative change of w by ULP, its last bit, moves their results by
# more than 1e-4. Two float32 implementations, or processors, then agree within a few such movements and no better.
# How large one is depends on the draw, by a factor of five: the largest of four counts.
ULP = 1e-7
MOVEMENTS = 15
DRAWS = range(4)


def nudge(shape, draw: int) -> np.ndarray:
    """Factors that change the last bits of w."""
    return 1.0 + ULP * np.random.default_rng(draw).standard_normal(tuple(shape)).astype(np.float32)


def gradient_error(ours: Any, golden: np.ndarray) -> float:
    """Norm of the difference over the norm of the golden array."""
    return float(np.linalg.norm(np.asarray(ours) - golden)) / max(float(np.linalg.norm(golden)), 1e-12)


def gradient_errors(names: NameMap, gradients: dict[int, Any], golden: dict[str, np.ndarray]) -> dict[str, float]:
    """Relative error per original variable; a variable without gradient counts as zero gradient."""
    errors = {}
    largest = max((float(np.linalg.norm(value)) for value in golden.values()), default=0.0)
    for name, expected in golden.items():
        if name not in names.entries:
            assert why_unused(name), f"{name} has a gradient in the original and no variable in ours"
            continue
        variable, layout = names.entries[name]
        found = gradients.get(id(variable))
        found = np.zeros(variable.shape, np.float32) if found is None else np.asarray(found)
        expected = layout(expected)
        # what is left of a gradient that cancels (a bias common to all keys of a softmax) is rounding: it is compared
        # with the scale of the others
        norm = max(float(np.linalg.norm(expected)), CANCELLED * largest, 1e-12)
        errors[name] = float(np.linalg.norm(found - expected)) / norm
    return errors
