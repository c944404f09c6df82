"""From vectors to codes and back: the nearest of a codebook, or rounding.

Every quantiser is called with vectors `z` `[batch, rows, columns, code_dim]` and returns the quantised ones (the
gradient passes through them to z unchanged), the loss of the codes, and the codes' numbers `[batch, rows, columns]`;
`vectors` looks numbers up.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from gansformer_tf.config.vqgan import COSINE, FSQ, NEAREST, AutoencoderConfig

# The common offset that is taken off before distances are computed lies on this grid, so that taking it off is exact.
_OFFSET_GRID = 1024.0
_SHORTEST = 1e-12  # length under which a vector has no direction
FSQ_MARGIN = 1e-3  # of the outermost levels, so that tanh reaches them


@keras.saving.register_keras_serializable("gansformer_tf")
class NearestCodes(keras.layers.Layer):
    """A learned codebook; each vector becomes the nearest code ("Neural Discrete Representation Learning", 2017).

    With "cosine", vectors and codes have length one (ViT-VQGAN, Yu et al. 2022). Computes in float32.

    Args:
        num_codes: Codes in the book.
        code_dim: Numbers in a code.
        metric: "nearest" or "cosine".
        commitment_form: "paper": the loss is `weight * |z - sg(e)|^2 + |sg(z) - e|^2`; "legacy", as in the published
            code, has the weight on the other term. Means over all numbers.
        commitment_weight: That weight.
    """

    def __init__(
        self,
        num_codes: int,
        code_dim: int,
        *,
        metric: str = NEAREST,
        commitment_form: str = "paper",
        commitment_weight: float = 0.25,
        **kwargs: Any,
    ) -> None:
        super().__init__(autocast=False, **kwargs)
        if metric not in (NEAREST, COSINE):
            raise ValueError(f"metric is {metric!r}; it must be {NEAREST!r} or {COSINE!r}.")
        self.num_codes = num_codes
        self.code_dim = code_dim
        self.metric = metric
        self.commitment_form = commitment_form
        self.commitment_weight = commitment_weight

    def build(self, input_shape: Any = None) -> None:
        limit = 1.0 / self.num_codes
        self.codebook = self.add_weight(
            shape=(self.num_codes, self.code_dim),
            initializer=keras.initializers.RandomUniform(-limit, limit),
            name="codebook",
            autocast=False,
        )

    def call(self, z: Any) -> Any:
        z, codes = ops.cast(z, "float32"), self.codes()
        if self.metric == COSINE:
            z = _unit(z)
        indices = self.nearest(z)
        chosen = ops.take(codes, indices, axis=0)
        to_encoder = ops.mean(ops.square(ops.stop_gradient(chosen) - z))
        to_codes = ops.mean(ops.square(chosen - ops.stop_gradient(z)))
        weight = self.commitment_weight
        loss = weight * to_encoder + to_codes if self.commitment_form == "paper" else to_encoder + weight * to_codes
        return z + ops.stop_gradient(chosen - z), loss, indices

    def codes(self, book: Any = None) -> Any:
        """The codes as they are compared and decoded, `[num_codes, code_dim]`; of another book, if one is given."""
        codes = ops.convert_to_tensor(self.codebook if book is None else book)
        return _unit(codes) if self.metric == COSINE else codes

    def vectors(self, indices: Any) -> Any:
        """Codes by their numbers, `[..., code_dim]`."""
        return ops.take(self.codes(), indices, axis=0)

    def nearest(self, z: Any, book: Any = None) -> Any:
        """Number of the nearest code of each vector (of length one for "cosine"); of equal ones the first.

        Args:
            z: `[..., code_dim]`.
            book: In place of the codebook.
        """
        codes = ops.stop_gradient(self.codes(book))
        shape = ops.shape(z)[:-1]
        z = ops.stop_gradient(ops.reshape(z, (-1, self.code_dim)))
        # |z - e|^2 in one product loses all digits where both are far from the origin, so the origin moves to them.
        offset = ops.round(ops.mean(codes, axis=0) * _OFFSET_GRID) / _OFFSET_GRID
        codes, moved = codes - offset, z - offset
        # |z|^2 is the same for all codes
        distances = ops.sum(ops.square(codes), axis=1) - 2.0 * ops.matmul(moved, ops.transpose(codes))
        return ops.reshape(ops.argmin(distances, axis=1), shape)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape, (), input_shape[:-1]

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "num_codes": self.num_codes,
            "code_dim": self.code_dim,
            "metric": self.metric,
            "commitment_form": self.commitment_form,
            "commitment_weight": self.commitment_weight,
        }


@keras.saving.register_keras_serializable("gansformer_tf")
class FiniteScalar(keras.layers.Layer):
    """Each number is bounded and rounded to its own count of levels; nothing is learned (FSQ, Mentzer et al. 2023).

    The loss is 0. Computes in float32.

    Args:
        levels: Levels of each number; their product is the number of codes.
    """

    def __init__(self, levels: tuple[int, ...], **kwargs: Any) -> None:
        super().__init__(autocast=False, **kwargs)
        self.levels = tuple(levels)
        self._counts = np.array(self.levels)
        self._basis = np.cumprod([1, *self.levels[:-1]]).astype(np.int32)
        self._half_width = (self._counts // 2).astype(np.float32)

    def call(self, z: Any) -> Any:
        bounded = self.bounded(z)
        rounded = bounded + ops.stop_gradient(ops.round(bounded) - bounded)
        digits = ops.cast(ops.round(bounded) + self._half_width, "int32")
        indices = ops.sum(digits * self._basis, axis=-1)
        return rounded / self._half_width, ops.zeros(()), indices

    def bounded(self, z: Any) -> Any:
        """The numbers between the outermost levels, before they are rounded; 0 stays in the middle."""
        half = ((self._counts - 1) * (1.0 - FSQ_MARGIN) / 2.0).astype(np.float32)
        offset = np.where(self._counts % 2 == 0, 0.5, 0.0).astype(np.float32)
        shift = np.arctanh(offset / half)  # the paper's listing has tan here, which moves 0
        return ops.tanh(ops.cast(z, "float32") + shift) * half - offset

    def vectors(self, indices: Any) -> Any:
        """Quantised vectors by their numbers, `[..., len(levels)]`."""
        digits = ops.floor_divide(ops.expand_dims(ops.cast(indices, "int32"), -1), self._basis) % self._counts
        return (ops.cast(digits, "float32") - self._half_width) / self._half_width

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape, (), input_shape[:-1]

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"levels": self.levels}


def _unit(vectors: Any) -> Any:
    """Vectors of length one; the root is safe at 0."""
    squared = ops.sum(ops.square(vectors), axis=-1, keepdims=True)
    return vectors * ops.rsqrt(ops.maximum(squared, _SHORTEST**2))


def build_quantizer(config: AutoencoderConfig, **kwargs: Any) -> Any:
    """The quantiser of a configuration, built."""
    if config.quantizer == FSQ:
        layer: Any = FiniteScalar(config.fsq_levels, **kwargs)
    else:
        layer = NearestCodes(
            config.num_codes,
            config.code_dim,
            metric=config.quantizer,
            commitment_form=config.commitment_form,
            commitment_weight=config.commitment_weight,
            **kwargs,
        )
    layer.build((None, None, None, config.code_dim))
    return layer


def perplexity(counts: Any) -> Any:
    """How many codes are in use, weighted by how often: `exp(-sum p log p)` of counts `[num_codes]`."""
    shares = ops.cast(counts, "float32")
    shares = shares / ops.maximum(ops.sum(shares), 1.0)
    return ops.exp(-ops.sum(shares * ops.log(shares + 1e-10)))
