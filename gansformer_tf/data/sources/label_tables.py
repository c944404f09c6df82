"""Tables of labels: CSV and JSON files as rows of (image, label)."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Iterator
from typing import Any

from gansformer_tf.data.sources.base import SourceError
from gansformer_tf.data.sources.walk import EXTENSIONS

Row = tuple[str, Any]
_SHAPES = '{"image": label, ...} or {"labels": [["image", label], ...]}'


def json_rows(text: str, origin: str) -> list[Row]:
    """Rows of `{"image": label, ...}` or `{"labels": [["image", label], ...]}`, as StyleGAN writes it.

    Raises:
        SourceError: It is another JSON, or holds no labels.
    """
    try:
        values = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise SourceError(f"{origin} is not valid JSON ({error}).") from error
    if isinstance(values, dict) and "labels" in values:
        values = values["labels"]
    if values is None:
        raise SourceError(f"{origin} says that there are no labels (null); leave --labels out, or write them.")
    if isinstance(values, dict):
        return [(str(name), label) for name, label in values.items()]
    if not isinstance(values, list):
        raise SourceError(f"{origin} must hold {_SHAPES}, and not {type(values).__name__}.")
    for row in values:
        if not (isinstance(row, list) and len(row) == 2 and isinstance(row[0], str)):
            raise SourceError(f"{origin} must hold {_SHAPES}; one entry is {json.dumps(row)[:60]}.")
    return [(name, label) for name, label in values]


def has_labels(text: str) -> bool:
    """Whether a `dataset.json` among images holds labels: another tool's file of that name is none of ours."""
    try:
        values = json.loads(text)
    except (json.JSONDecodeError, RecursionError):
        return True  # reading the labels will say what is wrong
    return isinstance(values, dict) and values.get("labels") is not None


def csv_rows(text: str, origin: str, is_image: Callable[[str], bool]) -> Iterator[Row]:
    """Rows of a CSV file: image, label; or image, number, number, ... for vectors.

    Commas, semicolons or tabs separate. The first line is a header when its first field names no image and does not
    look like the name of one.

    Args:
        text: Content of the file.
        origin: Its name, for messages.
        is_image: Whether the source has an image of a name.

    Raises:
        SourceError: A line has no label.
    """
    lines = text.splitlines()
    first = next((line for line in lines if line.strip()), "")
    separator = next((mark for mark in (",", ";", "\t") if mark in first), ",")
    rows = [row for row in csv.reader(lines, delimiter=separator) if any(cell.strip() for cell in row)]
    if rows and _is_header(rows[0][0].strip(), is_image):
        rows = rows[1:]
    for row in rows:
        if len(row) < 2:
            raise SourceError(f"the line {row[0]!r} of {origin} has no label after the image's name.")
        cells = [cell.strip() for cell in row[1:]]
        yield row[0].strip(), cells[0] if len(cells) == 1 else cells


def _is_header(name: str, is_image: Callable[[str], bool]) -> bool:
    return not is_image(name) and os.path.splitext(name)[1].lower() not in EXTENSIONS["images"]
