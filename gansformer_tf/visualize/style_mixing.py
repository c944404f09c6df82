"""Images that take part of their latents from another seed: some layers, or one component."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from gansformer_tf.drawing.sampler import Sampler, latent_names
from gansformer_tf.visualize.grids import labelled_sheet, readable
from gansformer_tf.visualize.image_folder import ImageFolder

COMPONENT_AXIS, LAYER_AXIS = 1, 2


def mix(w: np.ndarray, other: np.ndarray, axis: int, indices: Sequence[int]) -> np.ndarray:
    """w with the entries `indices` along `axis` taken from `other`.

    Args:
        w: `[batch, num_latents, num_layers, latent_dim]`.
        other: Shaped as `w`.
        axis: `LAYER_AXIS` or `COMPONENT_AXIS`.
        indices: Which layers or components; none leaves `w` as it is.

    Raises:
        ValueError: An index outside the axis.
    """
    size = w.shape[axis]
    outside = [index for index in indices if not 0 <= index < size]
    if outside:
        name = "layer" if axis == LAYER_AXIS else "latent"
        raise ValueError(f"{name} {outside[0]} cannot be mixed; the model has {name}s 0 to {size - 1}.")
    taken = np.zeros(size, bool)
    taken[list(indices)] = True
    shape = [1, 1, 1, 1]
    shape[axis] = size
    return np.where(taken.reshape(shape), other, w)


def layer_ranges(num_layers: int) -> dict[str, range]:
    """Coarse, middle and fine layers: up to 8x8, 16x16 to 32x32, and the rest, as far as the model has them."""
    edges = {"coarse": range(4), "middle": range(4, 8), "fine": range(8, num_layers)}
    return {
        name: range(part.start, min(part.stop, num_layers)) for name, part in edges.items() if part.start < num_layers
    }


def mix_layers(
    sampler: Sampler, row_seeds: Sequence[int], column_seeds: Sequence[int], layers: Sequence[int]
) -> list[list[np.ndarray]]:
    """A table: each row's seed with `layers` taken from each column's seed. The noise is that of the row.

    Args:
        sampler: Draws the images.
        row_seeds: The images that are changed.
        column_seeds: Where the layers come from.
        layers: Numbers of layers, 0 the coarsest.

    Returns:
        Rows of images `[height, width, channels]`, float about [-1, 1].

    Raises:
        ValueError: The model has no such layer.

    Source: StyleGAN (Karras et al. 2019), section 3.1.

    Example:

    >>> table = gf.visualize.mix_layers(gf.load("scenes").sampler(), [0, 1], [2, 3, 4], layers=range(4))
    >>> len(table), len(table[0]), table[0][0].shape
    (2, 3, (64, 64, 3))
    """
    columns = sampler.latents_w(column_seeds)
    table = []
    for seed in row_seeds:
        base = np.repeat(sampler.latents_w([seed]), len(columns), axis=0)
        table.append(list(sampler.images(mix(base, columns, LAYER_AXIS, layers), sampler.noise([seed]))))
    return table


def mix_components(
    sampler: Sampler, seed: int, other_seed: int, components: Sequence[int] | None = None
) -> list[np.ndarray]:
    """One image per component: `seed` with that one latent taken from `other_seed`.

    Args:
        sampler: Draws the images.
        seed: The image that is changed.
        other_seed: Where the latent comes from.
        components: Which latents; None takes every one, the global latent last.

    Returns:
        Images `[height, width, channels]`, float about [-1, 1].

    Raises:
        ValueError: The model has no such latent.

    Example:

    >>> images = gf.visualize.mix_components(gf.load("scenes").sampler(), 0, 1, components=[0, 7])
    >>> len(images), images[0].shape
    (2, (64, 64, 3))
    """
    base, other = sampler.latents_w([seed]), sampler.latents_w([other_seed])
    components = range(base.shape[COMPONENT_AXIS]) if components is None else components
    mixed = np.concatenate([mix(base, other, COMPONENT_AXIS, [component]) for component in components])
    return list(sampler.images(mixed, sampler.noise([seed])))


def write_style_mixing(
    sampler: Sampler, seeds: Sequence[int], other_seeds: Sequence[int], folder: ImageFolder
) -> Iterator[Path]:
    """Writes one table per range of layers, and for each pair of seeds a row of single swapped latents.

    Args:
        sampler: Draws the images.
        seeds: Rows of the tables: the images that are changed.
        other_seeds: Columns of the tables: where layers or latents come from; as many as `seeds`.
        folder: Where to write.

    Yields:
        Each file.
    """
    shown = [*seeds, *other_seeds]
    plain = {sample.seed: readable(sample.pixels) for sample in sampler.samples(shown)}
    header: list[np.ndarray | None] = [None, *(plain[seed] for seed in other_seeds)]
    for name, layers in layer_ranges(sampler.config.num_layers).items():
        table = mix_layers(sampler, seeds, other_seeds, layers)
        rows = [[plain[seed], *map(readable, row)] for seed, row in zip(seeds, table, strict=True)]
        sheet = labelled_sheet(
            [header, *rows],
            ["", *(f"seed {seed}" for seed in seeds)],
            ["", *(f"seed {seed}" for seed in other_seeds)],
            f"{name} layers ({layers.start} to {layers.stop - 1}) of the column in the image of the row",
        )
        yield folder.save(f"style-mixing/layers-{name}", sheet)
    names = latent_names(sampler.config)
    for seed, other in zip(seeds, other_seeds, strict=True):
        mixed = [readable(image) for image in mix_components(sampler, seed, other)]
        sheet = labelled_sheet(
            [[plain[seed], plain[other], *mixed]],
            column_labels=[f"seed {seed}", f"seed {other}", *names],
            title=f"seed {seed} with one latent of seed {other}",
        )
        yield folder.save(f"style-mixing/components-seed{seed:04d}-seed{other:04d}", sheet)
