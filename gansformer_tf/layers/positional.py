"""Positional encodings of the image grid and of the latent components."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

BASE_WAVELENGTH = 10000.0


def _directions(count: int) -> list[tuple[float, float]]:
    return [(np.cos(np.pi * j / count), np.sin(np.pi * j / count)) for j in range(count)]


def _coordinates(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    def axis(size: int) -> np.ndarray:
        return np.linspace(-1.0, 1.0, size)

    x, y = np.meshgrid(axis(width), axis(height))
    return x, y  # each [height, width]


def sinusoidal_encoding(height: int, width: int, dim: int, directions: int = 2) -> np.ndarray:
    """Sines and cosines of the position, `[height, width, dim']`.

    With 2 directions: blocks `[sin x, cos x, sin y, cos y]` with frequencies `10000^(-4 i / dim)`; with n others:
    the position projected on angles `pi j / n`. `dim'` is `dim` rounded down to a whole number of blocks.
    """
    x, y = _coordinates(height, width)
    if directions == 2:
        projections, unit = [x, y], 4
    else:
        projections, unit = [x * a + y * b for a, b in _directions(directions)], 2 * directions
    frequencies = BASE_WAVELENGTH ** (-unit * np.arange(dim // unit) / dim)
    blocks = []
    for projection in projections:
        angle = projection[..., None] * frequencies
        blocks += [np.sin(angle), np.cos(angle)]
    return np.concatenate(blocks, axis=-1).astype(np.float32)


def directional_coordinates(height: int, width: int, directions: int) -> np.ndarray:
    """Positions projected on the angles `pi j / directions`, `[height, width, directions]`."""
    x, y = _coordinates(height, width)
    return np.stack([x * a + y * b for a, b in _directions(directions)], axis=-1).astype(np.float32)


@keras.saving.register_keras_serializable("gansformer_tf")
class GridPositions(keras.layers.Layer):
    """Encoding of the positions of an image grid, one row per pixel in raster order.

    Args:
        height: Rows of the grid.
        width: Columns of the grid.
        dim: Size asked for; types that come in blocks round it down (`output_dim`).
        kind: "sinus" (fixed), "linear" (projection on each direction times a learned vector), "trainable" (a learned
            vector per column and per row) or "trainable2d" (a learned vector per pixel).
        init: "uniform" (in [0, 1)) or "normal".
        directions: Number of directions of "sinus" and "linear".

    Returns:
        `[height * width, output_dim]`; the layer is called without arguments through `encoding()`.

    Source: "Attention Is All You Need" (Vaswani et al. 2017), section 3.5, for each direction of the image.

    Example:

    >>> tuple(GridPositions(4, 8, 16).encoding().shape)
    (32, 16)
    """

    def __init__(
        self,
        height: int,
        width: int,
        dim: int,
        *,
        kind: str = "sinus",
        init: str = "uniform",
        directions: int = 2,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.height, self.width, self.dim = height, width, dim
        self.kind, self.init, self.directions = kind, init, directions

    @property
    def output_dim(self) -> int:
        """Size of the encodings: `dim`, rounded down where the kind comes in blocks."""
        if self.kind == "sinus":
            unit = 4 if self.directions == 2 else 2 * self.directions
            return self.dim // unit * unit
        if self.kind == "linear":
            return self.dim // self.directions * self.directions
        if self.kind == "trainable":
            return self.dim // 2 * 2
        return self.dim

    def build(self, input_shape: Any = None) -> None:
        initializer = embedding_initializer(self.init)
        if self.kind == "linear":
            self.vectors = self.add_weight(
                shape=(self.directions, self.dim // self.directions), initializer=initializer, name="vectors"
            )
        elif self.kind == "trainable":
            half = self.dim // 2
            self.columns = self.add_weight(shape=(self.width, half), initializer=initializer, name="columns")
            self.rows = self.add_weight(shape=(self.height, half), initializer=initializer, name="rows")
        elif self.kind == "trainable2d":
            shape = (self.height, self.width, self.dim)
            self.table = self.add_weight(shape=shape, initializer=initializer, name="table")
        self.built = True

    def encoding(self) -> Any:
        """`[height * width, output_dim]` in the layer's compute type."""
        return ops.cast(ops.reshape(self._grid(), (self.height * self.width, self.output_dim)), self.compute_dtype)

    def _grid(self) -> Any:
        if self.kind == "sinus":
            return ops.convert_to_tensor(sinusoidal_encoding(self.height, self.width, self.dim, self.directions))
        if self.kind == "linear":
            lengths = directional_coordinates(self.height, self.width, self.directions)
            return ops.convert_to_tensor(lengths)[..., None] * self.vectors  # [height, width, directions, block]
        if self.kind == "trainable":
            grid = (self.height, self.width, self.dim // 2)
            columns = ops.broadcast_to(ops.convert_to_tensor(self.columns)[None], grid)
            rows = ops.broadcast_to(ops.convert_to_tensor(self.rows)[:, None], grid)
            return ops.concatenate([columns, rows], axis=-1)
        return ops.convert_to_tensor(self.table)

    def call(self, inputs: Any = None) -> Any:
        return self.encoding()

    def compute_output_shape(self, input_shape: Any = None) -> Any:
        return (self.height * self.width, self.output_dim)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "height": self.height,
            "width": self.width,
            "dim": self.dim,
            "kind": self.kind,
            "init": self.init,
            "directions": self.directions,
        }


def embedding_initializer(init: str) -> keras.initializers.Initializer:
    """Initial values of learned encodings: uniform in [0, 1) or standard normal, as in the original."""
    if init == "uniform":
        return keras.initializers.RandomUniform(0.0, 1.0)
    if init == "normal":
        return keras.initializers.RandomNormal(stddev=1.0)
    raise ValueError(f"init is {init!r}; it must be 'uniform' or 'normal'.")
