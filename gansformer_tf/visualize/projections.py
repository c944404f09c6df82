"""Projected images: drawn, their attention maps, and the way from one to the next."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from gansformer_tf.drawing.pixels import to_uint8
from gansformer_tf.drawing.projected_w import ProjectedW
from gansformer_tf.drawing.sampler import Sampler
from gansformer_tf.image_files import IMAGE, PANEL
from gansformer_tf.visualize.attention_maps import attention_panel, enlarge_attention
from gansformer_tf.visualize.image_folder import ImageFolder
from gansformer_tf.visualize.video import there_and_back, write_mp4


def write_projections(sampler: Sampler, given: ProjectedW, folder: ImageFolder, density: int) -> Iterator[Path]:
    """Writes `projections/NAME.png`, where there is attention `NAME-attention.png`, and for more than one image
    `NAME-NEXT.mp4`, with `density` images between the two. Noise is the model's own.

    Yields:
        The path of each image.
    """
    drawing = Sampler(sampler.generator, truncation_psi=1.0, noise_mode="const", batch_size=sampler.batch_size)
    attends = sampler.config.has_attention
    for row, name in enumerate(given.names):
        images, maps = drawing.synthesize(given.w[row : row + 1], None, with_attention=attends)
        pixels = to_uint8(images[0])
        path = folder.save(f"projections/{name}", pixels, IMAGE, projected=name)
        if attends:
            attention = enlarge_attention(maps[-1][0, 0], *pixels.shape[:2])
            folder.save(f"projections/{name}-attention", attention_panel(pixels, attention), PANEL, projected=name)
        if row + 1 < len(given.w):
            places = np.linspace(0, 1, density + 2, dtype=np.float32)[:, None, None, None]
            between = given.w[row] + places * (given.w[row + 1] - given.w[row])
            frames = [to_uint8(image) for image in drawing.images(between, None)]
            write_mp4(folder.file(f"projections/{name}-{given.names[row + 1]}.mp4"), there_and_back(frames))
        yield path
