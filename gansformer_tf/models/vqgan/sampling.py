"""Draws codes from the transformer, one after the other, remembering what it has computed.

A code is drawn with one number in [0, 1): the place in the sum of the probabilities. So an image is a function of its
own row of numbers, whatever else is in the batch.
"""

from __future__ import annotations

import math
from typing import Any

from keras import ops

from gansformer_tf.config.vqgan import CodeSampling
from gansformer_tf.models.vqgan.transformer import CodeTransformer

_BELOW_ONE = 1.0 - 2.0**-24  # the largest float32 below 1
# Products of matrices round the rows of an incomplete tile otherwise than those of a whole one, and a number at the
# edge of a code then draws its neighbour. So only whole tiles are computed: of 8 rows with AVX-512, of 6 with AVX2.
_TILE = 24


def _whole_tiles(rows: Any) -> Any:
    """`[batch, ...]` with the last row repeated until the batch is a multiple of `_TILE`."""
    batch = ops.shape(rows)[0]
    padded = (batch + _TILE - 1) // _TILE * _TILE
    return ops.take(rows, ops.minimum(ops.arange(padded), batch - 1), axis=0)


def numbers_of(z: Any) -> Any:
    """Standard normal latents as numbers in [0, 1), by their distribution function."""
    return ops.clip(0.5 * (1.0 + ops.erf(ops.cast(z, "float32") / math.sqrt(2.0))), 0.0, _BELOW_ONE)


def filtered(logits: Any, sampling: CodeSampling) -> Any:
    """Logits `[..., num_codes]` over the temperature, minus infinity where `top_k` or `top_p` leave a code out.

    Codes as likely as the last one that is kept are kept too.
    """
    logits = logits / sampling.temperature
    if sampling.top_k is not None:
        last = ops.top_k(logits, sampling.top_k)[0][..., -1:]
        logits = ops.where(logits < last, -math.inf, logits)
    if sampling.top_p < 1.0:
        ordered = ops.flip(ops.sort(logits, axis=-1), axis=-1)
        chances = ops.softmax(ordered)
        # The code that crosses p is kept, so what counts is the sum in front of it.
        kept = ops.sum(ops.cast(ops.cumsum(chances, axis=-1) - chances <= sampling.top_p, "int32"), -1, keepdims=True)
        last = ops.take_along_axis(ordered, kept - 1, axis=-1)
        logits = ops.where(logits < last, -math.inf, logits)
    return logits


def drawn(logits: Any, numbers: Any) -> Any:
    """The code at each number's place in the sum of the probabilities, `[batch]` of logits `[batch, num_codes]`."""
    chances = ops.softmax(logits)
    sums = ops.cumsum(chances, axis=-1)
    places = numbers[:, None] * sums[:, -1:]
    codes = ops.sum(ops.cast(sums <= places, "int32"), axis=-1)
    # By rounding the place may be the whole sum: then it is the last code that has a chance.
    last = chances.shape[-1] - 1 - ops.cast(ops.argmax(ops.flip(chances > 0, axis=-1), axis=-1), "int32")
    return ops.minimum(codes, last)


def sample_codes(
    transformer: CodeTransformer,
    numbers: Any,
    labels: Any = None,
    sampling: CodeSampling | None = None,
    known: Any = None,
) -> Any:
    """Codes of new images; every token is computed once.

    Args:
        transformer: The network.
        numbers: `[batch, num_tokens]` in [0, 1), one for each code.
        labels: One-hot `[batch, label_dim]`, or None.
        sampling: How a code is drawn; by default from all, at temperature 1.
        known: The first codes of each image `[batch, count]`, which are kept.

    Returns:
        `[batch, num_tokens]`, int32.

    Raises:
        ConfigError: `top_k` is more than there are codes.
    """
    sampling = CodeSampling() if sampling is None else sampling
    sampling.check(transformer.config.num_codes)
    wanted = ops.shape(numbers)[0]
    numbers = _whole_tiles(ops.cast(numbers, "float32"))
    labels, known = (None if rows is None else _whole_tiles(rows) for rows in (labels, known))
    count, batch = transformer.config.num_tokens, ops.shape(numbers)[0]
    given = 0 if known is None else known.shape[1]
    # a row per place, so that each step reads and writes one
    start = ops.zeros((count, batch), "int32")
    if known is not None:
        start = ops.concatenate([ops.transpose(ops.cast(known, "int32")), start[given:]], axis=0)
    numbers = ops.transpose(numbers)

    def body(place: Any, state: Any) -> Any:
        token, codes, cache = state
        logits, cache = transformer.step(token, cache, place)
        code = drawn(filtered(logits, sampling), ops.take(numbers, place, axis=0))
        code = ops.where(place < given, ops.take(codes, place, axis=0), code)
        codes = ops.scatter_update(codes, ops.reshape(place, (1, 1)), code[None])
        return code, codes, cache

    state = (transformer.condition(batch, labels), start, transformer.empty_cache(batch))
    return ops.transpose(ops.fori_loop(0, count, body, state)[1])[:wanted]
