"""Snapshots of other code bases with the images they give."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import numpy as np

# A folder with all samples, plain (tf1/pickles and torch/pickles in it), can be checked in place of ours.
COMPLETE = os.environ.get("GANSFORMER_TF_SAMPLES")
FOLDER = Path(__file__).parents[1] / "golden" / "pickles"


def names() -> list[str]:
    if not COMPLETE:
        return sorted(path.name.removesuffix(".pkl.gz") for path in FOLDER.glob("*.pkl.gz"))
    return sorted(path.stem for path in Path(COMPLETE).glob("*/pickles/*.pkl"))


def content(name: str) -> bytes:
    """The pickle."""
    if not COMPLETE:
        return gzip.decompress((FOLDER / f"{name}.pkl.gz").read_bytes())
    return next(Path(COMPLETE).glob(f"*/pickles/{name}.pkl")).read_bytes()


def expected(name: str) -> dict[str, np.ndarray]:
    """`z`, `labels`, `images` (NCHW; truncation 0.7 for TensorFlow 1, none for PyTorch), `d_images`, `d_scores`."""
    if not COMPLETE:
        path = FOLDER / f"{name}.npz"
    else:
        stem = name.removesuffix("_protocol5")
        paths = [path for end in ("", "_expected") for path in Path(COMPLETE).glob(f"*/pickles/{stem}{end}.npz")]
        path = paths[0]
    with np.load(path) as file:
        arrays = dict(file)
    theirs = {"in/z": "z", "in/c": "labels", "out/img": "images", "out/img_psi0.5": "images_psi0.5"}
    theirs |= {"D/in/img": "d_images", "D/out/logits": "d_scores"}
    return {theirs.get(key, key): value for key, value in arrays.items() if value.size}
