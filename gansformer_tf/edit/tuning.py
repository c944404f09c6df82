"""Pivotal tuning (Roich et al., 2021): the generator's weights bend towards images that w alone does not reach."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from gansformer_tf.config.project import ProjectConfig
from gansformer_tf.drawing.sampler import Sampler
from gansformer_tf.edit.distance import ImageDistance
from gansformer_tf.models.families import build_generator

_NEIGHBOURS = 64  # seeds whose w the pivots are mixed with
_NEARNESS = 0.3  # share of the way from a pivot to such a w where images are held


def tuned(
    generator: Any,
    targets: np.ndarray,
    w: np.ndarray,
    noise: list[np.ndarray] | None,
    config: ProjectConfig,
    distance: ImageDistance,
    batch_size: int = 4,
    step_done: Callable[[int], bool] = lambda done: True,
) -> Any:
    """A copy of a generator whose synthesis draws the targets at their w, and other images as before.

    Args:
        generator: Stays as it is.
        targets: float32 `[count, height, width, channels]` in [-1, 1].
        w: `[count, num_latents, num_layers, style_dim]`.
        noise: Per layer `[count, height, width, maps]`, or None for the model's own.
        config: How.
        distance: What is brought down.
        batch_size: Images in a step.
        step_done: Told the number of steps; it ends the tuning by returning False.
    """
    copy = build_generator(generator.config)
    for variable, other in zip(copy.weights, generator.weights, strict=True):
        variable.assign(other)
    variables = copy.synthesis.trainable_variables
    optimizer = keras.optimizers.Adam(config.tune_rate, beta_1=0.9, beta_2=0.999)
    optimizer.build(variables)
    near = Sampler(generator, truncation_psi=1.0, batch_size=batch_size).latents_w(range(_NEIGHBOURS))
    mode = "random" if noise else "const"

    def step(target: Any, pivot: Any, maps: list[Any] | None, neighbour: Any) -> None:
        between = pivot + _NEARNESS * (neighbour - pivot)
        before = generator.synthesize(between, noise_mode="const")
        with tf.GradientTape() as tape:
            loss = distance.loss(copy.synthesize(pivot, noise_mode=mode, noise=maps), target, config)
            held = distance.loss(copy.synthesize(between, noise_mode="const"), before, config)
            loss = tf.reduce_mean(loss) + config.locality_weight * tf.reduce_mean(held)
        gradients = tape.gradient(loss, variables, unconnected_gradients="zero")
        optimizer.apply(gradients, variables)

    graph = tf.function(step, autograph=False, reduce_retracing=True)
    # Every step has as many images, so that it is traced once: batches go round.
    size = min(batch_size, len(targets))
    for done in range(config.tune_steps):
        rows = np.arange(done * size, (done + 1) * size) % len(targets)
        maps = None if noise is None else [tf.constant(values[rows]) for values in noise]
        graph(
            tf.constant(targets[rows], tf.float32),
            tf.constant(w[rows], tf.float32),
            maps,
            tf.constant(near[done % len(near)][None]),
        )
        if not step_done(done + 1):
            break
    return copy
