"""Both stages of VQGAN as one network from latents to images."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from gansformer_tf.config import from_dict, to_dict
from gansformer_tf.config.vqgan import CodeSampling, VQGANConfig
from gansformer_tf.models.vqgan.autoencoder import VQAutoencoder
from gansformer_tf.models.vqgan.sampling import numbers_of, sample_codes
from gansformer_tf.models.vqgan.transformer import CodeTransformer


@keras.saving.register_keras_serializable("gansformer_tf")
class VQGAN(keras.Model):
    """Draws the codes of an image with the transformer and decodes them.

    A latent has one standard normal number per code, which says where in the sum of the probabilities the code is
    taken, so the same latent gives the same image in every batch.

    Args:
        config: `VQGANConfig`.

    Call arguments:
        z: `[batch, num_tokens]`, standard normal.
        labels: One-hot `[batch, label_dim]`, or None for a model without labels.
        sampling: `CodeSampling`; by default from all codes, at temperature 1.

    Returns:
        Images `[batch, height, width, image_channels]`, float32, about [-1, 1].

    Source: "Taming Transformers for High-Resolution Image Synthesis" (Esser et al. 2021).

    Example:

    >>> first = AutoencoderConfig(height=16, width=16, channels=32, channel_multipliers=(1, 1), blocks_per_level=1,
    ...                           latent_channels=8, num_codes=24, code_dim=6)
    >>> second = CodeTransformerConfig(num_codes=24, num_tokens=64, num_layers=1, num_heads=2, width=16)
    >>> VQGAN(VQGANConfig(first, second))(keras.random.normal((2, 64))).shape
    TensorShape([2, 16, 16, 3])
    """

    def __init__(self, config: VQGANConfig, **kwargs: Any) -> None:
        kwargs.setdefault("name", "vqgan")
        super().__init__(**kwargs)
        self.config = config
        self.autoencoder = VQAutoencoder(config.autoencoder, dtype=self.dtype_policy)
        self.transformer = CodeTransformer(config.transformer, dtype=self.dtype_policy)
        self.built = True

    def call(self, z: Any, labels: Any = None, sampling: CodeSampling | None = None) -> Any:
        return self.decode(self.draw(z, labels, sampling))

    def draw(self, z: Any, labels: Any = None, sampling: CodeSampling | None = None, known: Any = None) -> Any:
        """Latents to codes `[batch, num_tokens]`, row by row; the first ones may be `known` `[batch, count]`."""
        return sample_codes(self.transformer, numbers_of(z), labels, sampling, known)

    def decode(self, codes: Any) -> Any:
        """Codes `[batch, num_tokens]` to images."""
        return self.autoencoder.decode_codes(ops.reshape(codes, (-1, *self.config.autoencoder.grid)))

    def encode(self, images: Any) -> Any:
        """Images to codes `[batch, num_tokens]`, row by row."""
        return ops.reshape(self.autoencoder.codes_of(images), (-1, self.config.transformer.num_tokens))

    def get_config(self) -> dict[str, Any]:
        return {"config": to_dict(self.config), "name": self.name, "dtype": self.dtype_policy.name}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> VQGAN:
        return cls(**(config | {"config": from_dict(VQGANConfig, config["config"])}))
