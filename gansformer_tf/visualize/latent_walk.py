"""A video of a grid of images whose w move smoothly through key frames."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from gansformer_tf.drawing.labels import labels_from_seeds
from gansformer_tf.drawing.pixels import to_uint8
from gansformer_tf.drawing.sampler import Sampler
from gansformer_tf.drawing.seeds import check_seeds
from gansformer_tf.files import prepare_folder
from gansformer_tf.visualize.grids import image_grid
from gansformer_tf.visualize.video import write_mp4

FRAMES_PER_SECOND = 60.0  # as StyleGAN3's gen_video.py


def write_walk(
    sampler: Sampler,
    seeds: Sequence[int],
    path: str | Path,
    *,
    grid: tuple[int, int] = (1, 1),
    keyframes: int | None = None,
    frames_between: int = 120,
    classes: Sequence[int] | None = None,
    progress: bool = True,
) -> int:
    """Writes an MP4 that repeats without a jump.

    Args:
        sampler: Draws the images; the noise of a cell stays that of its first seed.
        seeds: Of the key frames, cell by cell: the first cell takes the first `keyframes` seeds, and so on.
        path: Ends in .mp4.
        grid: (columns, rows).
        keyframes: Key frames of each cell; None: as many as the seeds give. Too few seeds are taken again from the
            start.
        frames_between: Frames from one key frame to the next.
        classes: Class numbers that the key frames take in turn; None draws them from the seeds.
        progress: Whether to show a progress bar.

    Returns:
        The number of frames.

    Raises:
        ValueError: A bad seed, class, grid, number of frames or name.
        OSError: The file cannot be written.
    """
    path, (columns, rows) = Path(path), grid
    if path.suffix.lower() != ".mp4":
        raise ValueError(f"--video {path} is no name of a video; write for example --video walk.mp4.")
    if columns < 1 or rows < 1:
        raise ValueError(f"--grid {columns}x{rows} has no cell; write columns x rows, such as --grid 4x2.")
    cells = columns * rows
    check_seeds(seeds)
    keyframes = len(seeds) // cells if keyframes is None else keyframes
    if keyframes < 1 or frames_between < 1:
        raise ValueError(
            f"a video without frames was asked for: {keyframes} key frames in each of {cells} cells, {frames_between} "
            f"frames each; give at least {cells} seeds, 1 key frame and 1 frame."
        )
    chosen = np.resize(np.asarray(seeds), cells * keyframes).tolist()
    labels = labels_from_seeds(chosen, sampler.config.label_dim, classes)
    w = sampler.latents_w(chosen, labels)
    w = w.reshape(cells, keyframes, *w.shape[1:])
    count = keyframes * frames_between
    prepare_folder(path.parent)
    noise = sampler.noise(chosen[::keyframes])
    frames = tqdm(_frames(sampler, w, noise, frames_between, columns), total=count, unit="frame", disable=not progress)
    write_mp4(path, frames, FRAMES_PER_SECOND)
    return count


def _frames(
    sampler: Sampler, w: np.ndarray, noise: list[np.ndarray] | None, frames_between: int, columns: int
) -> Iterator[np.ndarray]:
    bends = periodic_bends(np.moveaxis(w, 1, 0))
    points = np.moveaxis(w, 1, 0)  # [keyframes, cells, ...]
    for index in range(len(points) * frames_between):
        time = index / frames_between
        images = [to_uint8(image) for image in sampler.images(spline(points, bends, time), noise)]
        yield image_grid(images, columns)


def periodic_bends(points: np.ndarray) -> np.ndarray:
    """Second derivatives, at whole times, of the closed cubic spline through points at the times 0, 1, 2, ...

    Args:
        points: `[count, ...]`; behind the last the first comes again.
    """
    count = len(points)
    matrix = np.zeros((count, count))
    for index in range(count):
        matrix[index, index] += 4.0
        matrix[index, (index - 1) % count] += 1.0
        matrix[index, (index + 1) % count] += 1.0
    turns = np.roll(points, 1, 0) - 2.0 * points + np.roll(points, -1, 0)
    return np.linalg.solve(matrix, 6.0 * turns.reshape(count, -1)).reshape(points.shape)


def spline(points: np.ndarray, bends: np.ndarray, time: float) -> np.ndarray:
    """The spline of `periodic_bends` at a time, float32."""
    first = int(time) % len(points)
    last = (first + 1) % len(points)
    t = time - int(time)
    curve = ((1 - t) ** 3 - (1 - t)) * bends[first] + (t**3 - t) * bends[last]
    return ((1 - t) * points[first] + t * points[last] + curve / 6.0).astype(np.float32)
