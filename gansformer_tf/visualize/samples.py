"""Many images in one pass: files, sheets, attention maps, latents."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack

import numpy as np

from gansformer_tf.drawing.sampler import Sample, Sampler
from gansformer_tf.files import replacing
from gansformer_tf.image_files import IMAGE, PANEL
from gansformer_tf.visualize.attention_maps import (
    attention_panel,
    blend,
    component_sheet,
    enlarge_attention,
    hard_map,
    layer_sheet,
    soft_map,
)
from gansformer_tf.visualize.grids import image_grid, to_rgb
from gansformer_tf.visualize.image_folder import ImageFolder
from gansformer_tf.visualize.palette import legend


def write_samples(
    sampler: Sampler,
    seeds: Sequence[int],
    folder: ImageFolder,
    *,
    images: bool = True,
    grid: bool = True,
    maps: bool = False,
    layer_maps: bool = False,
    section_size: int = 100,
    alpha: float = 0.6,
) -> Iterator[int]:
    """Draws images and writes what was asked for. At most one section of images is kept in memory.

    Args:
        sampler: Draws the images.
        seeds: One per image.
        folder: Where to write.
        images: Whether to write each image, `images/seed0007.png`.
        grid: Whether to write sheets of `section_size` images, `images/grid-000.png`.
        maps: Whether to write the maps of the last layer's first head, below `maps/`.
        layer_maps: Whether to write a sheet of all layers and heads of each image, below `layer-maps/`.
        section_size: Images on a sheet.
        alpha: Weight of the maps in blends.

    Yields:
        Each seed once its files are written.
    """
    section: list[np.ndarray] = []
    sections = 0
    for sample in sampler.samples(seeds, with_attention=maps or layer_maps):
        name = f"seed{sample.seed:04d}"
        if images:
            folder.save(f"images/{name}", sample.pixels, IMAGE, seed=sample.seed)
        if images and grid:
            section.append(sample.pixels)
            if len(section) == section_size:
                folder.save(f"images/grid-{sections:03d}", image_grid(section))
                section, sections = [], sections + 1
        if maps:
            write_maps(sample, folder, alpha)
        if layer_maps:
            sheet = layer_sheet(sample.pixels, sample.attention, alpha, title=f"seed {sample.seed}")
            folder.save(f"layer-maps/{name}", sheet, PANEL, seed=sample.seed)
        yield sample.seed
    if section:
        folder.save(f"images/grid-{sections:03d}", image_grid(section))


def write_maps(sample: Sample, folder: ImageFolder, alpha: float) -> None:
    """Writes the maps of an image's last layer and first head, each kind in a folder of its own, and a panel."""
    name = f"seed{sample.seed:04d}"
    native = sample.attention[-1][0]
    pixels = to_rgb(sample.pixels)
    attention = enlarge_attention(native, *pixels.shape[:2])
    hard = hard_map(attention)
    folder.save(f"maps/hard/{name}", hard, PANEL, seed=sample.seed)
    folder.save(f"maps/soft/{name}", soft_map(attention), PANEL, seed=sample.seed)
    folder.save(f"maps/blended/{name}", blend(pixels, hard, alpha), PANEL, seed=sample.seed)
    folder.save(
        f"maps/components/{name}", component_sheet(pixels, native, f"seed {sample.seed}"), PANEL, seed=sample.seed
    )
    folder.save(f"maps/panels/{name}", attention_panel(pixels, native, alpha), PANEL, seed=sample.seed)
    folder.save("maps/legend", legend(native.shape[-1], 320))


def write_latents(sampler: Sampler, seeds: Sequence[int], folder: ImageFolder) -> Iterator[int]:
    """Writes `latents/z.npy` and `latents/w.npy`, row by row, and the seeds of the rows in `latents/seeds.npy`.

    Yields:
        Each seed once its row is written.
    """
    config = sampler.config
    shapes = {
        "z": (len(seeds), config.num_latents, config.latent_dim),
        "w": (len(seeds), config.num_latents, config.num_layers, config.style_dim),
    }
    np.save(folder.file("latents/seeds.npy"), np.asarray(seeds, np.int64))
    with ExitStack() as unfinished:
        parts = {name: unfinished.enter_context(replacing(folder.file(f"latents/{name}.npy"))) for name in shapes}
        arrays = {
            name: np.lib.format.open_memmap(part, mode="w+", dtype=np.float32, shape=shapes[name])
            for name, part in parts.items()
        }
        row = 0
        for batch, labels in sampler.batches(seeds):
            z = sampler.latents(batch)
            arrays["z"][row : row + len(batch)] = z
            arrays["w"][row : row + len(batch)] = sampler.map(z, labels)
            row += len(batch)
            yield from batch
        for array in arrays.values():
            array.flush()
