"""`generate.py --edit`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gansformer_tf.cli.common import UsageError, counted
from gansformer_tf.config.generate import EditConfig
from gansformer_tf.data.images.decode import BadImageError, decode
from gansformer_tf.drawing.projected_w import read_projected_w
from gansformer_tf.drawing.sampler import Sampler
from gansformer_tf.edit.components import Edited, edit
from gansformer_tf.edit.spread import spread_of
from gansformer_tf.files import prepare_folder
from gansformer_tf.image_files import IMAGE, PANEL, SOFTWARE, save_image
from gansformer_tf.visualize.heat import heat_map

_BRIGHTEST = 128.0  # change that is drawn white


def edit_images(
    sampler: Sampler,
    w: np.ndarray,
    names: Sequence[str],
    asked: EditConfig,
    folder: Path,
    *,
    noise: list[np.ndarray] | None = None,
    overwrite: bool = False,
) -> int:
    """Writes each image, `NAME-edited.png` and `NAME-change.png`, and prints where the change falls.

    Raises:
        UsageError: An image is there already.
        ValueError: An edit that the model cannot do, or a mask or w that cannot be used.
    """
    clash = next((path for name in names if (path := folder / f"{name}-edited.png").exists()), None)
    if clash is not None and not overwrite:
        raise UsageError(f"{clash} is there already; choose another --output-dir, or add --overwrite to replace it.")
    found = edit(
        sampler,
        w,
        asked.action,
        component=asked.component,
        to=asked.to,
        other=_source(sampler, asked.source),
        mask=None if asked.mask is None else _mask(asked.mask),
        mean=spread_of(sampler.generator).mean if asked.action == "remove" else None,
        noise=noise,
    )
    prepare_folder(folder)
    _write(found, names, folder)
    for name, share, components in zip(names, found.share, found.components, strict=True):
        what = f"component{'s' if len(components) > 1 else ''} {', '.join(map(str, components))}"
        print(f"{name}: {what} changed; {share:.0%} of the change falls where it was meant.")
    print(f"{counted(len(names), 'edit')} written to {folder}.")
    return 0


def _write(found: Edited, names: Sequence[str], folder: Path) -> None:
    for name, before, after, change in zip(names, found.before, found.images, found.change, strict=True):
        metadata: dict[str, Any] = {"software": SOFTWARE, "kind": IMAGE, "name": name}
        save_image(folder / f"{name}.png", before, metadata)
        save_image(folder / f"{name}-edited.png", after, metadata)
        save_image(folder / f"{name}-change.png", heat_map(change, _BRIGHTEST), {**metadata, "kind": PANEL})


def _source(sampler: Sampler, source: int | str | None) -> np.ndarray | None:
    """w of a seed, or of the first image of a file."""
    if source is None:
        return None
    if isinstance(source, int):
        return sampler.latents_w([source])
    return read_projected_w(source, sampler.config).w[:1]


def _mask(path: str) -> np.ndarray:
    try:
        return np.asarray(decode(Path(path).read_bytes()).convert("L"))
    except BadImageError as error:
        raise ValueError(f"--mask {path}: {error}; give a PNG that is white where the image may change.") from error
    except OSError as error:
        raise ValueError(f"--mask {path} cannot be read ({error.strerror}); name an image file.") from error
