"""State of a preparation under way, so that it can be killed at any moment and continued.

Inside the data set's folder, `.preparation/` holds the plan (settings and source), the shards being written, and one
small file per finished shard. A shard counts as finished when its file stands under its final name and its state
was written; the state is written first, so a final name is never a half-written shard and never lacks its state.
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

from gansformer_tf.data.manifest import BAD_IMAGES, MANIFEST, DatasetError, Shard, read_manifest
from gansformer_tf.files import take_lock, write_atomically

FOLDER = ".preparation"


@dataclass(frozen=True)
class ShardState:
    """A finished shard: the file, the length of every record, the images that gave none, what was changed in others."""

    shard: Shard
    lengths: list[int]
    bad: list[tuple[str, str]]
    converted: dict[str, int]


@dataclass(frozen=True)
class ShardStore:
    """The shards of one data set, finished and under way. May travel to other processes and machines."""

    folder: Path

    @property
    def state(self) -> Path:
        return self.folder / FOLDER

    def finished(self, index: int, file: str) -> ShardState | None:
        """The state of a shard, or None if it has to be written."""
        path = self.state / f"shard-{index:05d}.json"
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
            bad = [tuple(row) for row in values["bad"]]
            state = ShardState(Shard(**values["shard"]), values["lengths"], bad, values["converted"])
            if (self.folder / file).stat().st_size != state.shard.num_bytes:
                return None
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return state

    def temporary(self, index: int) -> Path:
        """Where a shard is written until it is complete."""
        return self.state / f"shard-{index:05d}.tmp"

    def finish(self, index: int, state: ShardState) -> None:
        """Gives a completely written shard its final name."""
        write_atomically(self.state / f"shard-{index:05d}.json", json.dumps(asdict(state)).encode())
        os.replace(self.temporary(index), self.folder / state.shard.file)


class Preparation:
    """Claims the folder of a data set for one plan and one process.

    Args:
        folder: The data set's folder; made if it is missing.
        plan: Settings and source, as JSON-ready values.

    Raises:
        DatasetError: The folder holds something else, was begun with another plan, or is being prepared right now.
    """

    def __init__(self, folder: Path, plan: dict[str, Any]) -> None:
        self.folder, self.store = folder, ShardStore(folder)
        state = self.store.state
        if folder.is_dir() and not state.is_dir() and any(entry.name != BAD_IMAGES for entry in folder.iterdir()):
            raise DatasetError(
                f"the folder {folder} exists and holds other files; choose another --task name or --data-dir."
            )
        state.mkdir(parents=True, exist_ok=True)
        self._lock = _take_lock(state / "lock", folder)
        for unfinished in folder.glob(".*.tmp*"):  # of a process that was killed while it wrote one of the last files
            unfinished.unlink()
        path = state / "plan.json"
        plan = json.loads(json.dumps(plan))
        if path.exists():
            begun = json.loads(path.read_text(encoding="utf-8"))
            if begun != plan and any(state.glob("shard-*.json")):
                self.release()
                raise DatasetError(
                    f"{folder} was begun with other settings ({differences(begun, plan)}); run that command again, "
                    "choose another name, or delete the folder to start over."
                )
        write_atomically(path, json.dumps(plan, indent=2).encode())

    def remove(self) -> None:
        """Deletes the state, once the manifest is there."""
        shutil.rmtree(self.store.state)
        self.release()

    def discard(self) -> None:
        """Deletes everything but the table of bad images."""
        for entry in self.folder.iterdir():
            if entry.is_file() and entry.name != BAD_IMAGES:
                entry.unlink()
        self.remove()

    def release(self) -> None:
        self._lock.close()


def _take_lock(path: Path, folder: Path) -> BinaryIO:
    lock = path.open("ab")
    if not take_lock(lock):
        lock.close()
        raise DatasetError(f"another process is preparing {folder} right now; wait for it, or choose another name.")
    return lock


def already_complete(folder: Path, plan: dict[str, Any]) -> bool:
    """Whether the data set is there with these settings.

    Raises:
        DatasetError: It is there with other settings.
    """
    if not (folder / MANIFEST).exists():
        return False
    manifest = read_manifest(folder)
    plan, made = json.loads(json.dumps(plan)), {"settings": manifest.settings, "source": manifest.source}
    if made != plan:
        raise DatasetError(
            f"{folder} exists with other settings ({differences(made, plan)}); choose another name or --data-dir, or "
            "delete the folder first. Nothing was changed."
        )
    shutil.rmtree(folder / FOLDER, ignore_errors=True)  # left behind when it was killed in its very last step
    return True


def differences(old: dict[str, Any], new: dict[str, Any]) -> str:
    """What differs between two plans, in words."""
    changes = []
    for part in ("settings", "source"):
        before, after = old.get(part, {}), new.get(part, {})
        for key in sorted({*before, *after}):
            if before.get(key) != after.get(key) and key != "identity":
                changes.append(f"{key} {_show(before.get(key))} there, {_show(after.get(key))} now")
    return "; ".join(changes) or "the images or labels of the source changed"


def _show(value: Any) -> str:
    return "unset" if value is None else str(value)
