"""Images into a model: w that draws them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gansformer_tf.bars import Bar
from gansformer_tf.config.base import to_dict
from gansformer_tf.config.project import ProjectConfig
from gansformer_tf.drawing.pixels import to_uint8
from gansformer_tf.drawing.sampler import Sampler
from gansformer_tf.edit.distance import ImageDistance
from gansformer_tf.edit.optimization import Optimization
from gansformer_tf.edit.similarity import psnr, ssim
from gansformer_tf.edit.spread import digest_of, spread_of
from gansformer_tf.edit.start import Starts
from gansformer_tf.edit.targets import Target
from gansformer_tf.edit.tuning import tuned
from gansformer_tf.models.base import RECONSTRUCTIONS, require_w
from gansformer_tf.training.signals import StopRequest

_SAVED_EVERY = 100  # steps


@dataclass(frozen=True)
class Projected:
    """What `gf.Model.project` came to; rows in the order of the images.

    Attributes:
        w: float32 `[count, num_latents, num_layers, style_dim]`.
        images: What the model draws of it, uint8 `[count, height, width, channels]`.
        targets: What it was to draw.
        psnr: In dB, `[count]`.
        ssim: Structural similarity, `[count]`; NaN for images smaller than its window of 11 pixels.
        perceptual: Perceptual distances `[count]`; None without the network.
        noise: Noise inputs of every layer `[count, height, width, maps]`, or None: the model's own.
        generator: What draws them: the model's generator, or the tuned copy of it.
        way: w of the frames of a video, each `[count, num_latents, num_layers, style_dim]`.
        steps: Steps that were done; fewer than asked for where it was stopped.
        notes: In words, what was changed of the images before, or lacks.
    """

    w: np.ndarray
    images: np.ndarray
    targets: Sequence[Target]
    psnr: np.ndarray
    ssim: np.ndarray
    perceptual: np.ndarray | None
    noise: list[np.ndarray] | None
    generator: Any
    way: list[np.ndarray]
    steps: int
    notes: tuple[str, ...] = ()


class _Found(NamedTuple):
    """A batch."""

    w: np.ndarray
    noise: list[np.ndarray] | None
    way: list[np.ndarray]
    done: int


def project(
    generator: Any,
    targets: Sequence[Target],
    config: ProjectConfig | None = None,
    *,
    batch_size: int = 4,
    folder: Path | None = None,
    progress: bool = True,
    proceed: Callable[[int], bool] = lambda done: True,
) -> Projected:
    """Optimises w until the model draws the images.

    Ctrl-C ends it early and keeps what there is.

    Args:
        generator: A `Generator` of a family with w.
        targets: Of `read_targets`.
        config: How; None: 500 steps, each latent alone.
        batch_size: Images at once.
        folder: Where it is noted how far it is; the same call goes on from there. None notes nothing.
        progress: Whether to show progress bars.
        proceed: Told the number of steps that are done of all batches; it ends the projection by returning False.

    Raises:
        ValueError: A family without w.
    """
    config = ProjectConfig() if config is None else config
    require_w(generator.config, "a projection into w was", RECONSTRUCTIONS)
    goal = np.stack([target.pixels for target in targets]).astype(np.float32) / 127.5 - 1.0
    distance = ImageDistance(generator.config.height, generator.config.width)
    spread = spread_of(generator)
    parts = [slice(start, start + batch_size) for start in range(0, len(goal), batch_size)]
    key = key_of(generator, targets, config, batch_size)
    found: list[_Found] = []
    total = config.steps * len(parts)
    stopped, notes = False, []

    @cache
    def optimization(size: int) -> Optimization:
        return Optimization(generator, size, config, spread, distance)

    with Bar("project", "step") as bar, StopRequest(at_once=False) as stop:
        starts = Starts(generator, config, spread, distance)

        def go_on(done: int) -> bool:
            if progress:
                bar(done, total)
            return not stop.requested and proceed(done)

        for number, rows in enumerate(parts):
            run, before = optimization(min(batch_size, len(goal))), number * config.steps
            state = None if folder is None else folder / f"{key}-{number:03d}.npz"
            if state is not None and state.is_file():
                run.begin(goal[rows], None, config)
                run.load(state)
            else:
                x = starts.of(goal[rows], optimization, partial(go_on, before))
                run.begin(goal[rows], x, config)
            while not run.finished and not stopped:
                if not run.step():
                    names = ", ".join(target.name for target in targets[rows])
                    notes.append(f"{names}: the loss is no number after {run.done} steps; what there was is kept.")
                    break
                stopped = not go_on(before + run.done)
                if state is not None and (stopped or run.finished or run.done % _SAVED_EVERY == 0):
                    state.parent.mkdir(parents=True, exist_ok=True)
                    run.save(state)
            found.append(_Found(run.w, run.noise, run.way, run.done))
            if stopped:
                break
        targets, goal = targets[: parts[len(found) - 1].stop], goal[: parts[len(found) - 1].stop]
        w, noise = np.concatenate([run.w for run in found]), _joined([run.noise for run in found])
        drawing = generator
        if config.tune_steps and not stopped:
            with Bar("tune", "step") as tune_bar:

                def step_done(done: int) -> bool:
                    if progress:
                        tune_bar(done, config.tune_steps)
                    return not stop.requested and proceed(total + done)

                drawing = tuned(generator, goal, w, noise, config, distance, batch_size, step_done)
    images = to_uint8(_drawn(drawing, w, noise, batch_size))
    return Projected(
        w=w,
        images=images,
        targets=targets,
        noise=noise,
        generator=drawing,
        way=_way(found),
        steps=sum(run.done for run in found),
        notes=(*_notes(targets, distance), *notes),
        **compared(images, np.stack([target.pixels for target in targets]), distance),
    )


def compared(images: np.ndarray, targets: np.ndarray, distance: ImageDistance) -> dict[str, Any]:
    """`psnr`, `ssim` and `perceptual` of uint8 images."""
    small = min(images.shape[1:3]) < 11
    floats = [pixels.astype(np.float32) / 127.5 - 1 for pixels in (images, targets)]
    return {
        "psnr": psnr(images, targets),
        "ssim": np.full(len(images), np.nan) if small else ssim(images, targets),
        "perceptual": np.asarray(distance.seen(*floats)) if distance.perceptual is not None else None,
    }


def key_of(generator: Any, targets: Sequence[Target], config: ProjectConfig, batch_size: int) -> str:
    """Names a projection: the same model, images and settings give the same key."""
    digest = hashlib.sha256(digest_of(generator).encode())
    digest.update(json.dumps([to_dict(config), batch_size], sort_keys=True).encode())
    for target in targets:
        digest.update(target.pixels.tobytes())
    return digest.hexdigest()[:16]


def _drawn(generator: Any, w: np.ndarray, noise: list[np.ndarray] | None, batch_size: int) -> np.ndarray:
    sampler = Sampler(
        generator, truncation_psi=1.0, noise_mode="random" if noise is not None else "const", batch_size=batch_size
    )
    return np.stack(list(sampler.images(w, noise)))


def _joined(noise: list[Any]) -> list[np.ndarray] | None:
    return None if noise[0] is None else [np.concatenate(layer) for layer in zip(*noise, strict=True)]


def _way(found: list[_Found]) -> list[np.ndarray]:
    """Frames of all batches; one that has fewer stays at its last."""
    ways = [run.way for run in found]
    longest = max(map(len, ways))
    ways = [[*way, *[way[-1]] * (longest - len(way))] for way in ways]
    return [np.concatenate(frames) for frames in zip(*ways, strict=True)]


def _notes(targets: Sequence[Target], distance: ImageDistance) -> tuple[str, ...]:
    changed = tuple(f"{target.name}: {', '.join(target.notes)}" for target in targets if target.notes)
    return (*changed, *([distance.lacks] if distance.lacks else []))
