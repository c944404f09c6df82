"""How near projections come: images that a model drew itself, or scenes that it never saw.

    python benchmarks/projection.py [--model scenes] [--images 20] [--scenes] [--steps 500] [--space components]
        [--noise-maps] [--tune] [--from-mean] [--batch 4]

Prints PSNR, SSIM and perceptual distance of each image, the medians, and the seconds that an image takes. The model's
own images are those of seeds 0, 1, ... with their noise, psi 0.7; scenes are those of seeds from 1,000,000 on.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

import gansformer_tf as gf
from gansformer_tf.config.project import SPACES, TUNE_STEPS, ProjectConfig
from gansformer_tf.data.scenes.render import render
from gansformer_tf.edit.project import project
from gansformer_tf.edit.targets import read_targets

_UNSEEN = 1_000_000  # data sets hold the scenes of seeds 0, 1, ...


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="scenes")
    parser.add_argument("--images", type=int, default=20)
    parser.add_argument("--scenes", action="store_true", help="rendered scenes instead of the model's own images")
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--space", choices=SPACES, default=SPACES[0])
    parser.add_argument("--noise-maps", action="store_true")
    parser.add_argument("--tune", action="store_true")
    parser.add_argument("--from-mean", action="store_true", help="without a start from seeds")
    parser.add_argument("--batch", type=int, default=4)
    given = parser.parse_args()

    model = gf.load(given.model)
    if given.scenes:
        seeds = range(_UNSEEN, _UNSEEN + given.images)
        images = render(seeds, height=model.config.height, width=model.config.width).images
    else:
        images = model.sample(range(given.images))
    targets = read_targets(images, model.config)
    config = ProjectConfig(
        steps=given.steps,
        space=given.space,
        noise_maps=given.noise_maps,
        tune_steps=TUNE_STEPS if given.tune else 0,
        **({"starts": 0} if given.from_mean else {}),
    )
    started = time.perf_counter()
    found = project(model.generator, targets, config, batch_size=given.batch, progress=False)
    seconds = time.perf_counter() - started
    seen = np.full(len(targets), np.nan) if found.perceptual is None else found.perceptual
    for target, *row in zip(targets, found.psnr, found.ssim, seen, strict=True):
        print(f"{target.name}: {row[0]:.2f} dB, SSIM {row[1]:.3f}, perceptual {row[2]:.3f}")
    print(
        f"median of {len(targets)}: {np.median(found.psnr):.2f} dB (least {found.psnr.min():.2f}), SSIM "
        f"{np.median(found.ssim):.3f}, perceptual {np.median(seen):.3f}; {seconds / len(targets):.1f} s an image"
    )


if __name__ == "__main__":
    main()
