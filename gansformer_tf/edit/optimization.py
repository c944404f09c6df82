"""The optimisation of w for one batch of images, step by step."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from gansformer_tf.config.project import ProjectConfig
from gansformer_tf.drawing.noise import noise_from_seeds
from gansformer_tf.edit.distance import ImageDistance
from gansformer_tf.edit.noise_maps import normalized, regularizer
from gansformer_tf.edit.spread import Spread
from gansformer_tf.files import replacing

_RISE, _FALL = 0.05, 0.25  # shares of the steps in which the learning rate rises and falls
_NOISE_END = 0.75  # share of the steps with noise on the latents
_SEED = 7  # of that noise; the same in every image, so that a batch changes none of them
_FRAMES = 60  # of the way that are kept


def latents_of(model: Any, space: str) -> tuple[int, int, int]:
    """(latents, layers, numbers) that are optimised for an image."""
    return 1 if space == "w" else model.num_latents, model.num_layers if space == "w+" else 1, model.style_dim


class Optimization:
    """Latents of a batch of images, on their way. Of any number of batches the graph of a step is made once.

    Args:
        generator: A `Generator` with w.
        size: Images at once.
        config: How.
        spread: Of the generator's w.
        distance: What is brought down.
    """

    def __init__(
        self, generator: Any, size: int, config: ProjectConfig, spread: Spread, distance: ImageDistance
    ) -> None:
        self.generator, self.size, self.config, self.distance = generator, size, config, distance
        self.done = self._count = 0
        self._way: list[np.ndarray] = []  # latents of each frame; half precision does for a video
        self._mean = tf.constant(spread.mean[None, :, None])
        self._deviation = tf.constant(spread.deviation[None, :, None])
        model = generator.config
        self._targets = tf.Variable(tf.zeros((size, model.height, model.width, model.image_channels)))
        self._x = tf.Variable(tf.zeros((size, *latents_of(model, config.space))))
        shapes = generator.noise_shapes if config.noise_maps else []
        self._first_noise = [np.repeat(values, size, 0) for values in noise_from_seeds([_SEED], shapes)]
        self._noise = [tf.Variable(values) for values in self._first_noise]
        self._optimizer = keras.optimizers.Adam(config.learning_rate, beta_1=0.9, beta_2=0.999)
        self._optimizer.build(self._variables)
        self._graph = tf.function(self._step, autograph=False)

    def begin(self, targets: np.ndarray, x: np.ndarray | None = None, config: ProjectConfig | None = None) -> None:
        """Takes other images; fewer than `size` are filled up.

        Args:
            targets: float32 `[count, height, width, channels]` in [-1, 1].
            x: Where they start, in units of the spread: `[count, latents, layers, style_dim]`; None: the mean.
            config: With another number of steps.
        """
        self.config = self.config if config is None else config
        self.done, self._count, self._way = 0, len(targets), []
        rows = np.arange(self.size) % len(targets)
        self._targets.assign(targets[rows])
        self._x.assign(tf.zeros_like(self._x) if x is None else x[rows])
        for variable, values in zip(self._noise, self._first_noise, strict=True):
            variable.assign(values)
        for state in self._optimizer.variables:
            state.assign(tf.zeros_like(state))

    @property
    def finished(self) -> bool:
        return self.done >= self.config.steps

    @property
    def traces(self) -> int:
        """How often the graph of a step was made."""
        return self._graph.experimental_get_tracing_count()

    @property
    def x(self) -> np.ndarray:
        """float32 `[count, latents, layers, style_dim]`, in units of the spread from the mean."""
        return self._x.numpy()[: self._count]

    @property
    def w(self) -> np.ndarray:
        """float32 `[count, num_latents, num_layers, style_dim]`."""
        return self._w(self._x).numpy()[: self._count]

    @property
    def way(self) -> list[np.ndarray]:
        """w of the frames of a video of the way; the last is what it has come to."""
        return [*(self._w(tf.constant(x, tf.float32)).numpy()[: self._count] for x in self._way), self.w]

    @property
    def noise(self) -> list[np.ndarray] | None:
        """Noise inputs of every layer, or None where they are not optimised."""
        return [values.numpy()[: self._count] for values in self._noise] or None

    def losses(self) -> np.ndarray:
        """How far each image is from its target, `[count]`."""
        images = self.draw(self._w(self._x), self._noise)
        return np.asarray(self.distance.loss(images, self._targets, self.config))[: self._count]

    def step(self) -> bool:
        """One step of Adam; False, and no step, where loss or gradient is no number."""
        if self.done >= len(self._way) * self.config.steps / _FRAMES:
            self._way.append(self._x.numpy().astype(np.float16))
        part = self.done / self.config.steps
        self._optimizer.learning_rate.assign(self.config.learning_rate * ramp(part))
        strength = self.config.latent_noise * max(0.0, 1 - part / _NOISE_END) ** 2
        before = self._x.numpy()
        if not self._graph(tf.constant(strength, tf.float32), tf.constant([_SEED, self.done])):
            self._x.assign(before)
            return False
        self.done += 1
        return True

    def _step(self, strength: Any, seed: Any) -> Any:
        config = self.config
        with tf.GradientTape() as tape:
            moved = self._x + strength * tf.random.stateless_normal((1, *self._x.shape[1:]), seed)
            images = self.draw(self._w(moved), self._noise)
            loss = self.distance.loss(images, self._targets, config)
            if self._noise:
                loss += config.noise_weight * regularizer(self._noise)
            loss = tf.reduce_sum(loss)
        gradients = tape.gradient(loss, self._variables)
        finite = tf.reduce_all([tf.reduce_all(tf.math.is_finite(value)) for value in (loss, *gradients)])
        self._optimizer.apply([tf.where(finite, value, tf.zeros_like(value)) for value in gradients], self._variables)
        for values in self._noise:
            values.assign(normalized(values))
        return finite

    def draw(self, w: Any, noise: list[Any] | None) -> Any:
        """Images of w: with the given noise, or with the model's own."""
        if noise:
            return self.generator.synthesize(w, noise_mode="random", noise=list(noise))
        return self.generator.synthesize(w, noise_mode="const")

    def _w(self, x: Any) -> Any:
        model = self.generator.config
        shape = (self.size, model.num_latents, model.num_layers, model.style_dim)
        return tf.broadcast_to(self._mean + self._deviation * x, shape)

    @property
    def _variables(self) -> list[Any]:
        return [self._x, *self._noise]

    def save(self, path: Path) -> None:
        """Writes where it stands."""
        kept: dict[str, Any] = {}
        self._optimizer.save_own_variables(kept)
        arrays: dict[str, Any] = {f"optimizer/{name}": np.asarray(value) for name, value in kept.items()}
        arrays |= {f"variable/{index}": value.numpy() for index, value in enumerate(self._variables)}
        with replacing(path, durable=False) as temporary:
            np.savez(temporary, done=self.done, way=np.asarray(self._way), **arrays)

    def load(self, path: Path) -> None:
        """Goes on from where `save` was called."""
        with np.load(path) as found:
            self.done, self._way = int(found["done"]), list(found["way"])
            for index, variable in enumerate(self._variables):
                variable.assign(found[f"variable/{index}"])
            prefix = "optimizer/"
            names = [name for name in found.files if name.startswith(prefix)]
            self._optimizer.load_own_variables({name.removeprefix(prefix): found[name] for name in names})


def ramp(part: float) -> float:
    """The learning rate at a share of the steps, as a share of itself: up in a line, down as a cosine."""
    fall = min(1.0, (1 - part) / _FALL)
    return (0.5 - 0.5 * math.cos(math.pi * fall)) * min(1.0, (part + 1e-3) / _RISE)
