"""Images of a person, brought to what a model draws by the rules of a data set."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gansformer_tf.data.images.conversions import conversions
from gansformer_tf.data.images.decode import BadImageError, decode, from_array, is_deep_png
from gansformer_tf.data.images.fit import fit
from gansformer_tf.data.sources.base import LeftOut
from gansformer_tf.data.sources.walk import head_of, images_among, listed, walk

_REMEDY = "give a PNG, JPEG, WebP, BMP or GIF image."


@dataclass(frozen=True)
class Target:
    """One image: what it is called, its pixels uint8 `[height, width, channels]`, and what was changed of it."""

    name: str
    pixels: np.ndarray
    notes: tuple[str, ...] = ()


def read_targets(images: Iterable[Any], config: Any) -> list[Target]:
    """Images at a model's size: the middle is cut out, resized with the filter of `prepare_data.py`.

    Args:
        images: Files, folders of them, or uint8 arrays `[height, width, channels]`.
        config: The generator's configuration.

    Raises:
        ValueError: No image, or one that cannot be used; the message names it.
    """
    if isinstance(images, (str, Path)):
        images = [images]
    targets: list[Target] = []
    for name, item, notes in _named(images):
        alike = sum(target.name == name or target.name.startswith(f"{name}-") for target in targets)
        targets.append(_target(f"{name}-{alike}" if alike else name, item, config, notes))
    if not targets:
        raise ValueError("there is no image to project; name a file, such as --project me.jpg.")
    return targets


def _named(images: Iterable[Any]) -> Iterator[tuple[str, Any, list[str]]]:
    """Names, files or arrays, and what is to be said of the folder with its first image."""
    for index, item in enumerate(images):
        if not isinstance(item, (str, Path)):
            yield f"image{index:04d}", np.asarray(item), []
            continue
        path = Path(item).expanduser()
        if not path.is_dir():
            yield path.stem, path, []
            continue
        left_out = LeftOut()
        names = list(images_among(walk(path, left_out), "images", head_of(path), left_out))
        notes = [f"left out of {path}: {listed(left_out)}"] if left_out else []
        for name in names:
            yield Path(name).stem, path / name, notes
            notes = []


def _target(name: str, item: Any, config: Any, notes: list[str]) -> Target:
    height, width, channels = config.height, config.width, config.image_channels
    try:
        if isinstance(item, np.ndarray):
            if item.dtype != np.uint8:
                raise BadImageError(f"an array of {item.dtype}; pixels are uint8, 0 to 255")
            image, deep = from_array(item), False
        else:
            data = item.read_bytes()
            image, deep = decode(data), is_deep_png(data)
        notes = [*notes, *conversions(image, channels, deep)]
        if image.width * height != image.height * width:
            notes.append(f"{image.width}x{image.height} (the middle was cut out)")
        pixels = np.asarray(fit(image, (height, width), channels=channels))
    except BadImageError as error:
        raise ValueError(f"{name if isinstance(item, np.ndarray) else item}: {error}; {_REMEDY}") from error
    except OSError as error:
        raise ValueError(f"{item} cannot be read ({error.strerror}); {_REMEDY}") from error
    return Target(name, pixels.reshape(height, width, channels), tuple(notes))
