"""Input of StyleGAN3: Fourier features that can be moved and turned."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np
from keras import ops

from gansformer_tf.config import StyleGAN3Config
from gansformer_tf.layers import EqualizedDense
from gansformer_tf.layers.configured import ConfiguredLayer
from gansformer_tf.models.stylegan3.schedule import bands


def disc_frequencies(shape: Any, dtype: Any = None) -> Any:
    """Frequencies `[channels, 2]` that fill a disc of radius 1 evenly."""
    points = keras.random.normal(shape, dtype=dtype)
    radii = ops.sqrt(ops.sum(ops.square(points), axis=1, keepdims=True))
    return points / (radii * ops.exp(ops.square(radii) / 4.0))


@keras.saving.register_keras_serializable("gansformer_tf")
class FourierInput(ConfiguredLayer):
    """Waves in all directions below the first cut-off, moved as w and the caller say.

    Call arguments:
        style: `[batch, style_dim]`.
        transform: Inverse of the wanted motion of the image, `[3, 3]` or `[batch, 3, 3]`, in units of its sides;
            None moves nothing.

    Returns:
        `[batch, size, size, channels]`.

    Source: StyleGAN3, section 3.1 and appendix F.
    """

    config_class = StyleGAN3Config

    def __init__(self, config: StyleGAN3Config, **kwargs: Any) -> None:
        super().__init__(config, autocast=False, **kwargs)  # frequencies and motions need all their digits

    def build(self, style_shape: Any = None, transform_shape: Any = None) -> None:
        self.band = bands(self.config)[0]
        channels = self.band.channels
        self.frequencies = self.add_weight(
            shape=(channels, 2),
            initializer=lambda shape, dtype=None: disc_frequencies(shape, dtype) * self.band.cutoff,
            trainable=False,
            name="frequencies",
            autocast=False,
        )
        self.phases = self.add_weight(
            shape=(channels,),
            initializer=keras.initializers.RandomUniform(-0.5, 0.5),
            trainable=False,
            name="phases",
            autocast=False,
        )
        normal = keras.initializers.RandomNormal(stddev=1.0)
        self.kernel = self.add_weight(shape=(channels, channels), initializer=normal, name="kernel", autocast=False)
        self.affine = EqualizedDense(4, name="affine", dtype="float32")
        self.affine.build((None, self.config.style_dim))
        # no rotation and no shift to begin with
        self.affine.kernel.assign(np.zeros(self.affine.kernel.shape))
        self.affine.bias.assign([1.0, 0.0, 0.0, 0.0])

    def call(self, style: Any, transform: Any = None) -> Any:
        motion = self._motion(ops.cast(self.affine(style), "float32"))
        if transform is not None:
            motion = ops.matmul(motion, ops.cast(transform, "float32"))
        frequencies = ops.convert_to_tensor(self.frequencies)
        phases = ops.convert_to_tensor(self.phases)
        phases = phases + ops.matmul(motion[:, :2, 2], ops.transpose(frequencies))  # [batch, channels]
        frequencies = ops.matmul(frequencies, motion[:, :2, :2])  # [batch, channels, 2]
        lengths = ops.sqrt(ops.sum(ops.square(frequencies), axis=-1))
        room = self.band.rate / 2 - self.band.cutoff
        amplitudes = ops.clip(1.0 - (lengths - self.band.cutoff) / room, 0.0, 1.0)
        places = self._places()[None, :, None]
        across = places * frequencies[:, None, :, 0]  # [batch, width, channels]
        down = places * frequencies[:, None, :, 1]  # [batch, height, channels]
        turns = across[:, None] + down[:, :, None] + phases[:, None, None]
        x = ops.sin(2.0 * math.pi * turns) * amplitudes[:, None, None]
        kernel = ops.cast(ops.convert_to_tensor(self.kernel), self.compute_dtype) / math.sqrt(self.band.channels)
        return ops.matmul(ops.cast(x, self.compute_dtype), kernel)

    def _motion(self, numbers: Any) -> Any:
        """Matrices `[batch, 3, 3]` of the learned rotation and shift."""
        numbers = numbers / ops.sqrt(ops.sum(ops.square(numbers[:, :2]), axis=1, keepdims=True))
        cosine, sine, x, y = (numbers[:, index] for index in range(4))
        zero, one = ops.zeros_like(cosine), ops.ones_like(cosine)
        rows = [
            [cosine, -sine, -cosine * x + sine * y],
            [sine, cosine, -sine * x - cosine * y],
            [zero, zero, one],
        ]
        return ops.stack([ops.stack(row, axis=-1) for row in rows], axis=1)

    def _places(self) -> np.ndarray:
        """Middles of the samples in units of the image's side, 0 in the centre."""
        size = self.band.size
        places = ((2 * np.arange(size) + 1) / size - 1) * 0.5 * size / self.band.rate
        return places.astype(np.float32)

    def compute_output_shape(self, style_shape: Any, transform_shape: Any = None) -> Any:
        return (style_shape[0], self.band.size, self.band.size, self.band.channels)
