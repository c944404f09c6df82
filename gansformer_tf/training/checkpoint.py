"""Training state on disk: written completely or not at all, and found again after any crash."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf

from gansformer_tf.files import without_pattern
from gansformer_tf.training.errors import TrainingError
from gansformer_tf.training.run_dir import CHECKPOINT_PREFIX as PREFIX

MARKER = "complete.json"
_DATA = "state"
# How tf.train.Checkpoint calls what it writes.
_GRAPH_KEY = "_CHECKPOINTABLE_OBJECT_GRAPH"
_VALUE_KEY = ".ATTRIBUTES/VARIABLE_VALUE"
# Room for the index and the file system's own bookkeeping.
_SPARE_BYTES = 1 << 20


class CheckpointStore:
    """Checkpoints `step-<number>/` below one folder.

    A checkpoint is written into a hidden folder next to its place. When all data is on disk a marker with the file
    sizes is written, and only then the folder gets its name. So a folder with the name is complete, unless the disk
    damaged it later; damage is noticed by the sizes and by the checksums of the tensors, and the checkpoint before it
    is used.

    Args:
        folder: Where the checkpoints are.
        keep: How many are kept; at least 2 leaves one to fall back to.
        report: Called with one line when something is worth saying.

    Attributes:
        notes: JSON-ready values by name that every checkpoint written from now on keeps beside its metadata.
        restored_notes: Those of the checkpoint that was restored.
    """

    def __init__(self, folder: str | Path, keep: int = 2, report: Callable[[str], None] = print) -> None:
        self.folder = Path(folder)
        self.keep = keep
        self.report = report
        self.notes: dict[str, Any] = {}
        self.restored_notes: dict[str, Any] = {}

    def steps(self) -> list[int]:
        """Steps of the checkpoints on disk, ascending."""
        names = (path.name for path in self.folder.glob(f"{PREFIX}*") if path.is_dir())
        return sorted(int(name.removeprefix(PREFIX)) for name in names if name.removeprefix(PREFIX).isdigit())

    def save(self, step: int, variables: Mapping[str, tf.Variable], metadata: Mapping[str, Any]) -> Path:
        """Writes one checkpoint and removes the oldest ones.

        Args:
            step: Its number.
            variables: Everything to keep, by name.
            metadata: JSON-ready values to keep beside them.

        Returns:
            Its folder.

        Raises:
            TrainingError: It could not be written. The checkpoints that were there are untouched.
        """
        final = self._path(step)
        temporary = self.folder / f".{final.name}.tmp"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._require_space(variables)
            shutil.rmtree(temporary, ignore_errors=True)
            temporary.mkdir()
            with without_pattern(temporary) as place:
                tf.train.Checkpoint(**_trackable(variables)).write(str(place / _DATA))
            sizes = {path.name: path.stat().st_size for path in sorted(temporary.iterdir())}
            for name in sizes:
                _sync(temporary / name)
            marker = {"sizes": sizes, "metadata": dict(metadata), "notes": self.notes}
            (temporary / MARKER).write_text(json.dumps(marker), encoding="utf-8")
            _sync(temporary / MARKER)
            if final.exists():
                shutil.rmtree(final)
            os.rename(temporary, final)
            _sync(self.folder)
        except (OSError, tf.errors.OpError) as error:
            shutil.rmtree(temporary, ignore_errors=True)
            raise TrainingError(self._failure(step, error)) from error
        self._remove_old()
        return final

    def restore(self, variables: Mapping[str, tf.Variable]) -> dict[str, Any] | None:
        """Reads the newest checkpoint that is whole into `variables`.

        Returns:
            Its metadata, or None when there is no checkpoint at all.

        Raises:
            TrainingError: There are checkpoints, but none can be used.
        """
        self._remove_unfinished()
        steps = self.steps()
        problems = []
        for step in reversed(steps):
            try:
                metadata = self._read(step, variables)
            except (OSError, ValueError, KeyError, tf.errors.OpError) as error:
                problem = _first_line(error)
                problems.append(f"step {step}: {problem}")
                if len(problems) < len(steps):
                    self.report(f"The checkpoint of step {step} cannot be used ({problem}); trying the one before.")
                continue
            return metadata
        if problems:
            raise TrainingError(
                f"no checkpoint in {self.folder} can be used ({'; '.join(problems)}); "
                "use --restart for a new run, or remove that folder to train this one from the beginning."
            )
        return None

    def _read(self, step: int, variables: Mapping[str, tf.Variable]) -> dict[str, Any]:
        folder = self._path(step)
        marker = json.loads((folder / MARKER).read_text(encoding="utf-8"))
        for name, size in marker["sizes"].items():
            found = (folder / name).stat().st_size
            if found != size:
                raise ValueError(f"{name} has {found} bytes in place of {size}")
        with without_pattern(folder) as place:
            # TensorFlow itself would complain of every variable that does not fit in a line of its own.
            _require_same_variables(str(place / _DATA), variables)
            tf.train.Checkpoint(**_trackable(variables)).read(str(place / _DATA)).assert_consumed()
        self.restored_notes = marker.get("notes", {})
        return marker["metadata"]

    def _path(self, step: int) -> Path:
        return self.folder / f"{PREFIX}{step:08d}"

    def _require_space(self, variables: Mapping[str, tf.Variable]) -> None:
        needed = _SPARE_BYTES + sum(
            variable.dtype.size * variable.shape.num_elements() for variable in variables.values()
        )
        free = shutil.disk_usage(self.folder).free
        if free < needed:
            raise OSError(errno.ENOSPC, f"{needed / 1e6:.1f} MB needed, {free / 1e6:.1f} MB free")

    def _failure(self, step: int, error: Exception) -> str:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else _first_line(error)
        kept = self.steps()
        rest = f"the checkpoint of step {kept[-1]} is untouched" if kept else "there is no earlier one"
        return (
            f"the checkpoint of step {step} could not be written to {self.folder} ({reason}); {rest}. "
            "Make room or give write permission, then run the same command again."
        )

    def _remove_old(self) -> None:
        for step in self.steps()[: -self.keep]:
            shutil.rmtree(self._path(step), ignore_errors=True)

    def _remove_unfinished(self) -> None:
        for path in self.folder.glob(f".{PREFIX}*.tmp"):
            shutil.rmtree(path, ignore_errors=True)


def _trackable(variables: Mapping[str, tf.Variable]) -> dict[str, tf.Variable]:
    # Attribute names of tf.train.Checkpoint; a name that is one of its own methods would not do.
    return {f"variable:{name}": variable for name, variable in variables.items()}


def _require_same_variables(path: str, variables: Mapping[str, tf.Variable]) -> None:
    """Raises ValueError unless a checkpoint holds exactly these variables, in their shapes."""
    stored = tf.train.load_checkpoint(path).get_variable_to_shape_map()
    stored.pop(_GRAPH_KEY, None)
    wanted = {_stored_name(name): variable.shape.as_list() for name, variable in variables.items()}
    different = [name for name in {**wanted, **stored} if stored.get(name) != wanted.get(name)]
    if different:
        raise ValueError(f"it is of another model: {len(different)} variables differ")


def _stored_name(name: str) -> str:
    """What a variable of `_trackable` is called in the file."""
    escaped = f"variable:{name}".replace(".", "..").replace("/", ".S")
    return f"{escaped}/{_VALUE_KEY}"


def _first_line(error: Exception) -> str:
    """What an error says, without TensorFlow's naming of the kernel that raised it."""
    text = str(error).splitlines()[0] if str(error) else type(error).__name__
    return re.sub(r"^\{\{.*?\}\} |\s*\[Op:\w+\]$", "", text)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
