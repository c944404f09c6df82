"""What a run writes down: progress bar, one line and one JSON record per tick, TensorBoard events."""

from __future__ import annotations

import contextlib
import json
import math
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from gansformer_tf.files import read_json_lines, write_atomically
from gansformer_tf.training.faults import writing
from gansformer_tf.training.run_dir import RunDir

# A terminal is refreshed often; a log file would only grow.
_REFRESH_SECONDS = 0.5
_REFRESH_SECONDS_IN_FILES = 15.0
# Names that begin so hold what one run of a phase takes.
PHASE_SECONDS = "seconds/"


class Averages:
    """Running means of scalars, kept as tensors until they are read, so that a device is not waited for."""

    def __init__(self) -> None:
        self._values: dict[str, list[Any]] = {}

    def add(self, values: Mapping[str, Any]) -> None:
        for name, value in values.items():
            self._values.setdefault(name, []).append(value)

    def __bool__(self) -> bool:
        return bool(self._values)

    def take(self) -> dict[str, float]:
        """The means since the last call, in the order the names first appeared."""
        means = {name: float(np.mean([float(value) for value in values])) for name, values in self._values.items()}
        self._values = {}
        return means


class Progress:
    """The progress bar: kimg, images per second, seconds per kimg, time left, losses.

    Args:
        total_images, done_images: Of the whole run.
        enabled: False writes nothing.
    """

    def __init__(self, total_images: int, done_images: int, enabled: bool = True) -> None:
        self._terminal = sys.stderr.isatty()
        self._interval = _REFRESH_SECONDS if self._terminal else _REFRESH_SECONDS_IN_FILES
        self._bar = tqdm(
            total=total_images / 1000.0,
            initial=done_images / 1000.0,
            disable=not enabled or done_images >= total_images,  # there is nothing to show
            dynamic_ncols=True,
            bar_format="{l_bar}{bar:12}| {n:.2f}/{total:.4g} kimg [{elapsed}{postfix}]",
            desc="training",
            mininterval=self._interval,
        )
        self._total = total_images
        self._start: tuple[float, int] | None = None
        self._shown = 0.0
        if enabled:
            self._bar.set_postfix_str("building the training step ...")

    def update(self, images: int, values: Mapping[str, Any]) -> None:
        """Shows that `images` are done; reads `values` only when the bar is redrawn."""
        now = time.monotonic()
        self._bar.n = min(images, self._total) / 1000.0
        if self._start is None:  # the first step compiles and says nothing about speed
            self._start = (now, images)
            self._bar.set_postfix_str("", refresh=False)
            return
        if self._bar.disable or now - self._shown < self._interval:
            return
        self._shown = now
        losses = " ".join(
            f"{label} {float(values[name]):.3f}"
            for label, name in (
                ("G", "loss/g"),
                ("reconstruction", "reconstruction"),
                ("D", "loss/d"),
                ("cross-entropy", "cross_entropy"),
            )
            if name in values
        )
        started, first = self._start
        speed = (images - first) / (now - started)
        left = _clock(max(self._total - images, 0) / speed)  # the last step may go beyond the total
        self._bar.set_postfix_str(
            f"{speed:.1f} img/s, {1000.0 / speed:.1f} s/kimg, ETA {left}, {losses}", refresh=False
        )
        self._bar.refresh()

    def say(self, line: str) -> None:
        """Prints a line above the bar."""
        if self._bar.disable:
            print(line, flush=True)
        else:
            self._bar.write(line, file=sys.stdout)
            sys.stdout.flush()

    def close(self) -> None:
        self._bar.close()


class MetricsLog:
    """Numbers of a run as JSON lines and TensorBoard events.

    Args:
        run_dir: The run; ticks go to `metrics.jsonl`, what was measured of a snapshot to `snapshots.jsonl`.
        step: Step training starts from. Records of later steps, written before a crash, are dropped.
        tensorboard: Whether to write events.

    Raises:
        OSError: Something cannot be written; so does every method.
    """

    def __init__(self, run_dir: RunDir, step: int, tensorboard: bool = True) -> None:
        self._ticks = _opened(run_dir.metrics, step)
        self._snapshots = _opened(run_dir.snapshots, step)
        self._folder, self._writer = run_dir.tensorboard, None
        if tensorboard:
            with writing(self._folder):
                self._writer = tf.summary.create_file_writer(str(self._folder))

    def write(self, record: Mapping[str, Any]) -> None:
        """Writes the record of a tick; `record["step"]` is the x axis in TensorBoard."""
        self._write(self._ticks, record)

    def write_snapshot(self, record: Mapping[str, Any]) -> None:
        """Writes what was measured of a snapshot."""
        self._write(self._snapshots, record)

    def _write(self, file: TextIO, record: Mapping[str, Any]) -> None:
        clean = {name: _json_value(value) for name, value in record.items()}
        try:
            file.write(json.dumps(clean) + "\n")
            file.flush()
        except OSError as error:
            raise OSError(error.errno, error.strerror, file.name) from error
        with self._events(int(record["step"])):
            for name, value in clean.items():
                if name != "step" and isinstance(value, int | float):
                    tf.summary.scalar(name, value)

    def images(self, name: str, images: np.ndarray, step: int) -> None:
        """Writes images uint8 `[count, height, width, channels]` to TensorBoard."""
        with self._events(step):
            tf.summary.image(name, images, max_outputs=len(images))

    def histograms(self, values: Mapping[str, Any], step: int) -> None:
        """Writes distributions to TensorBoard."""
        with self._events(step):
            for name, value in values.items():
                tf.summary.histogram(name, value)

    @contextlib.contextmanager
    def _events(self, step: int) -> Iterator[None]:
        """Around what goes to TensorBoard; without a writer `tf.summary` does nothing."""
        if self._writer is None:
            yield
            return
        with writing(self._folder):
            with self._writer.as_default(step=step):
                yield
            self._writer.flush()

    def close(self) -> None:
        """Closes the files. All is written by then, or its failure has been told: closing would tell it again."""
        for file in (self._ticks, self._snapshots):
            with contextlib.suppress(OSError):
                file.close()
        if self._writer is not None:
            with contextlib.suppress(tf.errors.OpError):
                self._writer.close()


def _opened(path: Path, step: int) -> TextIO:
    """The file, open for appending, without the records of later steps."""
    records = read_json_lines(path)
    kept = [record for record in records if record.get("step", 0) <= step]
    if records or path.exists():
        write_atomically(path, "".join(json.dumps(record) + "\n" for record in kept))
    return open(path, "a", encoding="utf-8")


def tick_line(record: Mapping[str, Any]) -> str:
    """One line for the screen from a tick's record."""
    parts = [
        f"tick {record['tick']:<4d}",
        f"kimg {record['kimg']:<9.2f}",
        f"time {_clock(record['seconds'])}",
        f"{record['img_per_second']:.1f} img/s",
        f"{record['seconds_per_kimg']:.1f} s/kimg",
    ]
    for label, name in (
        ("G", "loss/g"),
        ("D", "loss/d"),
        ("real", "score/real"),
        ("fake", "score/fake"),
        ("|dG|", "gradient_norm/g"),
        ("|dD|", "gradient_norm/d"),
        ("stage", "stage"),
        ("reconstruction", "reconstruction"),
        ("held out", "held_out/reconstruction"),
        ("codes", "codes/used"),
        ("perplexity", "codes/perplexity"),
        ("weight", "adaptive_weight"),
        ("cross-entropy", "cross_entropy"),
        ("held out", "held_out/cross_entropy"),
    ):
        if name in record:
            parts.append(f"{label} {record[name]:.3f}".removesuffix(".000" if isinstance(record[name], int) else ""))
    parts += [f"{name.removeprefix('penalty/')} {record[name]:.4f}" for name in record if name.startswith("penalty/")]
    if "augment_p" in record:
        parts.append(f"p {record['augment_p']:.3f}")
    phases = [
        f"{name.removeprefix(PHASE_SECONDS)} {value:.3g}"
        for name, value in record.items()
        if name.startswith(PHASE_SECONDS)
    ]
    if phases:
        parts.append(f"seconds {' '.join(phases)}")
    if math.isfinite(record["peak_memory_mb"]):
        parts.append(f"memory {record['peak_memory_mb']:.0f} MB")
    skipped = record.get("skipped_steps", 0)
    if skipped:
        parts.append(f"SKIPPED {skipped} steps (gradients not finite)")
    return "  ".join(parts)


def peak_memory_mb() -> float:
    """Peak resident memory of this process, or of the first GPU where there is one, in MB; NaN where nobody tells."""
    if tf.config.list_logical_devices("GPU"):
        return tf.config.experimental.get_memory_info("GPU:0")["peak"] / 1e6
    try:
        import resource
    except ImportError:  # Windows
        return math.nan
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10  # macOS counts bytes, Linux kilobytes


def _json_value(value: Any) -> Any:
    if isinstance(value, float | np.floating):
        return float(value) if math.isfinite(value) else None
    return value


def _clock(seconds: float) -> str:
    seconds = int(seconds)
    hours, minutes = seconds // 3600, seconds // 60 % 60
    return f"{hours}:{minutes:02d}:{seconds % 60:02d}" if hours else f"{minutes}:{seconds % 60:02d}"
