"""Trains a tiny run in a process of its own, and kills it where a test wants: `python tiny_run.py RESULTS DATA ...`."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import tensorflow as tf

from gansformer_tf.config import DataConfig, RunConfig
from gansformer_tf.training import checkpoint, step, trainer
from gansformer_tf.training.errors import TrainingError
from gansformer_tf.training.phases import MicroBatch
from gansformer_tf.training.run_dir import RunDir
from gansformer_tf.training.step import TrainStep
from gansformer_tf.training.strategy import is_chief, make_strategy
from tests.training.tiny_networks import TinyDiscriminator, TinyGenerator, tiny_model_config, tiny_train_config


def tiny_run_config(data_dir: str | Path, images: int, **train: object) -> RunConfig:
    """A run of `images` images: a tick and a checkpoint every 4 steps of 8."""
    settings = {"tick_kimg": 0.032, "snapshot_ticks": 2, "sample_columns": 2, "sample_rows": 1} | train
    return RunConfig(
        model=tiny_model_config(),
        data=DataConfig(dataset="tiny", data_dir=str(data_dir), mirror=True),
        train=tiny_train_config(total_kimg=images / 1000, **settings),
    )


def die(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def plant_nan(step: TrainStep, replica: int) -> None:
    """Makes the loss of D on one replica NaN in steps 3 and 4."""
    loss_of = step.losses.discriminator_main
    flag = tf.Variable(0.0, trainable=False)
    make_step = step.run

    def spoiled(batch: MicroBatch) -> object:
        loss, statistics = loss_of(batch)
        here = tf.equal(batch.first // batch.size, replica)
        return tf.where(here & (flag > 0.0), float("nan"), 1.0) * loss, statistics

    def run(index: int, *arguments: object) -> object:
        flag.assign(float(index in (3, 4)))
        return make_step(index, *arguments)

    step.losses.discriminator_main = spoiled
    step.run = run


def stop_within_phase(run: trainer.Trainer, number: int) -> list[int]:
    """Asks for a stop while the first part of D's loss is computed in step `number`.

    Returns:
        First samples of the parts that are computed in that step, filled later.
    """
    loss_of, parts = run.train_step.losses.discriminator_main, []
    (flag, *_) = run.strategy.experimental_local_results(run.train_step._interrupted)

    def noted(batch: MicroBatch) -> object:
        tf.py_function(note, [batch.first], [])
        return loss_of(batch)

    def note(first: tf.Tensor) -> None:
        if run.step == number:
            parts.append(int(first))
            if int(first) == 0:
                os.kill(os.getpid(), signal.SIGTERM)
                while not flag.numpy():
                    time.sleep(0.001)

    run.train_step.losses.discriminator_main = noted
    return parts


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("results")
    parser.add_argument("data")
    parser.add_argument("--images", type=int, default=160)
    parser.add_argument("--devices", type=int, default=1, help="logical CPU devices that train together")
    parser.add_argument("--nan-on-replica", type=int, help="its gradients of D are not finite in steps 3 and 4")
    parser.add_argument("--at-once", type=int, help="images that one device holds at once; all of its own by default")
    parser.add_argument("--stop-within-step", type=int, help="SIGTERM while D's loss of this step is computed")
    parser.add_argument("--kill-at-step", type=int, help="before this step is made")
    parser.add_argument("--kill-in-checkpoint", type=int, help="while this one is written, data on disk, marker not")
    parser.add_argument("--file-limit", type=int, help="no file may grow beyond this many bytes: a full disk")
    parser.add_argument("--eager", action="store_true", help="compile nothing, which takes longer than a few steps")
    options = parser.parse_args()

    tf.config.run_functions_eagerly(options.eager)
    if options.devices > 1:
        tf.config.set_logical_device_configuration(
            tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * options.devices
        )
    strategy = make_strategy([f"/CPU:{index}" for index in range(options.devices)], connect_seconds=100.0)
    step.build_generator, step.build_discriminator = TinyGenerator, TinyDiscriminator
    run_dir = RunDir.select(options.results, "tiny")
    per_replica = options.at_once or 8 // strategy.num_replicas_in_sync
    config = tiny_run_config(options.data, options.images, batch_size_per_replica=per_replica)
    if is_chief(strategy):
        run_dir.create()
        run_dir.lock()
        run_dir.write_config(config)
    run = trainer.Trainer(config, run_dir, strategy, progress=False)
    run.restore()
    print("resumed at", run.step, flush=True)
    if options.nan_on_replica is not None:
        plant_nan(run.train_step, options.nan_on_replica)
    if options.stop_within_step is not None:
        stop_within_phase(run, options.stop_within_step)

    if options.kill_at_step is not None:
        make_step = run.train_step.run

        def step_or_die(step: int, *arguments: object) -> object:
            if step == options.kill_at_step:
                die()
            return make_step(step, *arguments)

        run.train_step.run = step_or_die
    if options.kill_in_checkpoint is not None:
        sync = checkpoint._sync

        def sync_or_die(path: Path) -> None:
            sync(path)
            if f"step-{options.kill_in_checkpoint:08d}" in str(path):
                die()

        checkpoint._sync = sync_or_die
    if options.file_limit is not None:
        import resource

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (options.file_limit, options.file_limit))
    try:
        run.train()
    except TrainingError as error:
        print("error:", error, flush=True)
        return 1
    print("ended at", run.step, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
