"""Images a run draws of itself, always from the same seeds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from gansformer_tf.drawing.sampler import Sampler
from gansformer_tf.image_files import SHEET, SOFTWARE, save_image
from gansformer_tf.models.snapshot import kimg_text
from gansformer_tf.training.run_dir import RunDir
from gansformer_tf.visualize.grids import image_grid


class SampleWriter:
    """Draws the fixed sample grid of a run.

    Args:
        run_dir: The run; images go to `samples/`.
        generator: The averaged generator.
        rows, columns: Of the grid.
        truncation_psi: For the samples.
        batch_size: Images computed at once.
        keep: False keeps only the newest grid.
    """

    def __init__(
        self,
        run_dir: RunDir,
        generator: Any,
        *,
        rows: int,
        columns: int,
        truncation_psi: float,
        batch_size: int,
        keep: bool = True,
    ) -> None:
        self.folder = run_dir.samples
        self.count, self.columns, self.keep = rows * columns, columns, keep
        self._sampler = Sampler(generator, truncation_psi=truncation_psi, noise_mode="const", batch_size=batch_size)

    def draw(self, stopping: Callable[[], bool] = lambda: False) -> np.ndarray | None:
        """uint8 `[count, height, width, channels]`; None when `stopping`, asked before every portion, says so."""
        images: list[np.ndarray] = []
        for portion in self._sampler.batches(range(self.count)):
            if stopping():
                return None
            images.extend(sample.pixels for sample in self._sampler.draw(*portion))
        return np.stack(images)

    def write(self, images: np.ndarray, kimg: float) -> Path:
        """Writes `fakes-<kimg>.png`."""
        if not self.keep:
            for old in self.folder.glob("fakes-*.png"):
                old.unlink()
        return self.save(images, f"fakes-{kimg_text(kimg)}.png")

    def save(self, images: np.ndarray, name: str) -> Path:
        """Writes a grid of images."""
        path = self.folder / name
        save_image(path, image_grid(images, self.columns), {"software": SOFTWARE, "kind": SHEET}, durable=True)
        return path
