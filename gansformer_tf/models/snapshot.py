"""Snapshots: one `.safetensors` file with weights and the configuration, nothing executable."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

import gansformer_tf
from gansformer_tf import pretrained
from gansformer_tf.config import ConfigError, ModelConfig, RunConfig
from gansformer_tf.files import replacing
from gansformer_tf.models.base import Generator
from gansformer_tf.models.families import build_discriminator, build_generator

FORMAT = "gansformer-tf"
FORMAT_VERSION = "1"
SNAPSHOT_PATTERN = re.compile(r"network-snapshot-(\d+(?:\.\d{3})?)\.safetensors$")
_KIMG = re.compile(r"-(\d+(?:\.\d{3})?)\.\w+$")
_SYSTEM_ERROR = re.compile(r"\(os error (\d+)\)")


class SnapshotError(ValueError):
    """A snapshot that cannot be used; the message names the file, the reason and the remedy."""


@dataclass(frozen=True)
class Snapshot:
    """Networks read from a file.

    Attributes:
        generator: The generator (its moving average, if a trainer wrote it).
        discriminator: The discriminator, or None.
        config: The configuration of the run that wrote it.
        metadata: Further text the writer stored, such as "kimg".
    """

    generator: Generator
    discriminator: Any
    config: RunConfig
    metadata: Mapping[str, str] = field(default_factory=dict)


def kimg_text(kimg: float) -> str:
    """How far training is, in file names: "000012" where kimg is whole, else "000012.048", to the image."""
    whole, images = divmod(round(kimg * 1000), 1000)
    return f"{whole:06d}.{images:03d}" if images else f"{whole:06d}"


def kimg_of(path: Path) -> float:
    """The kimg at the end of a file's name; names sort by it, not as text."""
    match = _KIMG.search(path.name)
    return float(match.group(1)) if match else 0.0


def weight_name(variable: Any) -> str:
    """Name of a variable without the name of its model, for example "mapping/components/dense3/kernel"."""
    return variable.path.split("/", 1)[1]


def network_weights(network: Any) -> dict[str, np.ndarray]:
    """All weights of a network by name, trainable or not."""
    return {weight_name(variable): np.asarray(variable) for variable in network.weights}


def assign_weights(network: Any, weights: Mapping[str, np.ndarray], source: str) -> None:
    """Sets every weight of a network.

    Raises:
        SnapshotError: A weight is missing, left over or of another shape.
    """
    variables = {weight_name(variable): variable for variable in network.weights}
    missing, unknown = sorted(set(variables) - set(weights)), sorted(set(weights) - set(variables))
    if missing or unknown:
        what = f"has no weight {missing[0]!r}" if missing else f"has an unknown weight {unknown[0]!r}"
        raise SnapshotError(f"{source} {what} of the {network.name}; it belongs to another architecture or version.")
    for name, variable in variables.items():
        if tuple(weights[name].shape) != tuple(variable.shape):
            raise SnapshotError(
                f"{source}: weight {name!r} of the {network.name} has shape {tuple(weights[name].shape)}, "
                f"the configuration asks for {tuple(variable.shape)}."
            )
    for name, variable in variables.items():
        variable.assign(weights[name])


def save_snapshot(
    path: str | Path,
    *,
    generator: Generator,
    discriminator: Any = None,
    config: RunConfig | None = None,
    metadata: Mapping[str, str] | None = None,
) -> Path:
    """Writes a snapshot under a temporary name and renames it when it is complete.

    Args:
        path: File to write, usually `network-snapshot-<kimg>.safetensors`.
        generator: Network whose weights are stored.
        discriminator: Stored too if given.
        config: Configuration of the run; without one, the networks' own configurations are stored.
        metadata: Further text to store.

    Returns:
        The path.

    Raises:
        OSError: It could not be written.

    Example:

    >>> generator = gf.load("scenes").generator
    >>> gf.models.save_snapshot("scenes-generator.safetensors", generator=generator).name
    'scenes-generator.safetensors'
    """
    path = Path(path)
    if config is None:
        if discriminator is None:
            config = RunConfig(model=_model_config_for(generator))
        else:
            config = RunConfig(model=ModelConfig(generator.config, discriminator.config))
    tensors = {f"generator/{name}": value for name, value in network_weights(generator).items()}
    if discriminator is not None:
        tensors |= {f"discriminator/{name}": value for name, value in network_weights(discriminator).items()}
    header = {
        **(metadata or {}),
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "package_version": gansformer_tf.__version__,
        "config": config.to_json(),
    }
    with replacing(path) as temporary:
        try:
            arrays = {name: np.asarray(value, order="C") for name, value in tensors.items()}
            save_file(arrays, temporary, metadata=header)
        except SafetensorError as error:
            raise _os_error(error, path) from error
    return path


def _os_error(error: SafetensorError, path: Path) -> OSError:
    """What the system said to the writer, which has it only in its text."""
    match = _SYSTEM_ERROR.search(str(error))
    number = int(match.group(1)) if match else errno.EIO
    return OSError(number, os.strerror(number) if match else str(error), str(path))


def _model_config_for(generator: Generator) -> ModelConfig:
    config = generator.config
    geometry = {
        name: getattr(config, name)
        for name in ("resolution", "base_height", "base_width", "image_channels", "label_dim")
    }
    default = ModelConfig().with_images(**geometry)
    return ModelConfig(generator=config, discriminator=default.discriminator)


def find_snapshot(path: str | Path) -> Path:
    """The snapshot meant by `path`: the file itself, or the newest one of a run folder.

    Raises:
        SnapshotError: There is none.
    """
    path = Path(path)
    if path.is_dir():
        found = sorted(
            (float(match.group(1)), entry) for entry in path.iterdir() if (match := SNAPSHOT_PATTERN.search(entry.name))
        )
        if not found:
            raise SnapshotError(
                f"{path} holds no network-snapshot-*.safetensors; train longer, or name another run folder or file."
            )
        return found[-1][1]
    if not path.exists():
        raise SnapshotError(
            f"no snapshot or run folder at {path}; check the path (runs are kept under results/), "
            f"or name a model that ships: {', '.join(pretrained.names())}."
        )
    return path


def read_snapshot(path: str | Path) -> tuple[RunConfig, dict[str, np.ndarray], dict[str, str]]:
    """(configuration, weights by name, metadata) of a snapshot file, without building networks.

    Raises:
        SnapshotError: The file is no snapshot of this package, is damaged, or its configuration is invalid.
    """
    path = Path(path)
    try:
        with safe_open(path, framework="np") as handle:
            metadata = dict(handle.metadata() or {})
            if metadata.get("format") != FORMAT:
                raise SnapshotError(f"{path} is a safetensors file of something else; it has no {FORMAT} header.")
            tensors = {name: handle.get_tensor(name) for name in handle.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise SnapshotError(
            f"{path} is no readable snapshot ({error}); use a complete network-snapshot-*.safetensors file."
        ) from error
    if metadata.get("format_version") != FORMAT_VERSION:
        raise SnapshotError(
            f"{path} has format version {metadata.get('format_version')}; "
            f"this package reads {FORMAT_VERSION}. Update it."
        )
    try:
        config = RunConfig.from_json(metadata.get("config", ""), source=str(path))
    except ConfigError as error:
        raise SnapshotError(f"{path}: {error}") from error
    return config, tensors, metadata


def load_snapshot(path: str | Path) -> Snapshot:
    """Builds the networks of a snapshot file or of the newest one in a run folder.

    Raises:
        SnapshotError: There is no such file or none in the folder; it is damaged, of something else or of another
            version; its weights do not fit its configuration.

    Example:

    >>> file = gf.load("scenes").save("copy.safetensors")
    >>> snapshot = gf.models.load_snapshot(file)
    >>> snapshot.generator.config.resolution, snapshot.discriminator.config.resolution
    (64, 64)
    """
    path = find_snapshot(path)
    config, tensors, metadata = read_snapshot(path)
    parts: dict[str, dict[str, np.ndarray]] = {"generator": {}, "discriminator": {}}
    for name, value in tensors.items():
        network, _, weight = name.partition("/")
        if network not in parts:
            raise SnapshotError(f"{path} has an unknown weight {name!r}; it belongs to another version.")
        parts[network][weight] = value
    generator = build_generator(config.model.generator)
    assign_weights(generator, parts["generator"], str(path))
    discriminator = None
    if parts["discriminator"]:
        discriminator = build_discriminator(config.model.discriminator)
        assign_weights(discriminator, parts["discriminator"], str(path))
    return Snapshot(generator, discriminator, config, metadata)
