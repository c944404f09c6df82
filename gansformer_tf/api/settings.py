"""Which settings of training `fit` has, and what they are for a batch."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from gansformer_tf.config import ConfigError, TrainConfig

# Of a run's folder and the lines it prints; fit leaves these to Keras's callbacks.
_OF_RUNS = {
    "tick_kimg",
    "checkpoint_ticks",
    "snapshot_ticks",
    "keep_checkpoints",
    "keep_snapshots",
    "keep_samples",
    "sample_columns",
    "sample_rows",
    "summarize",
    "wandb_project",
}
# What the networks are built with.
_OF_NETWORKS = {"seed", "precision"}


def check_settings(values: Mapping[str, Any]) -> None:
    """Raises `ConfigError` unless all of them are settings that `compile` may change."""
    known = {field.name for field in dataclasses.fields(TrainConfig)}
    for key in values:
        if key in _OF_RUNS:
            raise ConfigError(f"{key} is a setting of run folders, which fit has none of; use a Keras callback.")
        if key in _OF_NETWORKS:
            raise ConfigError(f"{key} belongs to the networks; give it to from_preset or the constructor.")
        if key not in known:
            raise ConfigError(f"{key} is no setting of training; known: {', '.join(sorted(known - _OF_RUNS))}.")


def with_batch_size(settings: TrainConfig, size: int, replicas: int) -> TrainConfig:
    """The settings for another batch, of which each device holds as many images at once as it is allowed to.

    Raises:
        ConfigError: The devices would have different shares.
    """
    if size % replicas:
        raise ConfigError(f"the batches have {size} images for {replicas} devices; use a multiple of {replicas}.")
    share = size // replicas
    limit = min(share, settings.batch_size_per_replica)
    at_once = max(part for part in range(1, limit + 1) if share % part == 0)
    return dataclasses.replace(settings, batch_size=size, batch_size_per_replica=at_once)
