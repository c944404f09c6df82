"""Where an optimisation starts: the drawn image that is nearest, of a few of which some steps are tried.

From the mean, components come to share an image in a way that the model never does, and stay there. Those of seeds
share it as the model does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from gansformer_tf.config.generator import DEFAULT_PSI
from gansformer_tf.config.project import ProjectConfig
from gansformer_tf.drawing.sampler import Sampler
from gansformer_tf.edit.distance import ImageDistance
from gansformer_tf.edit.optimization import Optimization, latents_of
from gansformer_tf.edit.spread import Spread

_BATCH = 16
_FIRST_SEED = 2**31  # far from those that people choose, so that what is found is no seed that was asked for


class Starts:
    """Finds a start for each image among `config.starts` seeds; none of them: the mean.

    Args:
        generator: A `Generator` with w.
        config: How.
        spread: Of the generator's w.
        distance: What is brought down.
    """

    def __init__(self, generator: Any, config: ProjectConfig, spread: Spread, distance: ImageDistance) -> None:
        self.config, self.distance = config, distance
        self._x = np.zeros((1, *latents_of(generator.config, config.space)), np.float32)
        self._trial = replace(config, steps=max(1, config.steps // config.trial_part))
        if not config.starts:
            return
        sampler = Sampler(generator, truncation_psi=1.0, noise_mode="const", batch_size=_BATCH)
        w = sampler.latents_w(range(_FIRST_SEED, _FIRST_SEED + config.starts))
        x = DEFAULT_PSI * (w[:, :, :1] - spread.mean[None, :, None]) / spread.deviation[None, :, None]
        if config.space == "w":
            x = x.mean(axis=1, keepdims=True)
        drawn = spread.mean[None, :, None] + spread.deviation[None, :, None] * x
        drawn = np.broadcast_to(drawn, w.shape)
        self._x = np.broadcast_to(x, (len(x), *self._x.shape[1:]))
        self._vectors = np.concatenate(
            [self._vector(sampler.synthesize(drawn[rows], None)[0]) for rows in sampler.parts(len(w))]
        )

    def of(
        self, targets: np.ndarray, optimization: Callable[[int], Optimization], proceed: Callable[[], bool]
    ) -> np.ndarray:
        """x for each image, `[count, latents, layers, style_dim]`.

        Args:
            targets: float32 `[count, height, width, channels]` in [-1, 1].
            optimization: Gives the one for so many images at once.
            proceed: Ends the trials early by returning False.
        """
        if not self.config.starts:
            return np.repeat(self._x, len(targets), axis=0)
        order = np.stack([self._distances(target).argsort(kind="stable") for target in self._vector(targets)])
        tried = min(self.config.tried, self.config.starts)
        if tried < 2 or self.config.steps < self.config.trial_part:
            return self._x[order[:, 0]]
        return np.stack(
            [
                self._best(target, self._x[nearest[:tried]], optimization(tried), proceed)
                for target, nearest in zip(targets, order, strict=True)
            ]
        )

    def _best(
        self, target: np.ndarray, starts: np.ndarray, run: Optimization, proceed: Callable[[], bool]
    ) -> np.ndarray:
        """Which of several starts comes nearest in a few steps, and how far it came."""
        run.begin(np.repeat(target[None], len(starts), axis=0), starts, self._trial)
        while not run.finished and proceed():
            if not run.step():
                return starts[0]
        return run.x[run.losses().argmin()] if run.done else starts[0]

    def _distances(self, vector: np.ndarray) -> np.ndarray:
        return np.square(self._vectors - vector).sum(axis=1)

    def _vector(self, images: np.ndarray) -> np.ndarray:
        return np.asarray(self.distance.vectors(images, self.config))
