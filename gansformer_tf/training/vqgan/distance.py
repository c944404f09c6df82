"""The perceptual distance of stage 1, by what `--perceptual` says."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from gansformer_tf.config import ConfigError
from gansformer_tf.config.feature_networks import FEATURE_NETWORKS
from gansformer_tf.config.stages import NO_DISTANCE
from gansformer_tf.convert.errors import ForeignFileError
from gansformer_tf.convert.torch_file import read_torch_file
from gansformer_tf.convert.vqgan_names import VGG16_POSITIONS, assign, perceptual_names
from gansformer_tf.features.errors import FeatureError
from gansformer_tf.features.frozen import FrozenFeatures
from gansformer_tf.features.frozen import PerceptualDistance as FeatureDistance
from gansformer_tf.models.vqgan.perceptual import PerceptualDistance
from gansformer_tf.training.vqgan.losses import Distance


def distance_of(text: str) -> Distance | None:
    """The distance that a setting names.

    Args:
        text: Name of a feature network, "none", or paths separated by commas: VGG-16 of torchvision and the five
            published 1x1 convolutions (`vgg.pth`).

    Raises:
        ConfigError: There is no such network, it is not installed, or files are missing or damaged.
    """
    if text == NO_DISTANCE:
        return None
    try:
        if text in FEATURE_NETWORKS:
            return FeatureDistance(FrozenFeatures(text))
        return _vgg(text)
    except (FeatureError, ForeignFileError) as error:
        raise ConfigError(str(error)) from error


def _files(text: str) -> list[Path]:
    paths = [Path(part.strip()).expanduser() for part in text.split(",") if part.strip()]
    missing = [path for path in paths if not path.is_file()]
    if missing or not paths:
        named = ", ".join(FEATURE_NETWORKS)
        raise ConfigError(
            f"perceptual is {text!r}, but there is no file {missing[0] if missing else text}; name one of {named}, "
            "none, or the files of VGG-16 and its heads, separated by a comma."
        )
    return paths


def _vgg(text: str) -> PerceptualDistance:
    arrays: dict[str, np.ndarray] = {}
    for path in _files(text):
        arrays |= read_torch_file(path)
    model = PerceptualDistance()
    try:
        assign(perceptual_names(model), _renamed(arrays))
    except ValueError as error:
        raise ConfigError(
            f"{text} is no VGG-16 with the heads of LPIPS ({str(error).rstrip('.')}); give torchvision's file and "
            "vgg.pth, separated by a comma."
        ) from error
    return model


def _renamed(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Names of torchvision as LPIPS calls them."""
    slices = {position: index for index, row in enumerate(VGG16_POSITIONS, 1) for position in row}
    renamed = {}
    for name, array in arrays.items():
        parts = name.split(".")
        if parts[0] == "features" and parts[1].isdecimal() and int(parts[1]) in slices:
            name = f"net.slice{slices[int(parts[1])]}.{parts[1]}.{parts[2]}"
        renamed[name] = array
    return renamed
