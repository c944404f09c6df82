"""What a user may name where a model is asked for; see `gansformer_tf.api.sources`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from gansformer_tf import pretrained
from gansformer_tf.cli.common import UsageError

if TYPE_CHECKING:
    from gansformer_tf.api.sources import ModelFile

MODEL_HELP = (
    "a run folder (its newest snapshot), a snapshot file, an original .pkl file, a model that ships with the package "
    f"({', '.join(pretrained.names())}), gdrive:NAME, or hf://user/name"
)


def model_file(named: str | Path) -> ModelFile:
    """The snapshot that a user means.

    Raises:
        UsageError: There is none, or it cannot be had or imported.
    """
    from gansformer_tf.api import sources
    from gansformer_tf.models.snapshot import SnapshotError

    try:
        return sources.model_file(named, say=lambda line: print(line, flush=True))
    except SnapshotError as error:
        raise UsageError(str(error)) from error
