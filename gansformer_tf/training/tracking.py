"""Weights & Biases: the same numbers and images, sent to a tracking server (extra `[wandb]`)."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from gansformer_tf.config import RunConfig
from gansformer_tf.training.errors import TrainingError


def import_wandb() -> Any:
    """The package `wandb`.

    Raises:
        TrainingError: It is missing.
    """
    try:
        import wandb
    except ImportError as error:
        raise TrainingError(
            "--wandb needs the wandb package: pip install 'gansformer-tf[wandb]', or leave the flag out (--wandb none, "
            "if the run reported before)."
        ) from error
    return wandb


class WandbRun:
    """One run at Weights & Biases; a resumed run goes on in the same one.

    Args:
        project: Name of the project there.
        folder: The run folder; its name and place identify the run.
        config: The resolved configuration, stored with the run.

    Raises:
        TrainingError: The package is missing, or the server refuses.
    """

    def __init__(self, project: str, folder: Path, config: RunConfig) -> None:
        self._wandb = wandb = import_wandb()
        try:
            self._run = wandb.init(
                project=project,
                name=folder.name,
                id=self._identity(folder),
                dir=str(folder),
                config=dataclasses.asdict(config),
                resume="allow",
            )
        except wandb.Error as error:
            raise TrainingError(
                f"Weights & Biases refuses the run: {str(error).splitlines()[0]} Log in (wandb login), or set "
                "WANDB_MODE=offline to keep the records on this machine."
            ) from error

    @staticmethod
    def _identity(folder: Path) -> str:
        """The identity of the run there, kept in the run folder: names repeat, runs do not."""
        path = folder / "wandb-id.txt"
        if not path.exists():
            import uuid

            path.write_text(uuid.uuid4().hex[:16], encoding="utf-8")
        return path.read_text(encoding="utf-8").strip()

    def write(self, record: Mapping[str, Any]) -> None:
        """Sends one record; `record["step"]` is the x axis."""
        values = {name: value for name, value in record.items() if isinstance(value, int | float)}
        self._run.log(values, step=int(record["step"]))

    def images(self, name: str, images: np.ndarray, step: int) -> None:
        """Sends images uint8 `[count, height, width, channels]`."""
        self._run.log({name: [self._wandb.Image(image) for image in images]}, step=step)

    def close(self) -> None:
        self._run.finish()
