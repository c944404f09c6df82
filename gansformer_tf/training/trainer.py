"""The training loop around the step of a family."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from gansformer_tf.config import RunConfig
from gansformer_tf.data.read.pipeline import corrupt_record, training_dataset
from gansformer_tf.data.read.release_iterators import release
from gansformer_tf.training.checkpoint import CheckpointStore
from gansformer_tf.training.errors import MemoryExhausted, TrainingError
from gansformer_tf.training.faults import memory_suffices
from gansformer_tf.training.logs import Averages, Progress, peak_memory_mb
from gansformer_tf.training.phased import make_step
from gansformer_tf.training.process import prepare_process
from gansformer_tf.training.recorder import Recorder, SnapshotMeter
from gansformer_tf.training.run_dir import RunDir
from gansformer_tf.training.signals import Stopped, StopRequest
from gansformer_tf.training.strategy import Agreement, peers_answer, worker_shard
from gansformer_tf.training.transfer import transfer
from gansformer_tf.training.watch import stall_warning


@dataclass(frozen=True)
class TrainResult:
    """How a call of `Trainer.train` ended: the step it reached, and whether a signal stopped it."""

    step: int
    images: int
    stopped: bool


class Trainer:
    """Trains one run, from its newest checkpoint if it has one.

    The run folder must be locked (`RunDir.lock`) by this process.

    Args:
        config: The whole configuration; its image geometry is that of the data set.
        run_dir: Where everything is written.
        strategy: Distribution strategy; None trains on one device.
        progress: Whether to show the progress bar.
        meter: Measures every snapshot, given its path; the scalars it returns are logged.

    Raises:
        ConfigError: The batch cannot be cut as configured.
        TrainingError: There is not enough memory for the networks.
    """

    def __init__(
        self,
        config: RunConfig,
        run_dir: RunDir,
        strategy: tf.distribute.Strategy | None = None,
        progress: bool = True,
        meter: SnapshotMeter | None = None,
    ) -> None:
        self._meter = meter
        self.config, self.run_dir = config, run_dir
        self.strategy = strategy or tf.distribute.get_strategy()
        self.agreement = Agreement(self.strategy)
        self.show_progress = progress and self.agreement.chief
        prepare_process()
        keras.utils.set_random_seed(config.train.seed)
        with memory_suffices("while building the networks"), self.strategy.scope():
            self.train_step = make_step(config, self.strategy)
        self.checkpoints = CheckpointStore(run_dir.checkpoints, config.train.keep_checkpoints, self._say)
        self.step = 0
        self.images = 0
        self.seconds = 0.0
        self._tick_images = config.train.tick_images
        self._progress: Any = None
        self._recorder: Any = None
        self._batches: Any = None  # let go last: what is saved at a stop must not wait for its deletion

    @property
    def kimg(self) -> float:
        """Thousands of real images shown so far."""
        return self.images / 1000.0

    def restore(self) -> bool:
        """Continues from the newest usable checkpoint; tells whether there was one."""
        metadata = self.checkpoints.restore(self.train_step.state())
        if metadata is not None:
            self.step, self.images = int(metadata["step"]), int(metadata["images"])
            self.seconds = float(metadata["seconds"])
            self.train_step.phases_done = int(metadata.get("phases_done", 0))
        self.agreement.require_equal(self.step, "checkpoints")
        return metadata is not None

    def transfer(self, path: str | Path) -> list[str]:
        """Starts from the weights of a snapshot as far as they fit; returns lines that say what was loaded.

        Raises:
            SnapshotError: There is no snapshot, or it is damaged.
            TrainingError: Nothing in it fits, or not all of a part that is not trained.
        """
        step = self.train_step
        return transfer(path, step.generator, step.discriminator, step.ema_generator, step.untrained)

    def save_checkpoint(self) -> Path:
        """Writes the whole state of training, also in the middle of a step, between two phases."""
        metadata = {"step": self.step, "images": self.images, "seconds": self.seconds}
        metadata["phases_done"] = self.train_step.phases_done
        return self.checkpoints.save(self.step, self.train_step.state(), metadata)

    def train(self) -> TrainResult:
        """Trains until `total_kimg`, or until Ctrl-C or SIGTERM, and saves.

        Raises:
            TrainingError: Something cannot be written, memory does not suffice, the data are damaged, or gradients
                stay non-finite.
        """
        self._progress = Progress(self.config.train.total_images, self.images, self.show_progress)
        exhausted = False
        try:
            with StopRequest() as stop:
                return self._train(stop)
        except MemoryExhausted:
            exhausted = True
            raise
        finally:
            self._progress.close()  # what is printed next, an error perhaps, gets a line of its own
            # All records are on the disk. Closing TensorBoard's writer and deleting the pipeline run ops, which can
            # bring the process down where no memory is left, before the error has been told.
            if not exhausted:
                if self._recorder is not None:
                    self._recorder.close()
                batches, self._batches = [self._batches], None
                release(batches)

    def _train(self, stop: StopRequest) -> TrainResult:
        self._start_tick()
        try:
            if self.agreement.chief:
                with self._recording("while opening the records of the run"):
                    self._recorder = Recorder(
                        self.config,
                        self.run_dir,
                        self.train_step,
                        self._say,
                        self.step,
                        self._meter,
                        stopping=lambda: stop.requested,
                    )
            self._loop(self.config.train.total_images, stop)
        except Stopped:
            self._say("Stopped before the first step was complete; nothing had changed since the last save.")
            return TrainResult(self.step, self.images, True)
        if self.agreement.chief:
            self._finish()
        return TrainResult(self.step, self.images, stop.requested)

    def _loop(self, total: int, stop: StopRequest) -> None:
        if self.images >= total:
            wanted = self.config.train.total_kimg
            self._say(f"This run has had {self.kimg:g} kimg of {wanted:g}; raise --total-kimg to train on.")
            stop.at_once = False
            return
        # Processes of a cluster stop together, so none may leave at once, nor in the middle of a step.
        stop.at_once = not self.agreement.cluster
        if not self.agreement.cluster:
            self.train_step.interrupt(False)
            stop.when_heard = self.train_step.interrupt
        self._batches = iter(self._dataset())
        if self.agreement.chief:
            if self.step == 0:
                self._write_first_samples()
            elif self._snapshot_is_due():  # and not there: the process died between the checkpoint and it
                self._write_snapshot()
        started = time.monotonic()
        while self.images < total and not self.agreement.any(stop.requested):
            statistics = self._make_step()
            if statistics is None:  # a stop in the middle of the step
                return
            stop.at_once = False
            self.step += 1
            self.images += self.config.train.batch_size
            now = time.monotonic()
            self.seconds, started = self.seconds + now - started, now
            self._averages.add(statistics)
            self._progress.update(self.images, statistics)
            if self._tick_ended():
                self._check_skipped()
                if self.agreement.chief:
                    self._tick()
                self._start_tick()
        if self.images < total:
            stop.requested = True  # it may be another process of the cluster that was asked

    @property
    def _tick_number(self) -> int:
        return self.images // self._tick_images

    def _tick_ended(self) -> bool:
        """Whether the last step was the last one of a tick."""
        return self._tick_number > (self.images - self.config.train.batch_size) // self._tick_images

    def _snapshot_is_due(self) -> bool:
        """Whether a snapshot belongs to the last step."""
        whole = not self.train_step.phases_done
        return whole and self._tick_ended() and self._tick_number % self.config.train.snapshot_ticks == 0

    def _make_step(self) -> dict[str, tf.Tensor] | None:
        batch = self._next(self._batches)
        # Too little memory comes first: oneDNN reports it as a call that was aborted, as a lost worker is.
        with peers_answer(), memory_suffices(f"at step {self.step}"):
            return self.train_step.run(self.step, batch["image"], batch["label"])

    def _tick(self) -> None:
        """Logs, and saves what is due: the checkpoint first, for all that comes after it may take long or fail."""
        self._log_tick(self._tick_number)
        if not self._is_finite():
            self._say("The last gradients of a phase were not finite: this tick has no checkpoint and no snapshot.")
            return
        if self._tick_number % self.config.train.checkpoint_ticks == 0:
            self.save_checkpoint()
        if self._snapshot_is_due():
            self._write_snapshot()

    def _log_tick(self, number: int) -> None:
        with self._recording(f"while logging step {self.step}"):
            self._recorder.tick(self._record(number))

    def _write_snapshot(self) -> None:
        with self._recording(f"while writing the snapshot of step {self.step}"):
            self._recorder.snapshot(self.step, self.kimg)

    @contextlib.contextmanager
    def _recording(self, where: str) -> Iterator[None]:
        """Around what a run writes beside its checkpoints: a full disk or too little memory there is one line."""
        try:
            with memory_suffices(where):
                yield
        except OSError as error:
            reason = f"{error.strerror}: {error.filename}" if error.filename else str(error)
            raise TrainingError(
                f"training ended {where} ({reason}). {self._kept()} Make room or give write permission, then run the "
                "same command again."
            ) from error

    def _kept(self) -> str:
        steps = self.checkpoints.steps()
        return f"The checkpoint of step {steps[-1]} is kept." if steps else "There is no checkpoint yet."

    def _is_finite(self) -> bool:
        """Whether the last gradients of every phase were; weights that gave others are not worth keeping."""
        return not any(int(counter.numpy()) for counter in self.train_step.skipped_in_row.values())

    def _start_tick(self) -> None:
        self._tick_start, self._waited = (time.monotonic(), self.images), 0.0
        self._averages = Averages()

    def _finish(self) -> None:
        """Saves at the end of training or after a stop, unless that was just done."""
        finite = self._is_finite()
        if not finite:
            self._say(f"The last gradients of a phase were not finite, so nothing is saved. {self._kept()}")
        elif self.step not in self.checkpoints.steps():
            self.save_checkpoint()
        if self._averages:
            self._log_tick(self._tick_number + 1)
        if finite:
            self._write_snapshot()
        state = "finished" if self.images >= self.config.train.total_images else "stopped"
        self._say(f"Training {state} at {self.kimg:.2f} kimg (step {self.step}); everything is in {self.run_dir.path}.")
        if state == "stopped":
            self._say("Run the same command again to go on from here.")

    def _record(self, tick: int) -> dict[str, Any]:
        started, images = self._tick_start
        elapsed = max(time.monotonic() - started, 1e-9)
        done = self.images - images
        skipped = sum(int(counter.numpy()) for counter in self.train_step.skipped.values())
        return {
            "step": self.step,
            "tick": tick,
            "kimg": self.kimg,
            "seconds": self.seconds,
            "img_per_second": done / elapsed,
            "seconds_per_kimg": elapsed * 1000.0 / done,
            "peak_memory_mb": peak_memory_mb(),
            "skipped_steps": skipped,
            "data_wait_share": self._waited / elapsed,
            **self.train_step.readings(),
            **self._averages.take(),
        }

    def _check_skipped(self) -> None:
        limit = self.config.train.max_skipped_steps
        for phase, counter in self.train_step.skipped_in_row.items():
            if int(counter.numpy()) >= limit:
                raise TrainingError(
                    f"the gradients of {phase} were not finite {int(counter.numpy())} times in a row "
                    f"(limit {limit}, step {self.step}). {self._kept()} "
                    f"{self.train_step.remedy}"
                )

    def _dataset(self) -> tf.data.Dataset:
        data, train = self.config.data, self.config.train
        dataset = training_dataset(
            Path(data.data_dir) / data.dataset,
            batch_size=train.batch_size // worker_shard(self.strategy)[1],
            shard=worker_shard(self.strategy),
            seed=train.seed,
            start_step=self.images // train.batch_size,
            mirror=data.mirror,
            max_images=data.max_images,
            ratio=data.ratio,
            use_labels=data.use_labels,
            held_out=0 if self.config.stages is None else self.config.stages.held_out,
        )
        if data.num_threads is not None:
            options = tf.data.Options()
            options.threading.private_threadpool_size = data.num_threads
            dataset = dataset.with_options(options)
        return dataset

    def _next(self, batches: Any) -> dict[str, tf.Tensor]:
        started = time.monotonic()
        try:
            with stall_warning(self._say):
                return next(batches)
        except tf.errors.OpError as error:
            message = corrupt_record(error)
            if message is None:
                raise
            raise TrainingError(f"{message}; prepare the data set again.") from error
        finally:
            self._waited += time.monotonic() - started

    def _write_first_samples(self) -> None:
        data = self.config.data
        reals = training_dataset(
            Path(data.data_dir) / data.dataset,
            batch_size=self._recorder.num_samples,
            seed=self.config.train.seed,
            max_images=data.max_images,
            ratio=data.ratio,
        )
        first = self._next(iter(reals))["image"]
        with self._recording("while drawing the first samples"):
            self._recorder.first_samples(first.numpy())

    def _say(self, line: str) -> None:
        if self._progress is None:
            print(line, flush=True)
        else:
            self._progress.say(line)
