"""A VQGAN of 8x8 pixels whose steps take milliseconds, and runs of it: `python -m tests.training.vqgan.tiny_vqgan`."""

from __future__ import annotations

import argparse
import dataclasses
import os
import signal
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from gansformer_tf.config import RunConfig
from gansformer_tf.config.sections import run_of
from gansformer_tf.models.vqgan.discriminator import PatchActNorm
from gansformer_tf.training.run_dir import RunDir
from gansformer_tf.training.strategy import make_strategy
from gansformer_tf.training.trainer import Trainer
from gansformer_tf.training.vqgan.step import VQGANStep, make_step

SIZE = {"resolution": 8}
SECTIONS: dict[str, dict[str, Any]] = {
    "generator": {
        "family": "vqgan",
        **SIZE,
        "channels": 32,
        "channel_multipliers": (1, 1),
        "blocks_per_level": 0,
        "attention_sizes": (),
        "dropout": 0.1,
        "latent_channels": 4,
        "num_codes": 16,
        "code_dim": 4,
        "transformer_layers": 1,
        "transformer_heads": 2,
        "transformer_width": 16,
        "residual_dropout": 0.1,
        "token_keep": 0.9,
    },
    "discriminator": {"family": "patch", **SIZE, "channels": 4, "num_layers": 1},
    "data": {},
    "train": {
        "batch_size": 4,
        "batch_size_per_replica": 4,
        "g_learning_rate": 2e-3,
        "d_learning_rate": 2e-3,
        "adam_beta1": 0.5,
        "adam_beta2": 0.9,
        "total_kimg": 0.032,
        "tick_kimg": 0.008,
        "snapshot_ticks": 2,
        "sample_columns": 2,
        "sample_rows": 1,
        "seed": 5,
    },
    "metrics": {},
    "stages": {"perceptual": "none", "transformer_learning_rate": 1e-2, "held_out": 4, "kmeans_start": True},
}


def tiny_config(**changes: dict[str, Any]) -> RunConfig:
    """The configuration with other values, by section."""
    return run_of({name: {**values, **changes.get(name, {})} for name, values in SECTIONS.items()})


def tiny_step(strategy: tf.distribute.Strategy | None = None, **changes: dict[str, Any]) -> VQGANStep:
    """A step whose networks are always the same."""
    config = tiny_config(**changes)
    if config.data.num_images is None:
        config = dataclasses.replace(config, data=dataclasses.replace(config.data, num_images=24))
    keras.utils.set_random_seed(1)
    strategy = strategy or tf.distribute.get_strategy()
    with strategy.scope():
        return make_step(config, strategy)


def trainer_of(folder: Path, data: str, strategy: tf.distribute.Strategy | None = None, **changes: Any) -> Trainer:
    """A trainer of the run in a folder on the data set `tiny`, from its newest checkpoint on."""
    found = {"dataset": "tiny", "data_dir": data, "num_images": 40}
    config = tiny_config(**{**changes, "data": {**found, **changes.get("data", {})}})
    run_dir = RunDir(folder)
    run_dir.create()
    run_dir.write_config(config)
    run = Trainer(config, run_dir, strategy, progress=False)
    run.restore()
    return run


def check_act_norm(strategy: tf.distribute.Strategy) -> None:
    """The first batch of activation normalisation is that of all devices."""
    with strategy.scope():
        layer = PatchActNorm()
        layer.build((None, 1, 1, 1))
    parts = strategy.experimental_distribute_values_from_function(
        lambda context: tf.fill((2, 1, 1, 1), 2.0 * context.replica_id_in_sync_group)
    )
    tf.function(lambda: strategy.run(layer, args=(parts,), kwargs={"training": True}))()
    for copy in strategy.experimental_local_results(layer.offset.value):
        assert copy.numpy() == -np.mean([2.0 * index for index in range(strategy.num_replicas_in_sync)])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("data")
    parser.add_argument("--devices", type=int, default=1, help="logical CPU devices that train together")
    parser.add_argument("--kill-at-step", type=int, help="SIGKILL before this step is made")
    options = parser.parse_args()
    count = options.devices
    tf.config.set_logical_device_configuration(
        tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * count
    )
    strategy = make_strategy([f"/CPU:{index}" for index in range(count)], connect_seconds=100.0)
    run = trainer_of(options.folder, options.data, strategy, train={"batch_size_per_replica": 4 // count})
    print("resumed at", run.step, flush=True)
    make_step = run.train_step.run

    def step_or_die(step: int, *arguments: Any) -> Any:
        if step == options.kill_at_step:
            os.kill(os.getpid(), signal.SIGKILL)
        return make_step(step, *arguments)

    run.train_step.run = step_or_die  # type: ignore[method-assign]
    run.train()
    for name, variable in run.train_step.state().items():
        copies = [value.numpy() for value in strategy.experimental_local_results(variable)]
        if "norm" not in name or "gamma" in name or "beta" in name:  # running statistics are each device's own
            assert all((copy == copies[0]).all() for copy in copies), name
    check_act_norm(strategy)
    print("ended at", run.step, flush=True)


if __name__ == "__main__":
    main()
