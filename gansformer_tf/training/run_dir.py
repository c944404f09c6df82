"""The folder of a run: its name, its lock, the files in it."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from gansformer_tf.config import ConfigError, RunConfig
from gansformer_tf.files import take_lock, write_atomically
from gansformer_tf.training.errors import TrainingError

# Folders of checkpoints are called this and the number of the step.
CHECKPOINT_PREFIX = "step-"
_NAME = re.compile(r"[\w][\w.+-]*")


class RunDir:
    """`<result_dir>/<expname>-<number>`.

    Args:
        path: The folder; `create` makes it.

    Attributes:
        config_path, checkpoints, samples, tensorboard, metrics, snapshots, transfer: Paths inside.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.config_path = self.path / "config.json"
        self.checkpoints = self.path / "checkpoints"
        self.samples = self.path / "samples"
        self.tensorboard = self.path / "tensorboard"
        self.metrics = self.path / "metrics.jsonl"
        self.snapshots = self.path / "snapshots.jsonl"
        self.transfer = self.path / "transfer.txt"
        self._lock_path = self.path / "run.lock"
        self._lock: TextIO | None = None

    @classmethod
    def select(cls, result_dir: str | Path, expname: str, restart: bool = False) -> RunDir:
        """The newest run of that name, or a new one (with `restart`, or when there is none yet). Makes nothing."""
        if not _NAME.fullmatch(expname):
            raise ConfigError(
                f"expname is {expname!r}; it becomes a folder name, so use letters, digits, and . _ + - only."
            )
        runs = existing_runs(result_dir, expname)
        number = runs[-1] if runs else 0
        if runs and restart:
            number += 1
        return cls(Path(result_dir) / f"{expname}-{number:03d}")

    @classmethod
    def numbered(cls, path: Path, number: int) -> RunDir:
        """The run of the same name with another number."""
        return cls(path.with_name(f"{path.name.rpartition('-')[0]}-{number:03d}"))

    @property
    def number(self) -> int:
        """The number at the end of the name."""
        return int(self.path.name.rpartition("-")[2])

    @property
    def started(self) -> bool:
        """Whether a run was started here before."""
        return self.config_path.exists()

    @property
    def has_checkpoints(self) -> bool:
        """Whether there is something to resume from."""
        return bool(self._checkpoint_names())

    def _checkpoint_names(self) -> set[str]:
        return {path.name for path in self.checkpoints.glob(f"{CHECKPOINT_PREFIX}*")}

    @contextlib.contextmanager
    def taken(self) -> Iterator[None]:
        """Makes the folder and locks it for what is done inside.

        If that fails before a checkpoint was written, the run is as it was before: a flag that cannot work, or a
        package that is missing, must not become what the next start takes for the settings of the run.

        Raises:
            TrainingError: See `create` and `lock`.
        """
        was_there = self.path.exists()
        self.create()
        self.lock()
        try:
            config = self.config_path.read_bytes() if self.started else None
            checkpoints = self._checkpoint_names()
            try:
                yield
            except BaseException:  # Ctrl-C too
                if self._checkpoint_names() <= checkpoints:
                    self._undo(config, was_there)
                raise
        finally:
            self.unlock()

    def _undo(self, config: bytes | None, was_there: bool) -> None:
        with contextlib.suppress(OSError):  # what stopped training is told, and it may well be a full disk
            if config is None:
                self.config_path.unlink(missing_ok=True)
            elif self.config_path.read_bytes() != config:
                write_atomically(self.config_path, config)
            files = {path for path in self.path.rglob("*") if not path.is_dir()}
            if not was_there and files <= {self._lock_path, self.transfer}:
                shutil.rmtree(self.path)

    def create(self) -> None:
        """Makes the folder.

        Raises:
            TrainingError: It cannot be made or written to.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            for folder in (self.checkpoints, self.samples):
                folder.mkdir(exist_ok=True)
            with tempfile.TemporaryFile(dir=self.path):
                pass
        except OSError as error:
            raise TrainingError(
                f"the run folder {self.path} cannot be written to ({error.strerror}); "
                "give it write permission or choose another --result-dir."
            ) from error

    def lock(self) -> None:
        """Takes the run for this process until `unlock` or its end, however it ends.

        Raises:
            TrainingError: Another process trains here.
        """
        file = open(self._lock_path, "a+", encoding="utf-8")  # noqa: SIM115 - stays open while locked
        if not take_lock(file):
            file.seek(0)
            owner = file.read().strip() or "unknown"
            file.close()
            raise TrainingError(
                f"the run {self.path} is being trained by another process ({owner}); "
                "stop it first, or use another --expname or --restart for a new run."
            )
        file.truncate(0)
        file.write(f"pid {os.getpid()} on {socket.gethostname()}\n")
        file.flush()
        self._lock = file

    def unlock(self) -> None:
        """Gives the run back."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def write_config(self, config: RunConfig) -> None:
        """Saves `config.json`."""
        write_atomically(self.config_path, config.to_json() + "\n")

    def saved_config(self) -> RunConfig:
        """The configuration the run was last trained with."""
        return RunConfig.load(self.config_path)


def existing_runs(result_dir: str | Path, expname: str) -> list[int]:
    """Numbers of the runs of that name, ascending."""
    pattern = re.compile(re.escape(expname) + r"-(\d{3,})")
    folder = Path(result_dir)
    if not folder.is_dir():
        return []
    matches = (pattern.fullmatch(entry.name) for entry in folder.iterdir() if entry.is_dir())
    return sorted(int(match.group(1)) for match in matches if match)
