"""Ways between two sets of latents."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from gansformer_tf.drawing.pixels import to_uint8
from gansformer_tf.drawing.sampler import Sampler, latent_names
from gansformer_tf.image_files import IMAGE
from gansformer_tf.visualize.grids import labelled_sheet, readable
from gansformer_tf.visualize.image_folder import ImageFolder
from gansformer_tf.visualize.video import there_and_back, write_gif, write_mp4

# Below this angle (radians) the spherical formula divides by almost nothing, and the straight line is the same.
_SMALL_ANGLE = 1e-4


def lerp(start: np.ndarray, end: np.ndarray, t: float) -> np.ndarray:
    """The straight line from `start` (t = 0) to `end` (t = 1), as suits w.

    Args:
        start: Any shape.
        end: The same shape.
        t: 0 gives `start`, 1 gives `end`.

    Returns:
        float32 of that shape.

    Example:

    >>> gf.visualize.lerp(np.array([0.0, 2.0]), np.array([4.0, 2.0]), 0.25).tolist()
    [1.0, 2.0]
    """
    return (start + t * (end - start)).astype(np.float32)


def slerp(start: np.ndarray, end: np.ndarray, t: float) -> np.ndarray:
    """The great circle from `start` to `end`, vector by vector along the last axis.

    A straight line between two normal draws passes through vectors that are shorter than any draw; the great circle,
    with the length changing evenly, does not.

    Args:
        start: `[..., dim]`.
        end: `[..., dim]`.
        t: 0 gives `start`, 1 gives `end`.

    Returns:
        float32 `[..., dim]`.

    Source: "Sampling Generative Networks" (White 2016), section 2.1.

    Example:

    >>> gf.visualize.slerp(np.array([1.0, 0.0]), np.array([0.0, 1.0]), 0.5).round(3).tolist()
    [0.7070000171661377, 0.7070000171661377]
    """
    start_length = np.linalg.norm(start, axis=-1, keepdims=True)
    end_length = np.linalg.norm(end, axis=-1, keepdims=True)
    a, b = start / np.maximum(start_length, 1e-12), end / np.maximum(end_length, 1e-12)
    angle = np.arccos(np.clip(np.sum(a * b, axis=-1, keepdims=True), -1.0, 1.0))
    near = angle < _SMALL_ANGLE
    sine = np.where(near, 1.0, np.sin(angle))
    # Opposite vectors have no single great circle between them; their sine is 0 and the line is taken as well.
    line = near | (np.abs(sine) < _SMALL_ANGLE)
    sine = np.where(line, 1.0, sine)
    arc = (np.sin((1.0 - t) * angle) * a + np.sin(t * angle) * b) / sine
    direction = np.where(line, (1.0 - t) * a + t * b, arc)
    return (direction * ((1.0 - t) * start_length + t * end_length)).astype(np.float32)


def steps_between(density: int) -> np.ndarray:
    """`density` points between 0 and 1, and both ends.

    Raises:
        ValueError: A negative density.
    """
    if density < 0:
        raise ValueError(f"interpolation density is {density}; it counts the images between two ends, 0 or more.")
    return np.linspace(0.0, 1.0, density + 2)


def interpolate(
    sampler: Sampler,
    start_seed: int,
    end_seed: int,
    density: int = 8,
    space: str = "z",
    component: int | None = None,
) -> Iterator[np.ndarray]:
    """Images on the way from one seed to another. The noise stays that of the first seed.

    Args:
        sampler: Draws the images.
        start_seed: Seed of the first image.
        end_seed: Seed of the last image.
        density: Images in between.
        space: "z" goes along great circles before the mapping network, "w" along straight lines after it.
        component: Moves only this latent and keeps the others; None moves all of them.

    Yields:
        `density + 2` images `[height, width, channels]`, float about [-1, 1].

    Raises:
        ValueError: A bad space, component or density.

    Example:

    >>> frames = list(gf.visualize.interpolate(gf.load("scenes").sampler(), 0, 1, density=2))
    >>> len(frames), frames[0].shape
    (4, (64, 64, 3))
    """
    if space not in ("z", "w"):
        raise ValueError(f"interpolation space {space!r} is unknown; choose z or w.")
    count = sampler.config.num_latents
    if component is not None and not 0 <= component < count:
        raise ValueError(f"component {component} was asked for; the model has latents 0 to {count - 1}.")
    ends = [sampler.latents([start_seed]), sampler.latents([end_seed])]
    labels = sampler.labels([start_seed])
    if space == "w":
        ends = [sampler.map(z, labels) for z in ends]
    between = slerp if space == "z" else lerp
    times = steps_between(density)
    noise = sampler.noise([start_seed])
    for rows in sampler.parts(len(times)):
        points = np.concatenate([between(ends[0], ends[1], t) for t in times[rows]])
        if component is not None:
            points, moved = np.repeat(ends[0], len(points), axis=0), points
            points[:, component] = moved[:, component]
        if space == "z":
            points = sampler.map(points, None if labels is None else np.repeat(labels, len(points), axis=0))
        yield from sampler.images(points, noise)


def write_interpolations(
    sampler: Sampler,
    pairs: Sequence[tuple[int, int]],
    folder: ImageFolder,
    density: int = 8,
    per_component: bool = False,
) -> Iterator[Path]:
    """Writes frames, a contact sheet, a GIF and an MP4 of every way, and one sheet of all ways of a pair.

    Ways are z and w with all latents moving and, with `per_component`, z and w with each latent moving alone.

    Yields:
        The folder of each way once it is written.
    """
    names = latent_names(sampler.config)
    components: list[int | None] = [None, *(range(len(names)) if per_component else ())]
    steps = [f"{t:.2f}" for t in steps_between(density)]
    for start, end in pairs:
        for space in ("z", "w"):
            pair = f"interpolations/seed{start:04d}-seed{end:04d}-{space}"
            rows, labels = [], []
            for component in components:
                frames = [to_uint8(frame) for frame in interpolate(sampler, start, end, density, space, component)]
                name = "all latents" if component is None else names[component]
                way = f"{pair}/{name.replace(' ', '-')}"
                for index, frame in enumerate(frames):
                    folder.save(f"{way}/frames/{index:04d}", frame, IMAGE, seeds=[start, end], space=space, moved=name)
                loop = there_and_back([readable(frame) for frame in frames])
                write_gif(folder.file(f"{way}/interpolation.gif"), loop)
                write_mp4(folder.file(f"{way}/interpolation.mp4"), loop)
                rows.append([readable(frame) for frame in frames])
                labels.append(name)
                yield folder.save(f"{way}/sheet", labelled_sheet(rows[-1:], [name], steps)).parent
            if per_component:
                title = f"from seed {start} to seed {end} in {space}"
                folder.save(f"{pair}/sheet", labelled_sheet(rows, labels, steps, title))
