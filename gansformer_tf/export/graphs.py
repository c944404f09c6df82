"""The generator as graphs of standard TensorFlow ops, the parts that all signatures share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from gansformer_tf.export import mersenne, seeded
from gansformer_tf.export.errors import ExportError
from gansformer_tf.models.coordinates import line_coordinates
from gansformer_tf.ops import implementation

MAX_SEED = 2**32 - 1  # as everywhere in the package
LABEL_FROM_SEED = -1
# Drawing random numbers is a matter of many small integer ops, which a GPU is slower at.
_DRAWING_DEVICE = "/CPU:0"


class Graphs:
    """A generator as a few concrete functions that call each other, so that no part is in a file twice.

    Only the generator's public interface is used: `map`, `synthesize`, `noise_shapes`, `config`.

    Args:
        generator: A `Generator`.
        noise_mode: Of images drawn from seeds: "random" (from the seed), "const" or "none". Images drawn from
            latents have no seed; with "random" they take the constant noise.
        seeds: Whether images can be drawn from seeds.
        scale: Size of the images as a factor, for generators that draw any size.

    Raises:
        ExportError: The generator does not draw images of that size.

    Attributes:
        map: (z `[batch, num_latents, latent_dim]`, truncation_psi `[batch]` if the model has w, class numbers `[batch]`
            if it has labels) to w, truncated image by image, or to what the model has in its place.
        draw: w to (images float32 `[batch, height, width, channels]`, attention maps per layer).
        from_seeds: (seeds `[batch]`, truncation_psi, class numbers, -1 for one from the seed) to what `draw` gives;
            None for exports without seeds.
    """

    def __init__(self, generator: Any, noise_mode: str = "random", seeds: bool = True, scale: float = 1.0) -> None:
        self.generator = generator
        self.config = config = generator.config
        self.noise_mode = noise_mode
        self.lines = lines_of(generator, scale)
        self.noise_shapes = [tuple(shape) for shape in generator.noise_shapes]
        self.seeded_noise = seeds and noise_mode == "random" and bool(self.noise_shapes)
        self.z_shape = (None, config.num_latents, config.latent_dim)
        given = [tf.TensorSpec([None], tf.float32)] if config.has_w else []
        given += [tf.TensorSpec([None], tf.int64)] if config.label_dim else []
        with implementation("composite"):  # a server has no native ops
            self.map = concrete(self._map, tf.TensorSpec(self.z_shape, tf.float32), *given)
            self.w_shape = tuple(self.map.structured_outputs.shape)
            w = tf.TensorSpec(self.w_shape, tf.float32)
            self.draw = concrete(self._draw, w)
            if self.seeded_noise:
                noise = [tf.TensorSpec((None, *shape), tf.float32) for shape in self.noise_shapes]
                self._draw_with_noise = concrete(self._draw_noisily, w, noise)
            self.from_seeds: Any = None
            if seeds:
                self.from_seeds = concrete(self._from_seeds, tf.TensorSpec([None], tf.int64), *given)
        self.num_maps = len(self.draw.structured_outputs[1])

    def _map(self, z: Any, *given: Any) -> Any:
        truncation_psi, labels = self._named(given)
        one_hot = None if labels is None else tf.one_hot(labels, self.config.label_dim)
        if truncation_psi is None:
            return self.generator.map(z, labels=one_hot)
        return self.generator.map(z, labels=one_hot, truncation_psi=truncation_psi)

    def _named(self, given: tuple[Any, ...]) -> tuple[Any, Any]:
        """(truncation_psi, labels) of those that the model takes, None for the others."""
        values = list(given)
        psi = values.pop(0) if self.config.has_w else None
        return psi, values.pop(0) if self.config.label_dim else None

    def _draw(self, w: Any) -> Any:
        mode = "const" if self.noise_mode == "random" else self.noise_mode
        return self._with_maps(w, noise_mode=mode)

    def _draw_noisily(self, w: Any, noise: list[Any]) -> Any:
        return self._with_maps(w, noise_mode="random", noise=noise)

    def _with_maps(self, w: Any, **options: Any) -> Any:
        if not has_attention(self.config):
            return self.generator.synthesize(w, **options, **self.lines), []
        images, maps = self.generator.synthesize(w, return_attention=True, **options, **self.lines)
        return images, list(maps)

    def _from_seeds(self, seeds: Any, *given: Any) -> Any:
        psi, labels = self._named(given)
        with tf.device(_DRAWING_DEVICE):
            _, num_latents, latent_dim = self.z_shape
            z = tf.cast(mersenne.standard_normal(seeds, num_latents * latent_dim), tf.float32)
            z = tf.reshape(z, [-1, num_latents, latent_dim])
            if labels is not None:
                drawn = seeded.classes_from_seeds(seeds, self.config.label_dim)
                labels = tf.where(labels == LABEL_FROM_SEED, drawn, labels)
            noise = seeded.noise_from_seeds(seeds, self.noise_shapes) if self.seeded_noise else None
        w = self.map(z, *(value for value in (psi, labels) if value is not None))
        return self.draw(w) if noise is None else self._draw_with_noise(w, noise)


def concrete(function: Callable[..., Any], *specs: Any, **named: Any) -> Any:
    """The function as a graph. There is no Python control flow over tensors to convert, which takes long."""
    return tf.function(function, autograph=False).get_concrete_function(*specs, **named)


def lines_of(generator: Any, scale: float) -> dict[str, Any]:
    """What `synthesize` takes to draw images of another size than those of training.

    Raises:
        ExportError: The generator does not draw images of that size.
    """
    if scale == 1.0:
        return {}
    if not generator.config.draws_any_size:
        raise ExportError(
            f"scale is {scale}; a {generator.config.family} generator draws images of one size, CREPS draws any. "
            "Leave it out."
        )
    try:
        rows, columns = line_coordinates(generator.config, scale)
    except ValueError as error:
        raise ExportError(str(error)) from error
    return {"rows": rows, "columns": columns}


def has_attention(config: Any) -> bool:
    """Whether a model has attention maps between components and image."""
    return bool(config.has_attention)


def to_uint8(images: Any) -> Any:
    """Images in [-1, 1] as uint8, as `drawing.pixels.to_uint8` rounds them."""
    return tf.cast(tf.clip_by_value(tf.round((images + 1.0) * 127.5), 0.0, 255.0), tf.uint8)
