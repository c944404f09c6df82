"""What a run writes about itself: metrics, warnings, samples, snapshots, the report."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gansformer_tf.config import RunConfig
from gansformer_tf.files import read_json_lines
from gansformer_tf.models.snapshot import kimg_of, kimg_text, save_snapshot
from gansformer_tf.training.logs import MetricsLog, tick_line
from gansformer_tf.training.phased import PhasedStep
from gansformer_tf.training.report import write_report
from gansformer_tf.training.run_dir import RunDir
from gansformer_tf.training.samples import SampleWriter
from gansformer_tf.training.tracking import WandbRun
from gansformer_tf.training.variables import raw_variables
from gansformer_tf.training.watch import collapse_warning, diversity, tick_warnings

# Measures a snapshot, at its path; gives scalars by name.
SnapshotMeter = Callable[[Path], Mapping[str, float]]


class Recorder:
    """Writes the files of a run; exactly one process of a cluster has one.

    Args:
        config: The whole configuration.
        run_dir: The run.
        train_step: Holds the networks.
        say: Prints a line above the progress bar.
        step: Step that training goes on from.
        meter: Called with every new snapshot; what it returns is logged.
        stopping: Whether training is asked to stop; images and metrics, which take long, are then left out.
    """

    def __init__(
        self,
        config: RunConfig,
        run_dir: RunDir,
        train_step: PhasedStep,
        say: Callable[[str], None],
        step: int,
        meter: SnapshotMeter | None = None,
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        self.config, self.run_dir, self.train_step = config, run_dir, train_step
        self._say, self._meter, self._stopping = say, meter, stopping
        train = config.train
        self.log = MetricsLog(run_dir, step, train.summarize)
        self._wandb = WandbRun(train.wandb_project, run_dir.path, config) if train.wandb_project else None
        self._samples = SampleWriter(
            run_dir,
            train_step.ema_generator,
            rows=train.sample_rows,
            columns=train.sample_columns,
            truncation_psi=config.model.generator.truncation_psi,
            batch_size=train.batch_size_per_replica,
            keep=train.keep_samples,
        )
        before = [record for record in read_json_lines(run_dir.snapshots) if record["step"] <= step]
        self._best_diversity = max((record.get("diversity", 0.0) for record in before), default=0.0)
        self._last_snapshot = before[-1]["step"] if before else -1

    @property
    def num_samples(self) -> int:
        """Images in the sample grid."""
        return self._samples.count

    def first_samples(self, reals: np.ndarray) -> None:
        """Writes real images to compare with, and the untrained generator's.

        Args:
            reals: uint8 `[num_samples, height, width, channels]`.
        """
        self._samples.save(reals, "reals.png")
        images = self._drawn()
        if images is not None:
            self._samples.write(images, 0.0)

    def tick(self, record: Mapping[str, Any]) -> None:
        """Logs the numbers of one tick and says what is wrong with them."""
        self.log.write(record)
        self._track(record)
        self._say(tick_line(record))
        for warning in (*tick_warnings(record, self.config.train.d_loss), *self.train_step.concerns(record)):
            self._say(warning)

    def snapshot(self, step: int, kimg: float) -> None:
        """Writes the networks, what they draw, how they measure, and the report, unless this step's are there.

        Args:
            step, kimg: How far training is.
        """
        if step == self._last_snapshot:
            return
        self._last_snapshot = step
        path = self._save_networks(step, kimg)
        record: dict[str, Any] = {"step": step, "kimg": kimg, "snapshot": path.name}
        images = self._drawn()
        if images is not None:
            record["diversity"] = self._show(images, step, kimg)
            if self._meter is not None and not self._stopping():
                record |= self._meter(path)
        self.log.write_snapshot(record)
        self._track(record)
        write_report(self.run_dir)

    def _drawn(self) -> np.ndarray | None:
        """The images of a snapshot; None when training is asked to stop."""
        images = self.train_step.samples(self.num_samples)
        return self._samples.draw(self._stopping) if images is None else images

    def _show(self, images: np.ndarray, step: int, kimg: float) -> float:
        """Writes images and distributions of the weights; returns how much the images differ."""
        self._samples.write(images, kimg)
        shown = images[: self.config.train.sample_columns]
        self.log.images("samples", shown, step)
        self.log.histograms(self._weights(), step)
        if self._wandb is not None:
            self._wandb.images("samples", shown, step)
        spread = diversity(images)
        warning = collapse_warning(spread, self._best_diversity)
        self._best_diversity = max(self._best_diversity, spread)
        if warning:
            self._say(warning)
        return spread

    def close(self) -> None:
        """Closes the files."""
        self.log.close()
        if self._wandb is not None:
            self._wandb.close()

    def _track(self, record: Mapping[str, Any]) -> None:
        if self._wandb is not None:
            self._wandb.write(record)

    def _save_networks(self, step: int, kimg: float) -> Path:
        """Writes the averaged generator and D as one file to share; drops the oldest beyond the limit."""
        path = self.run_dir.path / f"network-snapshot-{kimg_text(kimg)}.safetensors"
        save_snapshot(
            path,
            generator=self.train_step.ema_generator,
            discriminator=self.train_step.discriminator,
            config=self.config,
            metadata={"kimg": f"{kimg:.3f}", "step": str(step)},
        )
        keep = self.config.train.keep_snapshots
        if keep is not None:
            for old in sorted(self.run_dir.path.glob("network-snapshot-[0-9]*.safetensors"), key=kimg_of)[:-keep]:
                old.unlink()
        return path

    def _weights(self) -> dict[str, np.ndarray]:
        return {
            f"weights/{name}": _joined(raw_variables(network.trainable_variables))
            for name, network in (
                ("generator", self.train_step.generator),
                ("discriminator", self.train_step.discriminator),
            )
        }


def _joined(values: Sequence[Any]) -> np.ndarray:
    return np.concatenate([value.numpy().ravel() for value in values])
