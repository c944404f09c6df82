"""Two very small networks with the interface of the real ones, for tests of the training machinery."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from gansformer_tf.config import DiscriminatorConfig, GANsformerConfig, ModelConfig, TrainConfig
from gansformer_tf.layers.minibatch_stddev import MinibatchStddev

RESOLUTION = 8
NOISE_SHAPE = (RESOLUTION, RESOLUTION, 1)


class TinyGenerator(keras.Model):
    """w goes through one dense layer per layer of w; the layers are added up to one image, with noise."""

    def __init__(self, config: GANsformerConfig, **kwargs: Any) -> None:
        kwargs.setdefault("name", "generator")
        super().__init__(**kwargs)
        self.config = config
        self.noise_shapes = [NOISE_SHAPE]
        self.mapping = keras.layers.Dense(config.latent_dim, activation="leaky_relu", name="mapping")
        self.painters = [
            keras.layers.Dense(RESOLUTION * RESOLUTION * 3, name=f"painter{index}")
            for index in range(config.num_layers)
        ]
        self.strength = self.add_weight(shape=(), initializer="ones", name="strength")
        self.w_avg = self.add_weight(shape=(config.latent_dim,), initializer="zeros", trainable=False, name="w_avg")
        self.mapping.build((None, config.num_latents, config.latent_dim))
        for painter in self.painters:
            painter.build((None, config.num_latents * config.latent_dim))
        self.built = True

    def shared_draws(self, batch_size: int, rng: Any) -> dict[str, Any]:
        return {}

    def map(
        self, z: Any, labels: Any = None, truncation_psi: float = 1.0, training: bool = False, rng: Any = None
    ) -> Any:
        return ops.repeat(ops.expand_dims(self.mapping(z), 2), self.config.num_layers, axis=2)

    def synthesize(
        self, w: Any, noise_mode: str = "random", noise: Any = None, training: bool = False, rng: Any = None
    ) -> Any:
        rows = ops.reshape(ops.transpose(w, (0, 2, 1, 3)), (-1, self.config.num_layers, w.shape[1] * w.shape[3]))
        flat = sum(painter(rows[:, layer]) for layer, painter in enumerate(self.painters))
        images = ops.tanh(ops.reshape(flat, (-1, RESOLUTION, RESOLUTION, 3)))
        if noise_mode == "random":
            drawn = rng.normal((w.shape[0], *NOISE_SHAPE)) if noise is None else noise[0]
            images = images + 0.1 * self.strength * drawn
        return images

    def call(self, z: Any) -> Any:
        return self.synthesize(self.map(z), noise_mode="none")


class TinyDiscriminator(keras.Model):
    """One convolution, minibatch standard deviation, dropout and a dense layer."""

    def __init__(self, config: DiscriminatorConfig, **kwargs: Any) -> None:
        kwargs.setdefault("name", "discriminator")
        super().__init__(**kwargs)
        self.config = config
        self.convolution = keras.layers.Conv2D(
            8, 3, strides=2, padding="same", activation="softplus", name="convolution"
        )
        self.statistics = MinibatchStddev(group_size=config.mbstd_group_size)
        self.head = keras.layers.Dense(1, name="head")
        self.convolution.build((None, RESOLUTION, RESOLUTION, 3))
        self.head.build((None, 4 * 4 * 9))
        self.built = True

    def prepare(self) -> None:
        pass

    def call(self, images: Any, labels: Any = None, training: bool = False, rng: Any = None) -> Any:
        x = self.statistics(self.convolution(images))
        x = ops.reshape(x, (images.shape[0], -1))
        if training:
            x = x * ops.cast(rng.uniform(x.shape) > 0.1, x.dtype)
        return self.head(x)


def tiny_model_config() -> ModelConfig:
    geometry = {"resolution": RESOLUTION, "latent_size": 8, "num_components": 2, "transformer": True}
    return ModelConfig(GANsformerConfig(**geometry), DiscriminatorConfig(resolution=RESOLUTION, mbstd_group_size=2))


def tiny_networks(seed: int = 1) -> tuple[TinyGenerator, TinyDiscriminator, TinyGenerator]:
    """Generator, discriminator, averaged generator; equal weights for equal seeds."""
    keras.utils.set_random_seed(seed)
    config = tiny_model_config()
    generator, discriminator = TinyGenerator(config.generator), TinyDiscriminator(config.discriminator)
    average = TinyGenerator(config.generator, name="ema_generator")
    average.set_weights(generator.get_weights())
    return generator, discriminator, average


def tiny_train_config(**changes: Any) -> TrainConfig:
    values = {
        "batch_size": 8,
        "batch_size_per_replica": 8,
        "path_length": True,
        "g_reg_interval": 2,
        "d_reg_interval": 3,
        "component_mixing": 0.5,
    }
    return TrainConfig(**(values | changes))
