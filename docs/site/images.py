"""Draws the images of README and site again, with the scripts of this package.

    python docs/site/images.py [--model scenes] [--losses RUN_FOLDER]

Without --losses the image of the curves stays as it is.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs" / "images"
WIDTH = 900
KINDS = ("images", "maps", "layer-maps", "interpolations", "noise-var", "style-mix", "truncation", "ablation")
# Seeds whose objects and maps are easy to tell apart.
SHOWN = (1, 7)


def script(*words: object) -> None:
    """Runs a script of this package."""
    subprocess.run([sys.executable, *map(str, words)], cwd=ROOT, check=True)


def opened(path: Path) -> Image.Image:
    """An image in RGB."""
    return Image.open(path).convert("RGB")


def narrowed(image: Image.Image, width: int = WIDTH) -> Image.Image:
    """An image at most `width` pixels wide."""
    if image.width <= width:
        return image
    return image.resize((width, round(image.height * width / image.width)), Image.Resampling.LANCZOS)


def samples_and_panels(visuals: Path) -> Image.Image:
    """Two rows of six samples, below them the panels of `SHOWN`."""
    side = 128
    samples = [opened(visuals / "images" / f"seed{seed:04d}.png") for seed in range(12)]
    panels = [opened(visuals / "maps" / "panels" / f"seed{seed:04d}.png") for seed in SHOWN]
    sheet = Image.new("RGB", (6 * side, 2 * side + sum(panel.height + 8 for panel in panels)), "white")
    for index, sample in enumerate(samples):
        scaled = sample.resize((side, side), Image.Resampling.LANCZOS)
        sheet.paste(scaled, (index % 6 * side, index // 6 * side))
    top = 2 * side + 8
    for panel in panels:
        sheet.paste(panel, ((sheet.width - panel.width) // 2, top))
        top += panel.height + 8
    return sheet


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="scenes", help="as for generate.py (default: the model that ships)")
    parser.add_argument("--losses", type=Path, help="run whose curves are drawn")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        flags = [f"--vis-{kind}" for kind in KINDS]
        where = ("--result-dir", place, "--expname", "docs", "--gpus", "0")
        script("run_network.py", "--vis", "--pretrained-pkl", arguments.model, *where, *flags, "--vis-num", 12)
        (visuals,) = Path(place).glob("docs-*/visuals")
        shown = f"seed{SHOWN[0]:04d}"
        drawn = {
            "demo": samples_and_panels(visuals),
            "components": opened(visuals / "maps" / "components" / f"{shown}.png"),
            "layer-maps": opened(visuals / "layer-maps" / f"{shown}.png"),
            "interpolation": opened(next(visuals.glob("interpolations/seed0000-*-w/all-latents/sheet.png"))),
            "style-mixing": opened(next(visuals.glob("style-mixing/components-seed0000-*.png"))),
            "ablation": opened(visuals / "ablation" / "seed0000.png"),
            "truncation": opened(visuals / "truncation.png"),
            "noise-variance": opened(visuals / "noise-variance" / "seed0000.png"),
        }
        for name, image in drawn.items():
            narrowed(image).save(FOLDER / f"{name}.png", optimize=True)
    if arguments.losses:
        script("-m", "gansformer_tf.cli.plot", arguments.losses, "--output", FOLDER / "losses.png")


if __name__ == "__main__":
    main()
