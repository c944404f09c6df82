"""What labels mean: class numbers, class names, or vectors."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from gansformer_tf.data.sources.base import SourceError

MAX_CLASSES = 100_000  # a column of file sizes or ids taken for labels would ask for far more


def encode_labels(labels: list[Any], origin: str) -> tuple[np.ndarray, tuple[str, ...] | None]:
    """Class numbers int64 `[N]` with the names of the classes, or vectors float32 `[N, D]` without.

    Whole numbers of at least 0 are class numbers, also where they are written as 1.0 or as text. Other numbers are
    vectors of one value, unless all are whole: those are names, in the order of their value. Everything else is a
    name, in alphabetical order.

    Args:
        labels: Numbers, texts, or lists of numbers, as a table holds them.
        origin: Of the table, for messages.

    Raises:
        SourceError: They are of several kinds, empty, not finite, or too many.
    """
    if all(isinstance(label, list | tuple) for label in labels):
        return _vectors(labels, origin), None
    if any(isinstance(label, list | tuple | dict) or label is None for label in labels):
        raise SourceError(f"{origin} mixes kinds of labels; use class numbers, class names, or vectors throughout.")
    texts = [str(label).strip() for label in labels]
    if "" in texts:
        raise SourceError(f"{origin} holds an empty label; give every image one, or leave its line out.")
    numbers = [_number(text) for text in texts]
    if any(number is None for number in numbers):
        return _names(texts, sorted(set(texts)), origin)
    values = np.array(numbers, np.float64)
    if not np.isfinite(values).all():
        raise SourceError(f"{origin} holds a label that is no finite number; give every image one that is.")
    if (values != np.floor(values)).any():
        return values.astype(np.float32)[:, None], None
    if values.min() < 0:  # such as -1 and 1
        return _names([f"{value:.0f}" for value in values], [f"{value:.0f}" for value in np.unique(values)], origin)
    if values.max() >= MAX_CLASSES:
        raise SourceError(f"{origin} holds the class number {values.max():.0f}; at most {MAX_CLASSES - 1} is allowed.")
    return values.astype(np.int64), tuple(str(number) for number in range(int(values.max()) + 1))


def _number(text: str) -> float | None:
    try:
        return float(text) if "_" not in text else None
    except ValueError:
        return None


def _vectors(labels: list[Any], origin: str) -> np.ndarray:
    sizes = {len(label) for label in labels}
    if len(sizes) != 1:
        listed = ", ".join(str(size) for size in sorted(sizes)[:4])
        raise SourceError(f"{origin} holds label vectors of {listed} numbers; give every image as many.")
    if sizes == {0}:
        raise SourceError(f"{origin} holds empty label vectors; leave --labels out.")
    try:
        values = np.array([[float(value) for value in label] for label in labels], np.float32)
    except (TypeError, ValueError):
        wrong = next(value for label in labels for value in label if not _is_number(value))
        raise SourceError(
            f"{origin} holds {wrong!r} in a vector of labels; a vector holds numbers only. For class names give one "
            "column (or text) per image."
        ) from None
    if not np.isfinite(values).all():
        raise SourceError(f"{origin} holds a label that is no finite number; give every image one that is.")
    return values


def _is_number(value: Any) -> bool:
    try:
        return math.isfinite(float(value)) or True
    except (TypeError, ValueError):
        return False


def _names(texts: list[str], names: list[str], origin: str) -> tuple[np.ndarray, tuple[str, ...]]:
    if len(names) > MAX_CLASSES:
        raise SourceError(f"{origin} holds {len(names)} class names; at most {MAX_CLASSES} are allowed.")
    positions = {name: number for number, name in enumerate(names)}
    return np.array([positions[text] for text in texts], np.int64), tuple(names)
