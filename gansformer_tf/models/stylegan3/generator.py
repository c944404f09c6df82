"""Generator of StyleGAN3."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras
from keras import ops

from gansformer_tf.models.style_kernels import StyleKernel
from gansformer_tf.models.styled import StyledGenerator
from gansformer_tf.models.stylegan3.synthesis import StyleGAN3Synthesis
from gansformer_tf.models.summary import Layer


@keras.saving.register_keras_serializable("gansformer_tf")
class StyleGAN3Generator(StyledGenerator):
    """Generator whose images move and (configuration R) turn with its input (StyleGAN3, Karras et al. 2021).

    Args:
        config: `StyleGAN3Config`.

    Call arguments:
        See `Generator`; beside them `synthesize` takes
        transform: Inverse of the wanted motion of the image, `[3, 3]` or `[batch, 3, 3]`, in units of its sides.
        magnitude_decay: With a number, the layers' inputs are divided by averages that have moved towards those of
            this batch by `1 - magnitude_decay`; the averages are returned too (`assign_magnitudes` keeps them).

    Example:

    >>> from gansformer_tf.config import StyleGAN3Config
    >>> config = StyleGAN3Config(resolution=16, channel_base=32, channel_max=4, latent_size=8, margin_size=3)
    >>> StyleGAN3Generator(config)(keras.random.normal((2, 1, 8))).shape
    TensorShape([2, 16, 16, 3])
    """

    def _make_synthesis(self) -> StyleGAN3Synthesis:
        return StyleGAN3Synthesis(self.config, name="synthesis", dtype=self.dtype_policy)

    def synthesize(
        self,
        w: Any,
        noise_mode: str = "random",
        noise: list[Any] | None = None,
        training: bool = False,
        rng: Any = None,
        return_attention: bool = False,
        transform: Any = None,
        magnitude_decay: float | None = None,
    ) -> Any:
        """w `[batch, 1, num_layers, style_dim]` to images; with `magnitude_decay` to (images, magnitudes)."""
        self._check_synthesis(w, noise_mode, noise, return_attention)
        w = ops.cast(w[:, 0], self.compute_dtype)
        images, magnitudes = self.synthesis(w, transform=transform, magnitude_decay=magnitude_decay)
        images = ops.cast(images, "float32")
        return images if magnitude_decay is None else (images, magnitudes)

    def style_kernels(self) -> Iterator[StyleKernel]:
        """See `Generator`."""
        yield StyleKernel(0, False, self.synthesis.input_.affine.kernel)
        for index, layer in enumerate(self.synthesis.layers_):
            yield StyleKernel(index + 1, False, layer.affine.kernel)

    @property
    def magnitudes(self) -> list[Any]:
        """Variables of the average magnitudes, layer by layer."""
        return [layer.magnitude for layer in self.synthesis.layers_]

    def assign_magnitudes(self, magnitudes: Any) -> None:
        """Keeps the averages that `synthesize` returned."""
        for index, variable in enumerate(self.magnitudes):
            variable.assign(magnitudes[index])

    def _synthesis_layers(self) -> Iterator[Layer]:
        synthesis = self.synthesis
        band = synthesis.input_.band
        yield "input", synthesis.input_.weights, (None, band.size, band.size, band.channels)
        for layer in synthesis.layers_:
            target = layer.plan.target
            yield layer.name, layer.weights, (None, target.size, target.size, target.channels)
