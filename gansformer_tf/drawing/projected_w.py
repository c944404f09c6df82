"""Files of w that a projection found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from gansformer_tf.files import replacing
from gansformer_tf.models.base import require_w

W_FILE = "projected_w.npz"
NOISE = "noise"  # begins the names of noise inputs


@dataclass(frozen=True)
class ProjectedW:
    """`w` `[count, num_latents, num_layers, style_dim]`, names of the images, and noise inputs, if there are."""

    w: np.ndarray
    names: tuple[str, ...]
    noise: list[np.ndarray] | None = None


def write_projected_w(
    path: Path, w: np.ndarray, names: Sequence[str], noise: Sequence[np.ndarray] | None = None
) -> None:
    """Writes a file that `read_projected_w` reads; arguments as of `ProjectedW`."""
    maps: dict[str, Any] = {f"{NOISE}{index:02d}": values for index, values in enumerate(noise or ())}
    with replacing(path) as temporary:
        np.savez(temporary, w=w, names=np.asarray(names), **maps)


def read_projected_w(path: str | Path, config: Any) -> ProjectedW:
    """Reads `projected_w.npz`, or any `.npz` with an array `w`.

    Args:
        path: The file.
        config: Of the generator that is to draw it.

    Raises:
        ValueError: No such file, no array `w`, another shape than the model's, or values that are no numbers.
    """
    require_w(config, "images of w were")
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except (OSError, ValueError, BadZipFile, AttributeError) as error:
        reason = getattr(error, "strerror", None) or "it is no .npz file"
        raise ValueError(f"--projected-w {path} cannot be read ({reason}); name a {W_FILE}.") from error
    if "w" not in arrays:
        raise ValueError(f"--projected-w {path} has no array 'w'; name a {W_FILE} of generate.py --project.")
    w = arrays["w"]
    shape = (config.num_latents, config.num_layers, config.style_dim)
    if w.ndim != 4 or w.shape[1:] != shape or not len(w):
        raise ValueError(
            f"--projected-w {path}: w has shape {w.shape}; this model takes [count, {', '.join(map(str, shape))}]. "
            "Draw it with the model that it was found for."
        )
    if w.dtype.kind != "f" or not np.isfinite(w).all():
        raise ValueError(f"--projected-w {path}: w holds values that are no numbers; project the image again.")
    names = tuple(map(str, arrays.get("names", [f"w{index:04d}" for index in range(len(w))])))
    if len(names) != len(w):
        raise ValueError(f"--projected-w {path}: {len(names)} names for {len(w)} images; project the images again.")
    noise = [arrays[name].astype(np.float32) for name in sorted(arrays) if name.startswith(NOISE)]
    return ProjectedW(w.astype(np.float32), names, noise or None)
