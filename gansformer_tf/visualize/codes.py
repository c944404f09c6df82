"""Images of a generator that draws codes: real images drawn again and completed, code maps, temperatures."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from gansformer_tf.drawing.compiled import compiled
from gansformer_tf.drawing.pixels import to_uint8
from gansformer_tf.drawing.sampler import Sampler
from gansformer_tf.visualize.grids import image_grid, readable, to_rgb
from gansformer_tf.visualize.image_folder import ImageFolder

TEMPERATURES = (0.5, 0.8, 1.0, 1.2)
COMPLETIONS = 3  # of each image


@dataclass(frozen=True)
class Reals:
    """Real images uint8 `[count, height, width, channels]`, with one-hot labels where the model has them."""

    images: np.ndarray
    labels: np.ndarray | None = None


def write_reconstructions(sampler: Sampler, reals: Reals, folder: ImageFolder) -> Iterator[str]:
    """Writes `codes/reconstructions` (each image, what its codes draw, and the codes as colours) and
    `codes/completions` (each image, its upper half, and what the transformer draws below it).

    Yields:
        The name of each sheet.
    """
    generator, size = sampler.generator, sampler.batch_size
    encode, decode = compiled(generator.encode), compiled(generator.decode)
    codes = np.concatenate([_array(encode(part)) for part in _parts(_floats(reals.images), size)])
    made = np.concatenate([_array(decode(part)) for part in _parts(codes, size)])
    rows, columns = generator.config.autoencoder.grid
    maps = [code_map(one.reshape(rows, columns), reals.images.shape[1:3], generator.config.num_codes) for one in codes]
    cells = [cell for row in zip(to_rgb(reals.images), to_rgb(made), maps, strict=True) for cell in row]
    folder.save("codes/reconstructions", readable(image_grid(cells, columns=3, padding=2)))
    yield "reconstructions"

    kept = (rows // 2) * columns
    complete = compiled(lambda z, labels, known: generator.decode(generator.draw(z, labels, known=known)))
    sheets = [to_rgb(reals.images), _upper(to_rgb(reals.images), rows // 2, rows)]
    for seed in range(COMPLETIONS):
        z = sampler.latents(range(seed * len(codes), (seed + 1) * len(codes)))[:, 0]
        drawn = []
        for start in range(0, len(codes), size):
            part = slice(start, start + size)
            labels = None if reals.labels is None else reals.labels[part]
            drawn.append(_array(complete(z[part], labels, codes[part, :kept])))
        sheets.append(to_rgb(np.concatenate(drawn)))
    cells = [cell for row in zip(*sheets, strict=True) for cell in row]
    folder.save("codes/completions", readable(image_grid(cells, columns=len(sheets), padding=2)))
    yield "completions"


def write_temperatures(sampler: Sampler, seeds: Sequence[int], folder: ImageFolder) -> Iterator[float]:
    """Writes `codes/temperatures`: a row for each temperature, a column for each seed.

    Yields:
        Each temperature.
    """
    generator, cells = sampler.generator, []
    z, labels = sampler.latents(seeds)[:, 0], sampler.labels(seeds)
    for temperature in TEMPERATURES:
        draw = _drawing(generator, dataclasses.replace(generator.config.sampling, temperature=temperature))
        for part in sampler.parts(len(seeds)):
            cells += list(to_rgb(_array(draw(z[part], None if labels is None else labels[part]))))
        yield temperature
    folder.save("codes/temperatures", readable(image_grid(cells, columns=len(seeds), padding=2)))


def _drawing(generator: Any, sampling: Any) -> Callable[..., Any]:
    return compiled(lambda z, labels: generator.decode(generator.draw(z, labels, sampling)))


def code_map(codes: np.ndarray, size: tuple[int, int], num_codes: int) -> np.ndarray:
    """Codes `[rows, columns]` as colours, uint8 `[height, width, 3]`: the same code has the same one everywhere."""
    colors = np.random.RandomState(0).randint(32, 256, (num_codes, 3)).astype(np.uint8)
    height, width = size
    down, across = np.arange(height) * codes.shape[0] // height, np.arange(width) * codes.shape[1] // width
    return colors[codes][down[:, None], across[None]]


def _upper(images: np.ndarray, kept: int, rows: int) -> np.ndarray:
    """Images whose rows below those that are kept are grey."""
    shown = images.copy()
    shown[:, images.shape[1] * kept // rows :] = 128
    return shown


def _floats(images: np.ndarray) -> np.ndarray:
    return images.astype(np.float32) / 127.5 - 1.0


def _parts(values: np.ndarray, size: int) -> Iterator[np.ndarray]:
    for start in range(0, len(values), size):
        yield values[start : start + size]


def _array(values: Any) -> np.ndarray:
    array = keras.ops.convert_to_numpy(values)
    return to_uint8(array) if array.dtype == np.float32 else array
