"""What a seed stands for: latents, noise and label of one picture, whatever batch it is drawn in."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

MAX_SEED = 2**32 - 1  # what numpy.random.RandomState accepts


def check_seeds(seeds: Sequence[int]) -> None:
    """Raises `ValueError` unless every seed lies in 0..2**32-1."""
    for seed in seeds:
        if not 0 <= seed <= MAX_SEED:
            raise ValueError(f"seed {seed} is out of range; seeds lie between 0 and {MAX_SEED}.")


def latents_from_seeds(seeds: Sequence[int], num_latents: int, latent_dim: int) -> np.ndarray:
    """Standard normal latents, one draw of `RandomState(seed)` per picture (the convention of the field).

    Returns:
        float32 `[len(seeds), num_latents, latent_dim]`.
    """
    check_seeds(seeds)
    z = np.empty((len(seeds), num_latents, latent_dim), np.float32)
    for row, seed in enumerate(seeds):
        z[row] = np.random.RandomState(seed).standard_normal((num_latents, latent_dim))
    return z


def noise_from_seeds(seeds: Sequence[int], shapes: Sequence[tuple[int, ...]]) -> list[np.ndarray]:
    """Standard normal noise inputs of the synthesis layers, independent between seeds and layers.

    Args:
        seeds: One per picture.
        shapes: (height, width, maps) of each layer's noise, as in `Generator.noise_shapes`.

    Returns:
        Per layer float32 `[len(seeds), height, width, maps]`.
    """
    check_seeds(seeds)
    noise = [np.empty((len(seeds), *shape), np.float32) for shape in shapes]
    for row, seed in enumerate(seeds):
        for layer, values in enumerate(noise):
            values[row] = np.random.default_rng((seed, layer)).standard_normal(values.shape[1:], np.float32)
    return noise


def labels_from_seeds(seeds: Sequence[int], label_dim: int, classes: Sequence[int] | None = None) -> np.ndarray | None:
    """One-hot labels: the given classes in turn, or a class drawn from each seed.

    Args:
        seeds: One per picture.
        label_dim: Classes of the model; 0 for a model without labels.
        classes: Class numbers that the pictures take in turn; None draws them.

    Returns:
        float32 `[len(seeds), label_dim]`, or None for a model without labels.

    Raises:
        ValueError: Classes for a model without labels, or a class that it does not know.
    """
    if label_dim == 0:
        if classes:
            raise ValueError("labels were given, but the model was trained without labels; leave them out.")
        return None
    for label in classes or ():
        if not 0 <= label < label_dim:
            raise ValueError(f"label {label} is unknown to the model; its classes are 0 to {label_dim - 1}.")
    if classes:
        chosen = [classes[index % len(classes)] for index in range(len(seeds))]
    else:
        check_seeds(seeds)
        chosen = [int(np.random.default_rng((seed, label_dim)).integers(label_dim)) for seed in seeds]
    return np.eye(label_dim, dtype=np.float32)[chosen]


def parse_seeds(text: str, limit: int = 1_000_000) -> tuple[int, ...]:
    """Reads `0-31,77`: single seeds and ranges with both ends included.

    Raises:
        ValueError: Anything else, a seed out of range, or more than `limit` seeds.
    """
    seeds: list[int] = []
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()):
            raise ValueError(f"{text!r} is no list of seeds; write for example 0-31,77.")
        start, end = int(first), int(last) if dash else int(first)
        if end < start:
            raise ValueError(f"the range {part.strip()!r} runs backwards; write {end}-{start}.")
        if end > MAX_SEED:
            raise ValueError(f"seed {end} is out of range; seeds lie between 0 and {MAX_SEED}.")
        if len(seeds) + end - start + 1 > limit:
            raise ValueError(f"{text!r} names more than {limit:,} seeds; draw them in several runs.")
        seeds.extend(range(start, end + 1))
    return tuple(seeds)
