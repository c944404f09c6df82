"""`manifest.json`: what a data set holds and how it was made. Written last: without it the data set is incomplete."""

from __future__ import annotations

import dataclasses
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gansformer_tf.config.base import to_dict
from gansformer_tf.config.data import PrepareConfig

MANIFEST = "manifest.json"
LENGTHS = "record_lengths.npy"
BAD_IMAGES = "bad_images.csv"
FORMAT_VERSION = 1


class DatasetError(ValueError):
    """A data set on disk that cannot be used: the value, the rule and the remedy."""


@dataclass(frozen=True)
class Shard:
    """One file of records."""

    file: str
    num_images: int
    num_bytes: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """Content of `manifest.json`.

    `converted` counts images by what was changed in them beyond their size, `left_out` files of the source by
    extension; manifests of before lack both.
    """

    name: str
    num_images: int
    num_skipped: int
    height: int
    width: int
    channels: int
    encoding: str
    quality: int | None
    resize_filter: str
    fit: str
    label_dim: int
    class_names: tuple[str, ...] | None
    source: dict[str, Any]
    settings: dict[str, Any]
    shards: tuple[Shard, ...]
    converted: dict[str, int] = field(default_factory=dict)
    left_out: dict[str, int] = field(default_factory=dict)
    format_version: int = FORMAT_VERSION

    def to_json(self) -> str:
        return json.dumps(dataclasses.asdict(self), indent=2) + "\n"


def settings_of(config: PrepareConfig) -> dict[str, Any]:
    """The settings that decide the content, as they stand in the manifest."""
    return to_dict(config)


def read_manifest(folder: str | os.PathLike[str]) -> Manifest:
    """Reads the manifest of a complete data set.

    Raises:
        DatasetError: There is none, or it is damaged.
    """
    path = Path(folder) / MANIFEST
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        if values["format_version"] > FORMAT_VERSION:
            raise DatasetError(f"{path} has format {values['format_version']}; update this package to read it.")
        shards = tuple(Shard(**shard) for shard in values.pop("shards"))
        names = values.pop("class_names")
        return Manifest(**values, class_names=tuple(names) if names is not None else None, shards=shards)
    except FileNotFoundError:
        raise DatasetError(
            f"{folder} is not a complete data set (no {MANIFEST}); run the same prepare_data.py command again."
        ) from None
    except (KeyError, TypeError, AttributeError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise DatasetError(f"{path} is damaged ({error}); prepare the data set again.") from error
