"""Projections as files: `projected_w.npz`, images, and a video of the way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gansformer_tf.drawing.pixels import to_uint8
from gansformer_tf.drawing.projected_w import W_FILE, write_projected_w
from gansformer_tf.drawing.sampler import Sampler
from gansformer_tf.edit.project import Projected
from gansformer_tf.image_files import IMAGE, SHEET, SOFTWARE, save_image
from gansformer_tf.models.snapshot import save_snapshot
from gansformer_tf.visualize.grids import image_grid
from gansformer_tf.visualize.video import write_mp4

TUNED_FILE = "tuned.safetensors"
_FRAMES_PER_SECOND = 12.0


def write_projected(found: Projected, folder: Path) -> list[Path]:
    """Writes targets, projections, w, a video of the way, and the tuned model if there is one."""
    names = [target.name for target in found.targets]
    written = []
    for name, target, image in zip(names, found.targets, found.images, strict=True):
        for what, pixels in (("target", target.pixels), ("projection", image)):
            path = folder / f"{name}-{what}.png"
            # A target is an image like those of a data set; the projection is a sample.
            save_image(path, pixels, {"software": SOFTWARE, "kind": IMAGE, "what": what})
            written.append(path)
    write_projected_w(folder / W_FILE, found.w, names, found.noise)
    write_mp4(folder / "projection.mp4", _frames(found), _FRAMES_PER_SECOND)
    return [*written, folder / W_FILE, folder / "projection.mp4"]


def write_tuned(generator: Any, folder: Path) -> Path:
    """The tuned model as a snapshot."""
    return save_snapshot(folder / TUNED_FILE, generator=generator)


def _frames(found: Projected) -> Iterator[np.ndarray]:
    """Target and drawing side by side, image below image."""
    noise = found.noise
    sampler = Sampler(
        found.generator, truncation_psi=1.0, noise_mode="const" if noise is None else "random", batch_size=4
    )
    for w in found.way:
        images = [to_uint8(image) for image in sampler.images(w, noise)]
        pairs = [pixels for pair in zip(found.targets, images, strict=True) for pixels in (pair[0].pixels, pair[1])]
        yield image_grid(pairs, columns=2)


def sheet(images: Sequence[np.ndarray], path: Path) -> None:
    """All images on one sheet."""
    save_image(path, image_grid(images), {"software": SOFTWARE, "kind": SHEET})
