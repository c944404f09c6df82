"""Local noise of StyleGAN."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

NOISE_MODES = ("random", "const", "none")


@keras.saving.register_keras_serializable("gansformer_tf")
class NoiseInjection(keras.layers.Layer):
    """Adds `strength * noise`, one value per pixel shared over channels (StyleGAN, section 3.2).

    The constant noise map is a fixed buffer drawn once, as in the original; the strength is learned from 0.

    Call arguments:
        inputs: `[batch, height, width, channels]`.
        noise_mode: "random" (use `noise`), "const" (use the buffer) or "none".
        noise: `[batch, height, width, 1]`, standard normal; needed with "random".

    Returns:
        The shape of `inputs`.

    Raises:
        ValueError: `noise_mode` is unknown, or "random" without `noise`.

    Example:

    >>> tuple(NoiseInjection()(ops.ones((2, 4, 4, 3)), noise_mode="const").shape)
    (2, 4, 4, 3)
    """

    def __init__(self, *, maps: int = 1, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.maps = maps
        self.seed = seed

    def build(self, input_shape: Any) -> None:
        _, height, width, _ = input_shape
        self.strength = self.add_weight(shape=(), initializer="zeros", name="strength")
        self.buffer = self.add_weight(
            shape=(self.maps, int(height), int(width), 1),
            initializer=keras.initializers.RandomNormal(stddev=1.0, seed=self.seed),
            trainable=False,
            name="buffer",
        )

    def call(self, inputs: Any, noise_mode: str = "random", noise: Any = None) -> Any:
        if noise_mode == "none":
            return inputs
        if noise_mode == "const":
            noise = ops.convert_to_tensor(self.buffer)
            if self.maps > 1:  # k-GAN: one map per component, batch order is [sample, component]
                noise = ops.tile(noise, [ops.shape(inputs)[0] // self.maps, 1, 1, 1])
        elif noise_mode != "random":
            raise ValueError(f"noise_mode is {noise_mode!r}; it must be one of: {', '.join(NOISE_MODES)}.")
        elif noise is None:
            raise ValueError("noise_mode 'random' needs noise; pass rng or noise to the generator.")
        return inputs + ops.cast(noise, self.compute_dtype) * self.strength

    def compute_output_shape(self, input_shape: Any, *args: Any, **kwargs: Any) -> Any:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"maps": self.maps, "seed": self.seed}
