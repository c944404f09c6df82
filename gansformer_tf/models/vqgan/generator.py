"""Both stages of VQGAN as one generator from latents to images."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras
from keras import ops

from gansformer_tf.config.vqgan import CodeSampling
from gansformer_tf.models.base import Generator
from gansformer_tf.models.summary import Layer
from gansformer_tf.models.vqgan.autoencoder import VQAutoencoder
from gansformer_tf.models.vqgan.sampling import numbers_of, sample_codes
from gansformer_tf.models.vqgan.transformer import CodeTransformer


@keras.saving.register_keras_serializable("gansformer_tf")
class VQGAN(Generator):
    """Draws the codes of an image with the transformer and decodes them.

    A latent has one standard normal number per code, which says where in the sum of the probabilities the code is
    taken, so the same latent gives the same image in every batch. What `map` gives is the codes, as float32
    `[batch, 1, 1, num_tokens]`. Call arguments are those of `Generator`; there is neither noise nor truncation, and
    dropout is off, because drawing is no part of training.

    Args:
        config: `VQGANConfig`; how codes are drawn stands in it.

    Raises:
        ValueError: An image is asked of a model that has no transformer.

    Source: "Taming Transformers for High-Resolution Image Synthesis" (Esser et al. 2021).

    Example:

    >>> from gansformer_tf.config.vqgan import VQGANConfig
    >>> config = VQGANConfig(
    ...     resolution=16, channels=32, channel_multipliers=(1, 1), blocks_per_level=1, latent_channels=8, num_codes=24,
    ...     code_dim=6, transformer_layers=1, transformer_heads=2, transformer_width=16,
    ... )
    >>> VQGAN(config)(keras.random.normal((2, 1, 64))).shape
    TensorShape([2, 16, 16, 3])
    """

    def _make_networks(self) -> None:
        config, dtype = self.config, self.dtype_policy
        with keras.name_scope(self.name):
            self.autoencoder = VQAutoencoder(config.autoencoder, dtype=dtype)
            second = config.transformer
            self.transformer = None if second is None else CodeTransformer(second, dtype=dtype)

    def build(self, input_shape: Any = None) -> None:
        self.built = True  # as its parts are

    def _map(self, z: Any, labels: Any, training: bool, rng: Any, **shared: Any) -> Any:
        return ops.cast(self.draw(z[:, 0], labels), "float32")[:, None]

    def synthesize(
        self,
        w: Any,
        noise_mode: str = "random",
        noise: list[Any] | None = None,
        training: bool = False,
        rng: Any = None,
        return_attention: bool = False,
    ) -> Any:
        """Images of what `map` gives; see `Generator`."""
        self._check_synthesis(w, noise_mode, noise, return_attention)
        return self.decode(ops.cast(w[:, 0, 0], "int32"))

    def draw(self, z: Any, labels: Any = None, sampling: CodeSampling | None = None, known: Any = None) -> Any:
        """Latents `[batch, num_tokens]` to codes `[batch, num_tokens]`, row by row.

        Args:
            z: Standard normal.
            labels: One-hot `[batch, label_dim]`, or None for a model without labels.
            sampling: In place of the configuration's.
            known: The first codes of each image, `[batch, count]`.
        """
        if self.transformer is None:
            raise ValueError(
                "an image was asked for; this model has the first stage of VQGAN only, which makes reconstructions. "
                "Use one with both stages."
            )
        return sample_codes(self.transformer, numbers_of(z), labels, sampling or self.config.sampling, known)

    def decode(self, codes: Any) -> Any:
        """Codes `[batch, num_tokens]` to images."""
        return self.autoencoder.decode_codes(ops.reshape(codes, (-1, *self.config.autoencoder.grid)))

    def encode(self, images: Any) -> Any:
        """Images to codes `[batch, num_tokens]`, row by row."""
        return ops.reshape(self.autoencoder.codes_of(images), (-1, self.config.num_tokens))

    def reconstruct(self, images: Any) -> Any:
        """Images `[batch, height, width, image_channels]` in [-1, 1] as their codes draw them, in about [-1, 1]."""
        return self.autoencoder(images)[0]

    def _layers_of_summary(self) -> Iterator[Layer]:
        config, first, second = self.config, self.autoencoder, self.transformer
        grid = (None, *first.config.grid)
        yield "encoder", first.encoder.weights, (*grid, config.latent_channels)
        yield "to_codes", first.to_codes.weights, (*grid, config.code_dim)
        yield "codebook", first.quantizer.weights, (*grid, config.code_dim)
        yield "from_codes", first.from_codes.weights, (*grid, config.latent_channels)
        yield "decoder", first.decoder.weights, (None, config.height, config.width, config.image_channels)
        if second is None:
            return
        tokens = (None, config.num_tokens, config.transformer_width)
        yield "embeddings", [second.token_embedding, second.position_embedding], tokens
        for block in second.blocks:
            yield block.name, block.weights, tokens
        yield second.norm_out.name, second.norm_out.weights, tokens
        yield second.head.name, second.head.weights, (None, config.num_tokens, config.num_codes)
