"""A folder of PNG files that the shipped model has not seen: rooms by blue light, to fine-tune it on.

    python examples/night_images.py FOLDER [--images 1000] [--resolution 64]

The demo stands them in for images of your own; `prepare_data.py --task NAME --images-dir FOLDER` reads them.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from gansformer_tf.data.scenes.render import render  # noqa: E402

FIRST_SEED = 3_000_000  # scenes that --scenes does not render
LIGHT = (0.35, 0.5, 1.0)  # of red, green and blue, what is left


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--resolution", type=int, default=64)
    given = parser.parse_args()
    if given.images < 1:
        parser.error(f"--images {given.images}: at least one is needed.")
    given.folder.mkdir(parents=True, exist_ok=True)
    missing = [number for number in range(given.images) if not (given.folder / f"{number:05d}.png").exists()]
    for first in range(0, len(missing), 100):
        part = missing[first : first + 100]
        images = render([FIRST_SEED + number for number in part], given.resolution).images
        for number, image in zip(part, (images * np.array(LIGHT)).astype(np.uint8), strict=True):
            Image.fromarray(image).save(given.folder / f"{number:05d}.png")


if __name__ == "__main__":
    main()
