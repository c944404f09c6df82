"""Directions in w along which images change: in closed form of the weights, or of where w lies."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from gansformer_tf.drawing.sampler import Sampler
from gansformer_tf.files import replacing
from gansformer_tf.models.base import require_w

METHODS = ("sefa", "ganspace")
COUNT = 2048  # latents that principal components, and the length of a step, are estimated from
_BATCH = 256
_FORMAT = "gansformer-tf directions"


@dataclass(frozen=True)
class Directions:
    """Directions in the w of one latent, as `gf.Model.directions` finds them.

    Attributes:
        vectors: float32 `[count, style_dim]` of length 1, the strongest first.
        steps: float32 `[count]`, the standard deviation of w along each: what an amount of 1 moves.
        latent: Whose w they move.
        layers: (first, end) of the layers of w that they move.
        names: One for each.
        method: "sefa" or "ganspace".

    Example:

    >>> model = gf.load("scenes")
    >>> found = model.directions(component=2, count=3)
    >>> w = found.move(model.map(model.z([0])), index=0, amount=2.0)
    >>> model.synthesize(w, seeds=[0]).shape
    (1, 64, 64, 3)
    >>> gf.edit.Directions.load(found.save("walls.safetensors")).names
    ('sefa 0', 'sefa 1', 'sefa 2')
    """

    vectors: np.ndarray
    steps: np.ndarray
    latent: int
    layers: tuple[int, int]
    names: tuple[str, ...]
    method: str

    def move(self, w: Any, index: int, amount: float) -> np.ndarray:
        """w `[batch, num_latents, num_layers, style_dim]`, moved along one direction by `amount` standard deviations.

        Raises:
            ValueError: No such direction, or w of another model.
        """
        w = np.array(w, np.float32)
        if not 0 <= index < len(self.vectors):
            raise ValueError(f"there is no direction {index}; there are {len(self.vectors)}, from 0.")
        fits = w.ndim == 4 and self.latent < w.shape[1] and self.layers[1] <= w.shape[2]
        if not fits or w.shape[3] != self.vectors.shape[1]:
            raise ValueError(
                f"w has shape {w.shape}; these directions move latent {self.latent}, layers {self.layers[0]} to "
                f"{self.layers[1] - 1}, {self.vectors.shape[1]} numbers each. Take those of the same model."
            )
        w[:, self.latent, slice(*self.layers)] += amount * self.steps[index] * self.vectors[index]
        return w

    def save(self, path: str | Path) -> Path:
        """Writes one small `.safetensors` file.

        Raises:
            ValueError: Another ending.
            OSError: It cannot be written.
        """
        path = Path(path)
        if path.suffix != ".safetensors":
            raise ValueError(f"{path} does not end with .safetensors; give the file that ending.")
        about = {"latent": self.latent, "layers": self.layers, "names": self.names, "method": self.method}
        with replacing(path) as temporary:
            arrays = {"vectors": np.ascontiguousarray(self.vectors), "steps": np.ascontiguousarray(self.steps)}
            save_file(arrays, temporary, metadata={"format": _FORMAT, "about": json.dumps(about)})
        return path

    @classmethod
    def load(cls, path: str | Path) -> Directions:
        """Reads a file of `save`.

        Raises:
            ValueError: It is none.
        """
        try:
            with safe_open(path, framework="np") as file:
                metadata = file.metadata() or {}
                if metadata.get("format") != _FORMAT:
                    raise ValueError(f"{path} holds no directions; name a file that Directions.save wrote.")
                about = json.loads(metadata["about"])
                vectors, steps = file.get_tensor("vectors"), file.get_tensor("steps")
        except (OSError, SafetensorError) as error:
            raise ValueError(f"{path} cannot be read ({error}); name a file that Directions.save wrote.") from error
        return cls(vectors, steps, about["latent"], tuple(about["layers"]), tuple(about["names"]), about["method"])


def directions(
    generator: Any,
    method: str = "sefa",
    count: int = 5,
    component: int | None = None,
    layers: tuple[int, int] | None = None,
    names: Sequence[str] | None = None,
) -> Directions:
    """Directions of one latent's w.

    Args:
        generator: A `Generator` with w.
        method: "sefa": eigenvectors of the kernels that read w in these layers (Shen and Zhou, 2021, "Closed-Form
            Factorization of Latent Semantics in GANs"); "ganspace": principal components of w (Härkönen et al., 2020).
        count: How many.
        component: The component whose w is moved; None: the latent that modulates features (the global one, where there
            are components).
        layers: (first, end) of the layers of w; None: all.
        names: One for each direction; None numbers them.

    Raises:
        ValueError: A family without w, an unknown method, component or layer, or layers in which nothing reads it.
    """
    config = generator.config
    require_w(config, "directions of w were")
    if method not in METHODS:
        raise ValueError(f"the method {method!r} is unknown; choose one of {', '.join(METHODS)}.")
    if not 1 <= count <= config.style_dim:
        raise ValueError(f"{count} directions were asked for; w has {config.style_dim} numbers, so give 1 to that.")
    latent = _latent(config, component)
    layers = (0, config.num_layers) if layers is None else layers
    if not 0 <= layers[0] < layers[1] <= config.num_layers:
        raise ValueError(
            f"layers {layers[0]} to {layers[1]} are none of this model; give (first, end) within 0 and "
            f"{config.num_layers}."
        )
    w = _samples(generator, latent)
    components = component is not None
    matrix = _kernel_product(generator, components, layers) if method == "sefa" else np.cov(w, rowvar=False)
    vectors = np.linalg.eigh(matrix)[1].T[::-1][:count]
    # The sign of an eigenvector is open; the same one every time is easier to speak of.
    vectors = vectors * np.sign(vectors[np.arange(count), np.abs(vectors).argmax(axis=1)])[:, None]
    given = tuple(f"{method} {index}" for index in range(count)) if names is None else tuple(names)
    if len(given) != count:
        raise ValueError(f"there are {len(given)} names for {count} directions; give one for each.")
    steps = (w @ vectors.T).std(axis=0)
    return Directions(vectors.astype(np.float32), steps.astype(np.float32), latent, layers, given, method)


def _latent(config: Any, component: int | None) -> int:
    """Index of the latent whose w is moved."""
    if component is None:
        if config.num_latents == config.num_components > 1:
            raise ValueError("this model has no latent behind its components; name one with component=0.")
        return config.num_latents - 1
    if not (config.num_latents > 1 and 0 <= component < config.num_components):
        known = f"this model has 0 to {config.num_components - 1}" if config.num_latents > 1 else "this model has none"
        raise ValueError(f"component {component} is unknown; {known}. Leave it out for the latent behind all of them.")
    return component


def _kernel_product(generator: Any, components: bool, layers: tuple[int, int]) -> np.ndarray:
    """`A A^T` of the kernels that read this w in these layers, each unit brought to length 1 as SeFa does."""
    kernels = list(generator.style_kernels())
    # In a k-GAN every component modulates features.
    components = components and any(item.components for item in kernels)
    found = [
        np.asarray(item.kernel, np.float64)
        for item in kernels
        if item.components == components and layers[0] <= item.layer < layers[1]
    ]
    if not found:
        what = "components" if components else "the latent that modulates features"
        raise ValueError(f"nothing reads the w of {what} in layers {layers[0]} to {layers[1] - 1}; choose others.")
    kernel = np.concatenate(found, axis=1)
    kernel = kernel / np.maximum(np.linalg.norm(kernel, axis=0), np.finfo(np.float32).tiny)
    return kernel @ kernel.T


def _samples(generator: Any, latent: int) -> np.ndarray:
    """w of one latent for `COUNT` seeds, float64 `[COUNT, style_dim]`."""
    sampler = Sampler(generator, truncation_psi=1.0, batch_size=_BATCH)
    parts = [
        sampler.map(sampler.latents(seeds), labels)[:, latent, 0] for seeds, labels in sampler.batches(range(COUNT))
    ]
    return np.concatenate(parts).astype(np.float64)
