"""What a user may name where a model is asked for, and the snapshot that is meant."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gansformer_tf import pretrained
from gansformer_tf.bars import Bar
from gansformer_tf.convert import catalog
from gansformer_tf.convert.errors import ForeignFileError
from gansformer_tf.convert.foreign import CHECKPOINT, SAFETENSORS, kind_of
from gansformer_tf.data.download.cache import cache_folder
from gansformer_tf.hub import names as hub
from gansformer_tf.models.snapshot import SnapshotError, find_snapshot

# What belongs beside a model of the hub: nothing is written into the cache that the library keeps.
_HUB_RESULTS = "hub"
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


def model_file(named: str | Path, say: Callable[[str], None] = print) -> ModelFile:
    """The snapshot that a user means.

    Args:
        named: A run folder (its newest snapshot), a `.safetensors` file, a `.pkl` or `.ckpt` file of another code
            base, which is imported once and kept in the cache, the name of a model that ships with the package
            (`gansformer_tf.pretrained.names`), `gdrive:NAME` for a published one, which is downloaded before, or
            `hf://user/name` with or without `@revision` for one on the hub.
        say: Called with a line when something was imported.

    Raises:
        SnapshotError: There is none, or it cannot be had or imported.
    """
    try:
        shipped = pretrained.shipped_snapshot(named)
        if shipped is not None:
            return ModelFile(shipped, Path("results") / shipped.stem, shipped.stem)
        if str(named).startswith(hub.PREFIX):
            return _on_hub(str(named))
        if str(named).startswith(catalog.PREFIX):
            with Bar(str(named), "B") as bar:
                path = catalog.published_snapshot(str(named), bar)
        else:
            path = _newest_pickle(Path(named)) or find_snapshot(named)
        if path.suffix != CHECKPOINT and kind_of(path) == SAFETENSORS:
            return ModelFile(path, path.parent, f"{path.parent.name}, {path.stem}")
        return ModelFile(_imported(path, say), path.parent, path.stem)
    except (ForeignFileError, hub.HubError) as error:
        raise SnapshotError(str(error)) from error


def _on_hub(named: str) -> ModelFile:
    from gansformer_tf.hub.download import hub_snapshot

    path = hub_snapshot(named)
    if kind_of(path) != SAFETENSORS:
        raise hub.HubError(f"{named} holds a pickle under the name {path.name}, which could run anything; not loaded.")
    name = hub.parse(named)
    folder = cache_folder() / _HUB_RESULTS / str(name).removeprefix(hub.PREFIX).replace("/", "--")
    return ModelFile(path, folder, str(name))


def _newest_pickle(folder: Path) -> Path | None:
    """The newest snapshot in a run folder of the original code; None where it is none, or has snapshots of ours."""
    if not folder.is_dir() or any(folder.glob("network-snapshot-*.safetensors")):
        return None
    found = [(int(match.group(1)), entry) for entry in folder.iterdir() if (match := _PICKLED.search(entry.name))]
    return max(found)[1] if found else None


def _imported(path: Path, say: Callable[[str], None]) -> Path:
    import keras

    from gansformer_tf.convert.cache import imported_snapshot

    with keras.device("cpu:0"):  # the networks are only built to be written
        return imported_snapshot(path, say=say)
