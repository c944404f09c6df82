"""A stand-in generator whose images are simple functions of w and noise: no graph tracing, exact expectations."""

from __future__ import annotations

import keras
import numpy as np
from keras import ops

from gansformer_tf.config import GANsformerConfig
from gansformer_tf.models.base import Generator


def tiny_config(**changes):
    settings = {"transformer": True, "num_components": 4, "latent_size": 32, "channel_base": 64, "channel_max": 8}
    return GANsformerConfig(**{"resolution": 16, **settings, **changes})


class FakeGenerator(keras.Model):
    """Each component paints one vertical stripe with the mean of its latent; noise is added on top."""

    def __init__(self, config=None):
        super().__init__()
        self.config = config or tiny_config()
        self.noise_shapes = [(4, 4, 1), (self.config.height, self.config.width, 1)]
        self.w_avg = np.zeros(self.config.latent_dim, np.float32)

    def map(self, z, labels=None, truncation_psi=1.0):
        w = self.truncate(ops.convert_to_tensor(z)[:, :, None], truncation_psi)[:, :, 0]
        if labels is not None:
            w = w + ops.sum(labels * ops.arange(labels.shape[-1], dtype="float32"), axis=-1)[:, None, None]
        return ops.repeat(w[:, :, None, :], self.config.num_layers, axis=2)

    def truncate(self, w, psi=1.0):
        return Generator.truncate(self, w, psi)

    def synthesize(self, w, noise_mode="random", noise=None, return_attention=False):
        height, width, k = self.config.height, self.config.width, self.config.num_components
        stripes = ops.repeat(ops.mean(w[:, :k], axis=(2, 3)), width // k, axis=1)  # [batch, width]
        images = ops.tile(stripes[:, None, :, None], (1, height, 1, self.config.image_channels))
        if noise_mode == "random":
            images = images + 0.1 * noise[-1]
        if not return_attention:
            return images
        owner = np.repeat(np.eye(k, dtype=np.float32), width // k, axis=0)  # [width, k]
        fine = ops.tile(ops.convert_to_tensor(owner)[None, None, None], (ops.shape(w)[0], 1, height, 1, 1))
        return images, [fine[:, :, ::4, ::4], fine]
