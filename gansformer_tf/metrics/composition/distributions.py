"""What scenes show, counted, and how far two counts lie apart."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from gansformer_tf.metrics.composition.referee.instances import Found
from gansformer_tf.metrics.composition.referee.scheme import ATTRIBUTES, MOST, SIDE

RENDERED = Path(__file__).parent / "referee" / "rendered.json"  # what the renderer shows; of benchmarks/referee.py
CELLS = 4  # the image is cut into 4x4 cells, and an object is counted in that of its middle
# What is counted of an image, and in how many kinds: images by their number of objects, then objects.
KINDS = {"count": MOST + 1} | {name: len(values) for name, values in ATTRIBUTES.items()} | {"place": CELLS**2}


def counts_of(classes: Mapping[str, np.ndarray], places: np.ndarray) -> np.ndarray:
    """The counts of one image, float32 of the lengths of `KINDS`, one after another.

    Args:
        classes: By attribute, the class number of every object.
        places: Row and column of every object's middle, `[objects, 2]`, in pixels of 64x64.
    """
    cells = np.clip(np.asarray(places) * CELLS // SIDE, 0, CELLS - 1).astype(int).reshape(-1, 2)
    seen = {"count": np.array([min(len(cells), MOST)]), **classes, "place": cells[:, 0] * CELLS + cells[:, 1]}
    return np.concatenate([np.bincount(seen[name], minlength=size) for name, size in KINDS.items()]).astype(np.float32)


def counts_of_found(found: Found) -> np.ndarray:
    """The counts of what the referee found."""
    return counts_of(found.classes, found.places)


def parts(counts: np.ndarray) -> dict[str, np.ndarray]:
    """Counts `[..., sum of lengths]` by what is counted."""
    ends = np.cumsum(list(KINDS.values()))[:-1]
    return dict(zip(KINDS, np.split(counts, ends, axis=-1), strict=True))


def factors_of(counts: np.ndarray, places: np.ndarray) -> np.ndarray:
    """What DCI is asked about, of one image: the number of objects, objects of every colour, shape, size and material,
    and the mean row and column of their middles (the middle of the image where there are none)."""
    by_name = parts(counts)
    number = float(by_name["count"].argmax())
    middle = np.asarray(places).mean(axis=0) if len(places) else np.full(2, (SIDE - 1) / 2)
    return np.concatenate([[number], *(by_name[name] for name in ATTRIBUTES), middle]).astype(np.float32)


NUM_FACTORS = 1 + sum(len(values) for values in ATTRIBUTES.values()) + 2


def distance(counts: np.ndarray, others: np.ndarray) -> float:
    """Total variation between two distributions, 0 (the same) to 1 (nothing in common): half the sum of the differences
    of their shares. One that counted nothing is 1 away from any other."""
    shares = []
    for values in (counts, others):
        total = float(np.sum(values))
        if total <= 0:
            return 1.0
        shares.append(np.asarray(values, np.float64) / total)
    return float(np.abs(shares[0] - shares[1]).sum() / 2)


def read_known(path: Path = RENDERED) -> dict[str, np.ndarray]:
    """What the renderer shows, by what is counted: counts over the exact masks and classes of many scenes."""
    return {name: np.asarray(values, np.float64) for name, values in json.loads(path.read_text())["counts"].items()}
