"""Base of the layers that are built from a network's configuration."""

from __future__ import annotations

from typing import Any

import keras

from gansformer_tf.config import GANsformerConfig, from_dict, to_dict
from gansformer_tf.config.image import ImageConfig


class ConfiguredLayer(keras.layers.Layer):
    """A layer whose shape follows from a configuration, which it serialises as a plain dictionary.

    Subclasses name the class of their configuration and add their other arguments to `get_config`.
    """

    config_class: type[ImageConfig] = GANsformerConfig

    def __init__(self, config: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.config = config

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"config": to_dict(self.config)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> ConfiguredLayer:
        return super().from_config(config | {"config": from_dict(cls.config_class, config["config"])})
