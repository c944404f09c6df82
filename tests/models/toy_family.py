"""A family of generators in a few lines, which the package has never heard of: one dense layer from w to the pixels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import keras
from keras import ops

from gansformer_tf.config import GeneratorConfig
from gansformer_tf.config.base import require_choice
from gansformer_tf.models.base import Generator


@dataclass(frozen=True)
class ToyConfig(GeneratorConfig):
    """Configuration of the toy."""

    family: str = "toy"
    network: ClassVar[str] = "tests.models.toy_family:ToyGenerator"

    def __post_init__(self) -> None:
        require_choice("family", self.family, ("toy",))
        self._validate_image()


@keras.saving.register_keras_serializable("gansformer_tf_tests")
class ToyGenerator(Generator):
    """w is z behind a dense layer, the image is w behind another."""

    def _make_networks(self) -> None:
        pixels = self.config.height * self.config.width * self.config.image_channels
        self.mapping = keras.layers.Dense(self.config.style_dim, name="mapping")
        self.synthesis = keras.layers.Dense(pixels, name="synthesis")

    def build(self, input_shape: Any = None) -> None:
        self.mapping.build((None, self.config.num_latents, self.config.latent_dim))
        self.synthesis.build((None, self.config.style_dim))
        super().build(input_shape)

    def _map(self, z: Any, labels: Any, training: bool, rng: Any, **shared: Any) -> Any:
        return self.mapping(z)

    def synthesize(self, w: Any, noise_mode: str = "random", noise: Any = None, **options: Any) -> Any:
        self._check_synthesis(w, noise_mode, noise, options.get("return_attention", False))
        config = self.config
        return ops.reshape(self.synthesis(w[:, 0, 0]), (-1, config.height, config.width, config.image_channels))

    def _layers_of_summary(self) -> Iterator[tuple[str, list[Any], tuple]]:
        for layer in (self.mapping, self.synthesis):
            yield layer.name, layer.weights, (None, layer.units)
