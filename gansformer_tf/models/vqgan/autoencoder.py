"""Stage 1 of VQGAN as a whole."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from gansformer_tf.config import from_dict, to_dict
from gansformer_tf.config.vqgan import AutoencoderConfig
from gansformer_tf.models.vqgan.blocks import convolution
from gansformer_tf.models.vqgan.coder import VQDecoder, VQEncoder
from gansformer_tf.models.vqgan.quantizers import build_quantizer


@keras.saving.register_keras_serializable("gansformer_tf")
class VQAutoencoder(keras.Model):
    """Images as grids of codes, and codes as images.

    Args:
        config: `AutoencoderConfig`.

    Call arguments:
        images: `[batch, height, width, image_channels]` in [-1, 1]; other sizes than the configuration's are taken too.
        training: Switches dropout on.
        rng: `SeedStream` of the dropout.

    Returns:
        (reconstruction `[batch, height, width, image_channels]` float32, loss of the codes, codes
        `[batch, rows, columns]`).

    Source: "Taming Transformers for High-Resolution Image Synthesis" (Esser et al. 2021), section 3.1.

    Example:

    >>> config = AutoencoderConfig(height=16, width=16, channels=32, channel_multipliers=(1, 1), blocks_per_level=1,
    ...                            latent_channels=8, num_codes=24, code_dim=6)
    >>> VQAutoencoder(config)(keras.ops.zeros((2, 16, 16, 3)))[2].shape
    TensorShape([2, 8, 8])
    """

    def __init__(self, config: AutoencoderConfig, **kwargs: Any) -> None:
        kwargs.setdefault("name", "autoencoder")
        super().__init__(**kwargs)
        self.config = config
        dtype = self.dtype_policy
        with keras.name_scope(self.name):
            self.encoder = VQEncoder(config, name="encoder", dtype=dtype)
            self.to_codes = convolution(config.latent_channels, config.code_dim, 1, name="to_codes", dtype=dtype)
            self.quantizer = build_quantizer(config, name="quantizer")
            self.from_codes = convolution(config.code_dim, config.latent_channels, 1, name="from_codes", dtype=dtype)
            self.decoder = VQDecoder(config, name="decoder", dtype=dtype)
        self.built = True

    def call(self, images: Any, training: bool = False, rng: Any = None) -> Any:
        vectors, loss, indices = self.quantizer(self.encode(images, training=training, rng=rng))
        return self.decode(vectors, training=training, rng=rng), loss, indices

    def encode(self, images: Any, training: bool = False, rng: Any = None) -> Any:
        """Images to vectors before they are quantised, `[batch, rows, columns, code_dim]`."""
        return self.to_codes(self.encoder(images, training=training, rng=rng))

    def decode(self, vectors: Any, training: bool = False, rng: Any = None, before_last: bool = False) -> Any:
        """Quantised vectors to images; see `VQDecoder`."""
        vectors = ops.cast(vectors, self.compute_dtype)
        return self.decoder(self.from_codes(vectors), training=training, rng=rng, before_last=before_last)

    def codes_of(self, images: Any) -> Any:
        """Codes of images, `[batch, rows, columns]`."""
        return self.quantizer(self.encode(images))[2]

    def decode_codes(self, indices: Any) -> Any:
        """Codes `[batch, rows, columns]` to images."""
        return self.decode(self.quantizer.vectors(indices))

    def get_config(self) -> dict[str, Any]:
        return {"config": to_dict(self.config), "name": self.name, "dtype": self.dtype_policy.name}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> VQAutoencoder:
        return cls(**(config | {"config": from_dict(AutoencoderConfig, config["config"])}))
