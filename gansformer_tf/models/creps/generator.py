"""Generator of CREPS, which draws images of any size."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras
from keras import ops

from gansformer_tf.models.coordinates import line_coordinates
from gansformer_tf.models.creps.synthesis import CREPSSynthesis, Lines
from gansformer_tf.models.style_kernels import StyleKernel
from gansformer_tf.models.styled import StyledGenerator
from gansformer_tf.models.summary import Layer


@keras.saving.register_keras_serializable("gansformer_tf")
class CREPSGenerator(StyledGenerator):
    """Generator whose pixels are functions of their row and column (CREPS, Nguyen et al. 2022).

    Args:
        config: `CREPSConfig`.

    Call arguments:
        See `Generator`; beside them `synthesize` takes
        rows: Coordinates of the rows to draw, `[height]` (see `line_coordinates`); None: those of training.
        columns: The same for the columns, `[width]`.

    Example:

    >>> from gansformer_tf.config import CREPSConfig
    >>> config = CREPSConfig(resolution=16, channel_base=64, channel_max=8, latent_size=8, line_channels=4)
    >>> CREPSGenerator(config)(keras.random.normal((2, 1, 8))).shape
    TensorShape([2, 16, 16, 3])
    """

    def _make_synthesis(self) -> CREPSSynthesis:
        return CREPSSynthesis(self.config, name="synthesis", dtype=self.dtype_policy)

    def synthesize(
        self,
        w: Any,
        noise_mode: str = "random",
        noise: list[Any] | None = None,
        training: bool = False,
        rng: Any = None,
        return_attention: bool = False,
        rows: Any = None,
        columns: Any = None,
    ) -> Any:
        """w `[batch, num_latents, num_layers, style_dim]` to images `[batch, rows, columns, image_channels]`."""
        self._check_synthesis(w, noise_mode, noise, return_attention)
        default = line_coordinates(self.config)
        rows = default[0] if rows is None else rows
        columns = default[1] if columns is None else columns
        images, maps = self.synthesis(ops.cast(w, self.compute_dtype), rows, columns)
        images = ops.cast(images, "float32")
        return (images, maps) if return_attention else images

    def lines(self, w: Any, rows: Any = None, columns: Any = None) -> Lines:
        """The lines that pixels are products of: pairs of `[batch, length, rank, line_channels]`, rows and columns."""
        default = line_coordinates(self.config)
        rows = default[0] if rows is None else rows
        columns = default[1] if columns is None else columns
        return self.synthesis.lines(ops.cast(w, self.compute_dtype), rows, columns)[0]

    def pixels(self, w: Any, lines: Lines) -> Any:
        """The image of some lines of `lines`, such as a band of rows and all columns."""
        return ops.cast(self.synthesis.pixels(ops.cast(w, self.compute_dtype), lines), "float32")

    def style_kernels(self) -> Iterator[StyleKernel]:
        """See `Generator`."""
        synthesis = self.synthesis
        yield StyleKernel(0, False, synthesis.input_.affine.kernel)
        for block in synthesis.blocks:
            for index, layer in enumerate(block.layers_):
                yield StyleKernel(block.first + index, False, layer.affine.kernel)
            if block.attention is not None:
                yield StyleKernel(block.first + len(block.layers_) - 1, True, block.attention.value.kernel)
            if block.to_lines is not None:
                yield StyleKernel(block.first + 2, False, block.to_lines.affine.kernel)
        for block in synthesis.tail:
            for layer in (block.dense0, block.dense1, block.to_rgb):
                yield StyleKernel(self.config.num_layers - 1, False, layer.affine.kernel)

    def _synthesis_layers(self) -> Iterator[Layer]:
        config, synthesis = self.config, self.synthesis
        positions = (config.height + config.width) * config.rank
        yield "input", synthesis.input_.weights, (None, positions, synthesis.input_.channels)
        for block in synthesis.blocks:
            for layer in (*block.layers_, *([block.to_lines] if block.to_lines is not None else [])):
                yield f"{block.name}/{layer.name}", layer.weights, (None, positions, layer.units)
            if block.attention is not None:
                yield f"{block.name}/attention", block.attention.weights, (None, positions, block.attention.dim)
        size = (None, config.height, config.width)
        for decoder in synthesis.decoders:
            yield decoder.name, decoder.weights, (*size, config.line_channels)
        yield "to_rgb", synthesis.to_rgb.weights, (*size, config.image_channels)
        for block in synthesis.tail:
            for layer in (block.dense0, block.dense1, block.to_rgb):
                yield f"{block.name}/{layer.name}", layer.weights, (*size, layer.units)
