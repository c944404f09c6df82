"""The signatures of an exported model: named tensors in, named tensors out, requests checked in the graph.

A TensorFlow signature has no optional inputs. Images are therefore drawn by two families of signatures, from seeds
and, with names that end in `from_z`, from latents; models with labels take `labels` in both.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from gansformer_tf.export.graphs import LABEL_FROM_SEED, MAX_SEED, Graphs, concrete, has_attention, to_uint8

Function = Callable[..., dict[str, Any]]


def build_signatures(graphs: Graphs) -> dict[str, Any]:
    """The concrete functions of all signatures by name.

    | signature | inputs | outputs |
    |---|---|---|
    | `serving_default`, `from_z` | seeds or z, truncation_psi, labels | `image_bytes`: PNG files |
    | `images`, `images_from_z` | the same | `images`: uint8 `[batch, height, width, channels]` |
    | `images_float`, `images_float_from_z` | the same | `images`: float32, about [-1, 1] |
    | `attention_maps`, `attention_maps_from_z` | the same | `layer00` ...: `[batch, heads, h, w, components]` |
    | `mapping` | z, truncation_psi, labels | `w`: `[batch, num_latents, num_layers, dim]` |
    | `synthesis` | w | `images`: float32 |

    A model without w takes no truncation_psi, and has the signatures of w not.

    Args:
        graphs: The generator.
    """
    build = _Builder(graphs)
    forms = {"images_float": lambda images, maps: {"images": images}, "images": _pixels, "serving_default": _files}
    if has_attention(graphs.config) and graphs.num_maps:
        forms["attention_maps"] = _named_maps
    found = {}
    for name, form in forms.items():
        found[name] = build.from_seeds(form)
        found["from_z" if name == "serving_default" else f"{name}_from_z"] = build.from_z(form)
    if not graphs.config.has_w:
        return found
    return found | {"mapping": build.mapping(), "synthesis": build.synthesis()}


def input_specs(signature: Any) -> dict[str, Any]:
    """Types and shapes of a signature's inputs by name."""
    specs = tf.nest.flatten(signature.structured_input_signature)
    return {spec.name: spec for spec in specs if spec is not None}  # None: labels of a model without


def _pixels(images: Any, maps: list[Any]) -> dict[str, Any]:
    return {"images": to_uint8(images)}


def _files(images: Any, maps: list[Any]) -> dict[str, Any]:
    # The REST interface of TensorFlow Serving writes outputs whose name ends in _bytes as base64.
    return {"image_bytes": tf.io.encode_png(to_uint8(images))}


def _named_maps(images: Any, maps: list[Any]) -> dict[str, Any]:
    return {f"layer{index:02d}": found for index, found in enumerate(maps)}


class _Builder:
    def __init__(self, graphs: Graphs) -> None:
        self.graphs = graphs
        self.label_dim = graphs.config.label_dim
        self.per_image = {}
        if graphs.config.has_w:
            self.per_image["truncation_psi"] = tf.TensorSpec([None], tf.float32, "truncation_psi")
        if self.label_dim:
            self.per_image["labels"] = tf.TensorSpec([None], tf.int64, "labels")

    def from_seeds(self, form: Function) -> Any:
        def draw(seeds: Any, truncation_psi: Any = None, labels: Any = None) -> dict[str, Any]:
            with tf.control_dependencies(
                [
                    *_same_length(seeds=seeds, truncation_psi=truncation_psi, labels=labels),
                    *_in_range("seeds", seeds, 0, MAX_SEED),
                    *self._checks(truncation_psi, labels, LABEL_FROM_SEED),
                ]
            ):
                seeds = tf.identity(seeds)
            return form(*self.graphs.from_seeds(*_given(seeds, truncation_psi, labels)))

        return concrete(draw, seeds=tf.TensorSpec([None], tf.int64, "seeds"), **self.per_image)

    def from_z(self, form: Function) -> Any:
        def draw(z: Any, truncation_psi: Any = None, labels: Any = None) -> dict[str, Any]:
            return form(*self.graphs.draw(self._mapped(z, truncation_psi, labels)))

        return concrete(draw, z=self._z(), **self.per_image)

    def mapping(self) -> Any:
        def mapping(z: Any, truncation_psi: Any = None, labels: Any = None) -> dict[str, Any]:
            return {"w": self._mapped(z, truncation_psi, labels)}

        return concrete(mapping, z=self._z(), **self.per_image)

    def synthesis(self) -> Any:
        def synthesis(w: Any) -> dict[str, Any]:
            with tf.control_dependencies(_some(tf.shape(w)[0], "w")):
                w = tf.identity(w)
            return {"images": self.graphs.draw(w)[0]}

        return concrete(synthesis, w=tf.TensorSpec(self.graphs.w_shape, tf.float32, "w"))

    def _z(self) -> Any:
        return tf.TensorSpec(self.graphs.z_shape, tf.float32, "z")

    def _mapped(self, z: Any, truncation_psi: Any, labels: Any) -> Any:
        checks = _same_length(z=z, truncation_psi=truncation_psi, labels=labels)
        with tf.control_dependencies([*checks, *self._checks(truncation_psi, labels, 0)]):
            z = tf.identity(z)
        return self.graphs.map(*_given(z, truncation_psi, labels))

    def _checks(self, truncation_psi: Any, labels: Any, lowest_label: int) -> list[Any]:
        checks = []
        if truncation_psi is not None:
            finite = tf.reduce_all(tf.math.is_finite(truncation_psi))
            checks += [tf.debugging.Assert(finite, ["truncation_psi holds a value that is not a finite number."])]
        if labels is not None:
            checks += _in_range("labels", labels, lowest_label, self.label_dim - 1)
        return checks


def _given(*inputs: Any) -> list[Any]:
    return [value for value in inputs if value is not None]


def _same_length(**inputs: Any) -> list[Any]:
    """Checks that there is one value of every input for each image, and one image at least."""
    (first, x), *others = ((name, value) for name, value in inputs.items() if value is not None)
    count = tf.shape(x)[0]
    checks = _some(count, first)
    for name, value in others:
        length = tf.shape(value)[0]
        message = [f"{first} and {name} need one value per image; they have", count, "and", length]
        checks.append(tf.debugging.Assert(count == length, message))
    return checks


def _some(count: Any, name: str) -> list[Any]:
    return [tf.debugging.Assert(count > 0, [f"{name} is empty; ask for one image at least."])]


def _in_range(name: str, values: Any, lowest: int, highest: int) -> list[Any]:
    inside = tf.reduce_all((values >= lowest) & (values <= highest))
    return [tf.debugging.Assert(inside, [f"{name} must lie between {lowest} and {highest}; given:", values])]
