"""Local noise of StyleGAN."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from gansformer_tf.config.generator import NOISE_MODES
from gansformer_tf.ops.random import seed_generator, stream


@keras.saving.register_keras_serializable("gansformer_tf")
class NoiseInjection(keras.layers.Layer):
    """Adds `strength * noise`, one value per pixel shared over channels (StyleGAN, section 3.2).

    The constant noise map is a fixed buffer drawn once, as in the original; the strength is learned from 0.

    Call arguments:
        inputs: `[batch, height, width, channels]`.
        noise_mode: "random" (use `noise`), "const" (use the buffer) or "none".
        noise: `[batch, height, width, 1]`, standard normal; with "random" it is drawn if not given.
        rng: `SeedStream` of the draw; None takes the next seed of the layer's own generator.

    Returns:
        The shape of `inputs`.

    Raises:
        ValueError: `noise_mode` is unknown.

    Example:

    >>> tuple(NoiseInjection()(ops.ones((2, 4, 4, 3)), noise_mode="const").shape)
    (2, 4, 4, 3)
    """

    def __init__(self, *, maps: int = 1, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.maps = maps
        self.seed = seed
        self.seed_generator = seed_generator()

    def build(self, input_shape: Any) -> None:
        _, height, width, _ = input_shape
        self.strength = self.add_weight(shape=(), initializer="zeros", name="strength")
        self.buffer = self.add_weight(
            shape=(self.maps, int(height), int(width), 1),
            initializer=keras.initializers.RandomNormal(stddev=1.0, seed=self.seed),
            trainable=False,
            name="buffer",
        )

    def call(self, inputs: Any, noise_mode: str = "random", noise: Any = None, rng: Any = None) -> Any:
        if noise_mode == "none":
            return inputs
        if noise_mode == "const":
            noise = ops.convert_to_tensor(self.buffer)
            if self.maps > 1:  # k-GAN: one map per component, batch order is [sample, component]
                noise = ops.tile(noise, [ops.shape(inputs)[0] // self.maps, 1, 1, 1])
        elif noise_mode != "random":
            raise ValueError(f"noise_mode is {noise_mode!r}; it must be one of: {', '.join(NOISE_MODES)}.")
        elif noise is None:
            noise = stream(rng, self.seed_generator).normal((*ops.shape(inputs)[:-1], 1))
        return inputs + ops.cast(noise, self.compute_dtype) * self.strength

    def compute_output_shape(self, input_shape: Any, *args: Any, **kwargs: Any) -> Any:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"maps": self.maps, "seed": self.seed}
