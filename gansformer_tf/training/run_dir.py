"""The folder of a run: its name, its lock, the files in it."""

from __future__ import annotations

import fcntl
import os
import re
import socket
import tempfile
from pathlib import Path
from typing import TextIO

from gansformer_tf.config import ConfigError, RunConfig
from gansformer_tf.files import write_atomically
from gansformer_tf.training.errors import TrainingError

_NAME = re.compile(r"[\w][\w.+-]*")


class RunDir:
    """`<result_dir>/<expname>-<number>`.

    Args:
        path: The folder; `create` makes it.

    Attributes:
        config_path, checkpoints, samples, tensorboard, metrics, snapshots: Paths inside.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.config_path = self.path / "config.json"
        self.checkpoints = self.path / "checkpoints"
        self.samples = self.path / "samples"
        self.tensorboard = self.path / "tensorboard"
        self.metrics = self.path / "metrics.jsonl"
        self.snapshots = self.path / "snapshots.jsonl"
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

        The lock is the kernel's, on an open file: no file that stays behind can block a later start.

        Raises:
            TrainingError: Another process trains here.
        """
        file = open(self.path / "run.lock", "a+", encoding="utf-8")  # noqa: SIM115 - stays open while locked
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.seek(0)
            owner = file.read().strip() or "unknown"
            file.close()
            raise TrainingError(
                f"the run {self.path} is being trained by another process ({owner}); "
                "stop it first, or use another --expname or --restart for a new run."
            ) from None
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
