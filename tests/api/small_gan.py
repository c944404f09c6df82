"""A GAN of 8x8 pixels. As a script it trains one on two devices: `python small_gan.py STATE.npz`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))

import tensorflow as tf

import gansformer_tf as gf

IMAGES = np.random.default_rng(0).integers(0, 255, (8, 8, 8, 3), np.uint8)
NETWORKS = {"num_components": 2, "latent_size": 16, "mapping_layers": 2, "channel_max": 8, "mbstd_group_size": 2}


def make_gan(**changes: Any) -> Any:
    settings = {"augment": "none", "batch_size": 4, "batch_size_per_replica": 4, "d_reg_interval": 2}
    settings |= {"g_learning_rate": 1e-4, "d_learning_rate": 1e-4} | NETWORKS
    return gf.GAN.from_preset("gansformer-small", 8, **(settings | changes))


def small_data(batch_size: int = 4) -> tf.data.Dataset:
    return tf.data.Dataset.from_tensor_slices(IMAGES).batch(batch_size, drop_remainder=True)


def weights(gan: Any) -> dict[str, np.ndarray]:
    """All of a GAN's state by name."""
    return {name: variable.numpy() for name, variable in gan._steps.trainer.state().items()}


def main() -> None:
    tf.config.set_logical_device_configuration(
        tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
    )
    with tf.distribute.MirroredStrategy(["/CPU:0", "/CPU:1"]).scope():
        gan = make_gan()  # two of the four images on each
        gan.compile()
    gan.fit(small_data(), epochs=1, verbose=0)
    gan.save_weights(Path(sys.argv[1]).with_name("two.weights.h5"))
    gan.fit(small_data(), epochs=1, verbose=0)
    np.savez(sys.argv[1], **weights(gan))


if __name__ == "__main__":
    main()
