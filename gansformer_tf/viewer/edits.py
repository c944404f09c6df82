"""Images put into the model and changed by component: what the page computes for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from gansformer_tf.config.project import ProjectConfig
from gansformer_tf.drawing.projected_w import read_projected_w
from gansformer_tf.edit.components import edit
from gansformer_tf.edit.project import Projected, project
from gansformer_tf.edit.targets import read_targets
from gansformer_tf.viewer.session import ViewerSession
from gansformer_tf.viewer.state import Drawn, ImageState, Photo


def project_photo(
    session: ViewerSession, path: str | Path, steps: int, space: str, proceed: Callable[[int], bool]
) -> tuple[Photo, Projected]:
    """Finds w of an image file; `proceed` ends it early, and what there is stays.

    Raises:
        ValueError: No image, or one that cannot be used.
    """
    targets = read_targets([path], session.config)
    config = ProjectConfig(steps=steps, space=space)
    found = project(session.generator, targets, config, progress=False, proceed=proceed)
    return Photo(targets[0].name, found.w, found.noise, targets[0].pixels), found


def open_photos(session: ViewerSession, path: str | Path) -> list[Photo]:
    """All images of a `projected_w.npz`.

    Raises:
        ValueError: A file that is none, or of another model.
    """
    given = read_projected_w(path, session.config)
    rows = [slice(row, row + 1) for row in range(len(given.w))]
    noise = [None if given.noise is None else [values[row] for values in given.noise] for row in rows]
    return [Photo(name, given.w[row], maps) for name, row, maps in zip(given.names, rows, noise, strict=True)]


def state_of(photo: Photo, state: ImageState) -> ImageState:
    """A photo in the place of the seed, with the noise that it was found for."""
    noise_mode = "const" if photo.noise is None else "random"
    return ImageState(state.seed, state.truncation_psi, noise_mode, state.label, state.unchanged.strengths, photo=photo)


def gallery(session: ViewerSession, state: ImageState, seeds: range, component: int) -> list[np.ndarray]:
    """Images of seeds, in which the region of one component is bright."""
    drawn = (session.draw(replace(state.unchanged, seed=seed, photo=None)) for seed in seeds)
    return [session.overlay(image, "image", component=component) for image in drawn]


def resample_under(session: ViewerSession, image: Drawn, mask: Any) -> tuple[Drawn, int, float]:
    """The component that shows most under a mask `[height, width]`, drawn anew.

    Returns:
        The new image, the component, and the share of the change that falls under the mask.

    Raises:
        ValueError: An empty mask or one of another size, or a model without attention.
    """
    state = anew = image.state
    for latent in range(len(session.names)):
        anew = anew.resample(latent)
    noise = session.noise(state)
    found = edit(session.sampler(state), image.w, "resample", other=session.w(anew), mask=mask, noise=noise)
    component = found.components[0][0]
    return session.draw(state.resample(component)), component, float(found.share[0])
