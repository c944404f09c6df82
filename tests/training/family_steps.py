"""Steps of tiny networks of every family, also in a process of its own: `python family_steps.py FAMILY ...`."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import tensorflow as tf

from gansformer_tf.config import (
    CREPSConfig,
    DiscriminatorConfig,
    GANsformerConfig,
    ProjectedConfig,
    StyleGAN3Config,
    TrainConfig,
)
from gansformer_tf.models.families import build_discriminator, build_generator
from gansformer_tf.training.step import TrainStep
from gansformer_tf.training.strategy import make_strategy
from tests.models.tiny import PAPER

GEOMETRY = {"resolution": 8, "channel_base": 32, "channel_max": 4}
GENERATORS = {
    "gansformer": GANsformerConfig(**(PAPER | GEOMETRY)),
    "stylegan3": StyleGAN3Config(**GEOMETRY, latent_size=6, num_synthesis_layers=3, margin_size=2),
    "creps": CREPSConfig(**GEOMETRY, latent_size=6, mapping_layers=2, line_channels=4, rank=2),
}
DISCRIMINATORS = {
    "stylegan2": DiscriminatorConfig(**GEOMETRY, mbstd_group_size=2),
    "projected": ProjectedConfig(**GEOMETRY, feature_size=64, norm_group_size=2),
}
PROJECTED = {"g_loss": "hinge", "d_loss": "hinge", "d_reg": "none", "augment": "diffaug"}
TRAIN = {
    "batch_size": 4,
    "batch_size_per_replica": 4,
    "style_mixing": 0.0,
    "magnitude_half_life_kimg": 0.01,
    "w_avg_decay": 0.9,
    "blur_init_sigma": 1.0,
    "blur_fade_kimg": 0.02,
}


def make_step(
    family: str,
    strategy: tf.distribute.Strategy | None = None,
    judge: str = "stylegan2",
    dtype: object = None,
    **changes: object,
) -> TrainStep:
    tf.keras.utils.set_random_seed(3)
    config = GENERATORS[family]
    generator, average = build_generator(config, dtype=dtype), build_generator(config, name="ema_generator")
    average.set_weights(generator.get_weights())
    discriminator = build_discriminator(DISCRIMINATORS[judge], dtype=dtype)
    settings = TRAIN | (PROJECTED if judge == "projected" else {}) | changes
    return TrainStep(generator, discriminator, average, TrainConfig(**settings), strategy)


def one_and_two_devices(folder: Path, *arguments: str, at_once: int = 4) -> list[dict[str, np.ndarray]]:
    """Variables behind the same steps on one device, and on two in a process of their own; nothing is compiled."""
    one, two = str(folder / "one.npz"), str(folder / "two.npz")
    try:
        main([*arguments, one, "--eager", "--at-once", str(at_once)])
    finally:
        tf.config.run_functions_eagerly(False)
    command = [sys.executable, __file__, *arguments, two, "--eager", "--at-once", "2", "--devices", "2"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stderr[-3000:]
    return [dict(np.load(file)) for file in (one, two)]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("family", choices=GENERATORS)
    parser.add_argument("--judge", choices=DISCRIMINATORS, default="stylegan2")
    parser.add_argument("out", help="file for all variables behind the steps")
    parser.add_argument("--devices", type=int, default=1, help="logical CPU devices that train together")
    parser.add_argument("--at-once", type=int, default=4, help="images on one device")
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--eager", action="store_true", help="compile nothing")
    options = parser.parse_args(arguments)
    tf.config.run_functions_eagerly(options.eager)
    if options.devices > 1:
        tf.config.set_logical_device_configuration(
            tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * options.devices
        )
    strategy = make_strategy([f"/CPU:{index}" for index in range(options.devices)])
    lengths = {"path_length": True, "g_reg_interval": 2}
    settings = {
        # A softmax does not see what all scores share: biases of keys have no gradient but rounding, and Adam would
        # make steps of full size of it.
        "gansformer": lengths | {"component_mixing": 0.5, "style_mixing": 0.9, "adam_epsilon": 1e-3},
        "stylegan3": {"g_reg_interval": None},
        "creps": lengths,
    }
    with strategy.scope():
        step = make_step(
            options.family, strategy, options.judge, d_reg_interval=2, batch_size_per_replica=options.at_once,
            **settings[options.family],
        )  # fmt: skip
    images = np.random.default_rng(0).integers(0, 256, (options.steps, 4, 8, 8, 3), np.uint8)
    for index in range(options.steps):
        step.run(index, images[index], np.zeros((4, 0), np.float32))
    copies: dict[str, list[np.ndarray]] = {}
    for name, variable in step.state().items():
        copies[name] = [value.numpy() for value in strategy.experimental_local_results(variable)]
    for name, values in copies.items():
        for value in values[1:]:
            np.testing.assert_array_equal(value, values[0], err_msg=name)
    np.savez(options.out, **{name: values[0] for name, values in copies.items()})


if __name__ == "__main__":
    main()
