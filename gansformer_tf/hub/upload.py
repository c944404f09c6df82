"""Publishing a model on the hub."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from gansformer_tf.config import DataConfig, RunConfig
from gansformer_tf.hub.card import model_card
from gansformer_tf.hub.names import CARD, CONFIG, SAMPLES, WEIGHTS, endpoint, library, parse, told_in_one_line
from gansformer_tf.models.snapshot import Snapshot, save_snapshot

SAMPLE_COUNT = 16
_MAX_SIDE = 2048


def push(
    snapshot: Snapshot,
    images: np.ndarray,
    name: str,
    *,
    metrics: Sequence[Mapping[str, Any]] = (),
    license: str | None = None,
    training_data: str = "",
    private: bool = False,
) -> str:
    """Writes weights, configuration, samples and model card as one commit; makes the repository if there is none.

    Of the run's configuration, the folder of the data set stays at home.

    Args:
        snapshot: The networks.
        images: Samples for the card, uint8 `[count, height, width, channels]`.
        name: "user/name", with "@branch" for another branch than the main one.
        metrics, license, training_data: For the card, see `model_card`.
        private: Whether a repository that is made now can only be seen by its owner.

    Returns:
        The address of the commit.

    Raises:
        HubError: A name that is none, nobody logged in, no right to write, or no connection.
    """
    target = parse(name)
    hub = library()
    config = _public(snapshot.config)
    card = model_card(target.repo, config, snapshot.metadata, metrics, license, training_data)
    with tempfile.TemporaryDirectory(prefix="gansformer-tf-") as place, told_in_one_line(target, "be written"):
        folder = Path(place)
        save_snapshot(
            folder / WEIGHTS,
            generator=snapshot.generator,
            discriminator=snapshot.discriminator,
            config=config,
            metadata=snapshot.metadata,
        )
        (folder / CONFIG).write_text(config.to_json() + "\n", encoding="utf-8")
        (folder / CARD).write_text(card, encoding="utf-8")
        Image.fromarray(_sheet(images)).save(folder / SAMPLES)
        api = hub.HfApi(endpoint=endpoint())
        api.create_repo(target.repo, private=private, exist_ok=True)
        if target.revision:
            api.create_branch(target.repo, branch=target.revision, exist_ok=True)
        additions = [
            hub.CommitOperationAdd(path_in_repo=file.name, path_or_fileobj=file) for file in sorted(folder.iterdir())
        ]
        done = api.create_commit(
            target.repo, additions, commit_message="Model of gansformer-tf", revision=target.revision
        )
    return str(done.commit_url)


def _public(config: RunConfig) -> RunConfig:
    return dataclasses.replace(config, data=dataclasses.replace(config.data, data_dir=DataConfig.data_dir))


def _sheet(images: np.ndarray) -> np.ndarray:
    """Images side by side in a square, as many as make no more than 2048 pixels a side."""
    count, height, width, channels = images.shape
    columns = max(1, min(int(count**0.5), _MAX_SIDE // max(height, width)))
    rows = images[: columns**2].reshape(columns, columns, height, width, channels)
    return rows.swapaxes(1, 2).reshape(columns * height, columns * width, channels).squeeze()
