"""Everything that attends inside one layer of the synthesis network."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from gansformer_tf.config import GANsformerConfig
from gansformer_tf.layers.attention import BipartiteAttention
from gansformer_tf.layers.centroid_attention import CentroidAttention
from gansformer_tf.layers.configured import ConfiguredLayer
from gansformer_tf.layers.duplex_attention import DuplexAttention
from gansformer_tf.layers.latent_update import LatentUpdate


@keras.saving.register_keras_serializable("gansformer_tf")
class AttentionStage(ConfiguredLayer):
    """Image features attend to the latent components, and the latents may be updated for the layers that follow.

    In this order: image to components (simplex, or duplex with `kmeans`), image to image (plain residual attention,
    SAGAN), components to each other, components to the image.

    Args:
        config: Generator configuration.
        components: Whether image and components attend to each other here.
        image: Whether image positions attend to each other here.
        first: First attended layer of the network (matters to `iterative`).

    Call arguments:
        x: `[batch, height, width, channels]`.
        latents: `[batch, k, latent_dim]`.
        grid: Encoding of the image positions `[height * width, position_dim]` or None.
        positions: Embedding of the components `[k, latent_dim]` or None.
        assignments: `[batch, heads, k, height * width]` from an earlier layer, or None.
        component_mask, training, rng: See `BipartiteAttention`.

    Returns:
        (x, latents, probabilities `[batch, heads, n, k]` or None, assignments or None).
    """

    def __init__(
        self,
        config: GANsformerConfig,
        *,
        components: bool = True,
        image: bool = False,
        first: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(config, **kwargs)
        self.components = components
        self.image = image
        self.first = first

    def build(
        self, x_shape: Any, latents_shape: Any = None, grid_shape: Any = None, positions_shape: Any = None
    ) -> None:
        config = self.config
        _, height, width, channels = x_shape
        tokens = (None, height * width, channels)
        self.image_to_components: Any = None
        self.image_to_image: Any = None
        self.latent_self_update: Any = None
        self.latent_image_update: Any = None
        if self.components:
            self.image_to_components = self._component_attention(channels)
            self.image_to_components.build(tokens, latents_shape, grid_shape, positions_shape)
        if self.image:
            self.image_to_image = BipartiteAttention(
                channels,
                query_gate=config.image_gate,
                key_gate=config.image_gate,
                **self._shared("image_to_image"),
            )
            self.image_to_image.build(tokens, tokens, grid_shape, grid_shape)
        if self.components and config.latent_self_attention:
            gates = {"query_gate": config.latent_gate, "key_gate": config.latent_gate}
            self.latent_self_update = LatentUpdate(**gates, **self._shared("latent_self_update"))
            self.latent_self_update.build(latents_shape, latents_shape, positions_shape, positions_shape)
        if self.components and config.image_to_latent:
            gates = {"query_gate": config.latent_gate, "key_gate": config.image_gate}
            self.latent_image_update = LatentUpdate(**gates, **self._shared("latent_image_update"))
            self.latent_image_update.build(latents_shape, tokens, positions_shape, grid_shape)

    def _shared(self, name: str) -> dict[str, Any]:
        config = self.config
        return {
            "num_heads": config.num_heads,
            "dropout": config.attention_dropout,
            "name": name,
            "dtype": self.dtype_policy,
        }

    def _component_attention(self, channels: int) -> keras.layers.Layer:
        config = self.config
        options = {
            "integration": config.integration,
            "normalization": config.attention_normalization,
            **self._shared("image_to_components"),
        }
        if config.attention_form == "paper" and config.kmeans:
            return DuplexAttention(
                channels,
                iterations=config.kmeans_iterations,
                image_gate=config.image_gate,
                latent_gate=config.latent_gate,
                **options,
            )
        options |= {"query_gate": config.image_gate, "key_gate": config.latent_gate}
        if config.kmeans:
            return CentroidAttention(
                channels,
                num_centroids=config.num_components,
                iterations=config.kmeans_iterations,
                iterative=config.iterative,
                first=self.first,
                **options,
            )
        divisions = config.kmeans_iterations if config.attention_form == "code" else 1
        return BipartiteAttention(channels, score_divisions=divisions, **options)

    def call(
        self,
        x: Any,
        latents: Any = None,
        grid: Any = None,
        positions: Any = None,
        assignments: Any = None,
        component_mask: Any = None,
        training: bool = False,
        rng: Any = None,
    ) -> tuple[Any, Any, Any, Any]:
        height, width, channels = x.shape[1:]
        tokens = ops.reshape(x, (-1, height * width, channels))
        options = {"training": training, "rng": rng}
        probabilities = None
        if self.image_to_components is not None:
            tokens, latents, probabilities, assignments = self._attend(
                tokens, latents, grid, positions, assignments, component_mask, options
            )
        if self.image_to_image is not None:
            tokens, _ = self.image_to_image(tokens, tokens, x_pos=grid, y_pos=grid, **options)
        if self.latent_self_update is not None:
            updated = self.latent_self_update(
                latents, x_pos=positions, y_pos=positions, component_mask=component_mask, **options
            )
            # The original feeds both updates the same input and keeps the second result only.
            if not (self.config.original_behaviour and self.latent_image_update is not None):
                latents = updated
        if self.latent_image_update is not None:
            latents = self.latent_image_update(latents, tokens, x_pos=positions, y_pos=grid, **options)
        return ops.reshape(tokens, (-1, height, width, channels)), latents, probabilities, assignments

    def _attend(
        self,
        tokens: Any,
        latents: Any,
        grid: Any,
        positions: Any,
        assignments: Any,
        component_mask: Any,
        options: dict[str, Any],
    ) -> tuple[Any, Any, Any, Any]:
        attention = self.image_to_components
        options = {"x_pos": grid, "y_pos": positions, "component_mask": component_mask, **options}
        if isinstance(attention, BipartiteAttention) and not isinstance(attention, CentroidAttention):
            tokens, probabilities = attention(tokens, latents, **options)
            return tokens, latents, probabilities, None
        carried = assignments if self.config.iterative else None
        if isinstance(attention, DuplexAttention):
            tokens, probabilities, assignments, latents = attention(tokens, latents, assignments=carried, **options)
            return tokens, latents, probabilities, assignments
        tokens, probabilities, assignments = attention(tokens, latents, assignments=carried, **options)
        return tokens, latents, probabilities, assignments

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"components": self.components, "image": self.image, "first": self.first}
