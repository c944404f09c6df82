"""The training loop around `TrainStep`."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from gansformer_tf.config import RunConfig
from gansformer_tf.data.pipeline import corrupt_record, training_dataset
from gansformer_tf.layers.precision import HighResolutionPolicy
from gansformer_tf.models import Discriminator
from gansformer_tf.models.families import build_generator
from gansformer_tf.training.checkpoint import CheckpointStore
from gansformer_tf.training.errors import TrainingError
from gansformer_tf.training.logs import Averages, Progress, peak_memory_mb
from gansformer_tf.training.recorder import Recorder, SnapshotMeter
from gansformer_tf.training.run_dir import RunDir
from gansformer_tf.training.signals import Stopped, StopRequest
from gansformer_tf.training.step import TrainStep
from gansformer_tf.training.strategy import Agreement, peers_answer, worker_shard
from gansformer_tf.training.transfer import transfer


def dtype_policy(precision: str) -> Any:
    """What the networks compute in; weights are float32 in every case."""
    policies = {"float32": "float32", "bfloat16": "mixed_bfloat16", "mixed": HighResolutionPolicy()}
    return keras.dtype_policies.get(policies[precision])


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
        # Grappler's remapper gives up on these graphs, with an error on the screen; it has nothing to fuse in them.
        tf.config.optimizer.set_experimental_options({"remapping": False})
        keras.utils.set_random_seed(config.train.seed)
        with self.strategy.scope():
            dtype = dtype_policy(config.train.precision)
            self.generator = build_generator(config.model.generator, dtype=dtype)
            self.discriminator = Discriminator(config.model.discriminator, dtype=dtype)
            self.ema_generator = build_generator(config.model.generator, name="ema_generator")
            self.ema_generator.set_weights(self.generator.get_weights())
            self.train_step = TrainStep(
                self.generator, self.discriminator, self.ema_generator, config.train, self.strategy
            )
        self.checkpoints = CheckpointStore(run_dir.checkpoints, config.train.keep_checkpoints, self._say)
        self.step = 0
        self.images = 0
        self.seconds = 0.0
        self._tick_images = config.train.tick_images
        self._progress: Any = None

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
        self.agreement.require_equal(self.step, "checkpoints")
        return metadata is not None

    def transfer(self, path: str | Path) -> list[str]:
        """Starts from the weights of a snapshot as far as they fit; returns lines that say what was loaded.

        Raises:
            SnapshotError: There is no snapshot, or it is damaged.
            TrainingError: Nothing in it fits.
        """
        return transfer(path, self.generator, self.discriminator, self.ema_generator)

    def save_checkpoint(self) -> Path:
        """Writes the whole state of training."""
        metadata = {"step": self.step, "images": self.images, "seconds": self.seconds}
        return self.checkpoints.save(self.step, self.train_step.state(), metadata)

    def train(self) -> TrainResult:
        """Trains until `total_kimg`, or until Ctrl-C or SIGTERM, and saves.

        Raises:
            TrainingError: A checkpoint cannot be written, the data are damaged, or gradients stay non-finite.
        """
        total = self.config.train.total_images
        self._progress = Progress(total, self.images, self.show_progress)
        if self.agreement.chief:
            self._recorder = Recorder(self.config, self.run_dir, self.train_step, self._say, self.step, self._meter)
        self._start_tick()
        try:
            with StopRequest() as stop:
                try:
                    self._loop(total, stop)
                except Stopped:
                    self._say("Stopped before the first step was complete; nothing had changed since the last save.")
                    return TrainResult(self.step, self.images, True)
                if self.agreement.chief:
                    self._finish(stop.requested)
            return TrainResult(self.step, self.images, stop.requested)
        finally:
            self._progress.close()
            if self.agreement.chief:
                self._recorder.close()

    def _loop(self, total: int, stop: StopRequest) -> None:
        if self.images >= total:
            self._say(f"This run has had its {self.config.train.total_kimg:g} kimg; raise --total-kimg to train on.")
            stop.at_once = False
            return
        # Processes of a cluster stop together, so none may leave at once.
        stop.at_once = not self.agreement.cluster
        batches = iter(self._dataset())
        if self.step == 0 and self.agreement.chief:
            self._write_first_samples()
        started = time.monotonic()
        while self.images < total and not self.agreement.any(stop.requested):
            statistics = self._make_step(batches)
            stop.at_once = False
            self.step += 1
            self.images += self.config.train.batch_size
            now = time.monotonic()
            self.seconds, started = self.seconds + now - started, now
            self._averages.add(statistics)
            self._progress.update(self.images, statistics)
            tick = self.images // self._tick_images
            if tick > (self.images - self.config.train.batch_size) // self._tick_images:
                self._check_skipped()
                if self.agreement.chief:
                    self._tick(tick)
                self._start_tick()

    def _make_step(self, batches: Any) -> dict[str, tf.Tensor]:
        batch = self._next(batches)
        try:
            with peers_answer():
                return self.train_step.run(self.step, batch["image"], batch["label"])
        except tf.errors.ResourceExhaustedError as error:
            raise TrainingError(
                f"out of memory at step {self.step}. Use a smaller --batch-gpu (same result), --recompute, or fewer "
                "channels (--channel-base, --channel-max); run_network.py without --train estimates the need."
            ) from error

    def _tick(self, tick: int) -> None:
        """Logs, and saves what is due."""
        self._recorder.tick(self._record(tick))
        train = self.config.train
        if tick % train.snapshot_ticks == 0:
            self._recorder.snapshot(self.step, self.kimg)
        if tick % train.checkpoint_ticks == 0:
            self.save_checkpoint()

    def _start_tick(self) -> None:
        self._tick_start, self._waited = (time.monotonic(), self.images), 0.0
        self._averages = Averages()

    def _finish(self, stopped: bool) -> None:
        """Saves at the end of training or after a stop, unless that was just done."""
        if self.step not in self.checkpoints.steps():
            self.save_checkpoint()
        if self._averages:
            self._recorder.tick(self._record(self.images // self._tick_images + 1))
        self._recorder.snapshot(self.step, self.kimg, measure=not stopped)
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
            **({"augment_p": float(self.train_step.augmentation.p)} if self.train_step.augmentation.active else {}),
            **self._averages.take(),
        }

    def _check_skipped(self) -> None:
        limit = self.config.train.max_skipped_steps
        for network, counter in self.train_step.skipped_in_row.items():
            if int(counter.numpy()) >= limit:
                kept = self.checkpoints.steps()
                rest = f"The checkpoint of step {kept[-1]} is kept." if kept else ""
                raise TrainingError(
                    f"the gradients of {network} were not finite {int(counter.numpy())} times in a row "
                    f"(limit {limit}, step {self.step}). {rest} Try a smaller --g-lr or --d-lr, or a larger --gamma."
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
        )
        if data.num_threads is not None:
            options = tf.data.Options()
            options.threading.private_threadpool_size = data.num_threads
            dataset = dataset.with_options(options)
        return dataset

    def _next(self, batches: Any) -> dict[str, tf.Tensor]:
        started = time.monotonic()
        try:
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
        self._recorder.first_samples(next(iter(reals))["image"].numpy())

    def _say(self, line: str) -> None:
        if self._progress is None:
            print(line, flush=True)
        else:
            self._progress.say(line)
