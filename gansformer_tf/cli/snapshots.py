"""What a user may name where a model is asked for, and the snapshot that is meant."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from gansformer_tf.cli.common import UsageError

MODEL_HELP = "a run folder (its newest snapshot), a snapshot file, an original .pkl file, or gdrive:NAME"
_PICKLED = re.compile(r"network-snapshot-(\d+)\.pkl$")


@dataclass(frozen=True)
class ModelFile:
    """A snapshot of ours.

    Attributes:
        path: The file.
        folder: Where results that belong beside the model are written.
        title: What people call it.
    """

    path: Path
    folder: Path
    title: str


def model_file(named: str | Path) -> ModelFile:
    """The snapshot that a user means.

    Args:
        named: A run folder (its newest snapshot), a `.safetensors` file, a `.pkl` file of another code base, which is
            imported once and kept in the cache, or `gdrive:NAME` for a published one, which is downloaded before.

    Raises:
        UsageError: There is none, or it cannot be had or imported.
    """
    from gansformer_tf.bars import Bar
    from gansformer_tf.convert.catalog import PREFIX, published_snapshot
    from gansformer_tf.convert.errors import ForeignFileError
    from gansformer_tf.convert.foreign import SAFETENSORS, kind_of
    from gansformer_tf.models.snapshot import SnapshotError, find_snapshot

    try:
        if str(named).startswith(PREFIX):
            with Bar(str(named), "B") as bar:
                path = published_snapshot(str(named), bar)
        else:
            path = _newest_pickle(Path(named)) or find_snapshot(named)
        if kind_of(path) == SAFETENSORS:
            return ModelFile(path, path.parent, f"{path.parent.name}, {path.stem}")
        return ModelFile(_imported(path), path.parent, path.stem)
    except (SnapshotError, ForeignFileError) as error:
        raise UsageError(str(error)) from error


def _newest_pickle(folder: Path) -> Path | None:
    """The newest snapshot in a run folder of the original code; None where it is none, or has snapshots of ours."""
    if not folder.is_dir() or any(folder.glob("network-snapshot-*.safetensors")):
        return None
    found = [(int(match.group(1)), entry) for entry in folder.iterdir() if (match := _PICKLED.search(entry.name))]
    return max(found)[1] if found else None


def _imported(path: Path) -> Path:
    import tensorflow as tf

    from gansformer_tf.convert.cache import imported_snapshot

    with tf.device("CPU:0"):  # the networks are only built to be written
        return imported_snapshot(path, say=lambda line: print(line, flush=True))
