"""Generator of GANsformer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras
from keras import ops

from gansformer_tf.layers.positional import embedding_initializer
from gansformer_tf.models.base import Generator
from gansformer_tf.models.blocks import BlockRunner
from gansformer_tf.models.gansformer.mapping import MappingNetwork
from gansformer_tf.models.gansformer.summary import generator_layers
from gansformer_tf.models.gansformer.synthesis import SynthesisNetwork
from gansformer_tf.models.style_kernels import StyleKernel
from gansformer_tf.models.summary import Layer
from gansformer_tf.ops import SeedStream


@keras.saving.register_keras_serializable("gansformer_tf")
class GANsformerGenerator(Generator):
    """Generator of GANsformer and of its baselines (StyleGAN2, GAN, SAGAN, k-GAN), chosen by the configuration.

    Args:
        config: `GANsformerConfig`.

    Call arguments:
        See `Generator`; with attention the last of the latents is the global one. `map` and `synthesize` also take
        component_mask: Components that component dropout keeps, `[batch, k]`, or None.

    Returns:
        See `Generator`.

    Example:

    >>> from gansformer_tf.config import GANsformerConfig
    >>> generator = GANsformerGenerator(GANsformerConfig(resolution=32, channel_max=16, latent_size=32))
    >>> z = keras.random.normal((2, generator.config.num_latents, generator.config.latent_dim))
    >>> generator(z, rng=0).shape
    TensorShape([2, 32, 32, 3])
    """

    def _make_networks(self) -> None:
        self.mapping = MappingNetwork(self.config, name="mapping", dtype=self.dtype_policy)
        self.synthesis = SynthesisNetwork(self.config, name="synthesis", dtype=self.dtype_policy)

    def build(self, input_shape: Any = None) -> None:
        config = self.config
        self.component_embedding = None
        if config.embeds_components:
            self.component_embedding = self.add_weight(
                shape=(config.num_components, config.style_dim),
                initializer=embedding_initializer(config.pos_init),
                name="component_embedding",
            )
        super().build(input_shape)

    @property
    def noise_shapes(self) -> list[tuple[int, int, int]]:
        return self.synthesis.noise_shapes

    def style_kernels(self) -> Iterator[StyleKernel]:
        for block in self.synthesis.blocks:
            for layer in block.layers_:
                yield from _modulating(layer.index, layer.conv)
                if layer.attention is not None and layer.attention.components:
                    yield from _attending(layer.index, layer.attention.image_to_components, self.config.style_dim)
            if block.extra is not None:
                yield from _modulating(block.extra_index, block.extra)
            if block.to_rgb is not None:
                yield from _modulating(block.to_rgb.index, block.to_rgb.conv)

    def _layers_of_summary(self) -> Iterator[Layer]:
        return generator_layers(self)

    def shared_draws(self, batch_size: int, rng: Any) -> dict[str, Any]:
        if self.config.component_dropout > 0.0 and self.config.transformer:
            return {"component_mask": self.component_mask(batch_size, rng)}
        return {}

    def component_mask(self, batch_size: Any, rng: Any) -> Any:
        """Components that component dropout keeps, `[batch, k]`; an image never loses all of them."""
        shape = (batch_size, self.config.num_components)
        keep = self._stream(rng).uniform(shape) >= self.config.component_dropout
        return ops.cast(ops.logical_or(keep, ops.logical_not(ops.any(keep, axis=1, keepdims=True))), "float32")

    def _map(
        self, z: Any, labels: Any, training: bool, rng: SeedStream, component_mask: Any = None, **shared: Any
    ) -> Any:
        return self.mapping(
            z,
            labels=labels,
            positions=self._positions(),
            component_mask=component_mask,
            training=training,
            rng=rng,
        )

    def synthesize(
        self,
        w: Any,
        noise_mode: str = "random",
        noise: list[Any] | None = None,
        training: bool = False,
        rng: Any = None,
        return_attention: bool = False,
        component_mask: Any = None,
    ) -> Any:
        self._check_synthesis(w, noise_mode)
        images, maps = self.synthesis(
            ops.cast(w, self.compute_dtype),
            noise_mode=noise_mode,
            noise=noise,
            positions=self._positions(),
            component_mask=component_mask,
            training=training,
            rng=self._stream(rng),
            return_attention=return_attention,
        )
        images = ops.cast(images, "float32")
        return (images, maps) if return_attention else images

    def run_blocks_with(self, run: BlockRunner) -> None:
        self.synthesis.run_block = run

    def _positions(self) -> Any:
        if self.component_embedding is None:
            return None
        return ops.cast(ops.convert_to_tensor(self.component_embedding), self.compute_dtype)


def _modulating(index: int, conv: Any) -> Iterator[StyleKernel]:
    if conv.affine is not None:
        yield StyleKernel(index, False, conv.affine.kernel)


def _attending(index: int, attention: Any, style_dim: int) -> Iterator[StyleKernel]:
    """What attention takes from the components: their values."""
    for variable in attention.trainable_variables:
        if variable.path.endswith("/value/kernel") and variable.shape[0] == style_dim:
            yield StyleKernel(index, True, variable)
