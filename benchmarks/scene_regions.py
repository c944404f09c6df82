"""How well a model's attention maps fall on the objects of the scenes that it draws.

    python benchmarks/scene_regions.py --model SNAPSHOT --out FILE.json [--images 200] [--judge judge.keras]

Images of a model come without masks, so a small network learns them first from rendered scenes, whose masks are known
(once; it is kept in --judge). In a generated image it marks the pixels of objects; those that hang together are a
region. The overlap of a region is its largest IoU with any component's part of the hard map, which gives each pixel to
the component that it attends to most at the finest layer. "chance" is the overlap with the maps of other images: what
maps that know nothing of the image reach.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from gansformer_tf.data.scenes.render import render  # noqa: E402

LEAST_SHARE = 0.003  # of the image: smaller regions are left out
FIRST_OF_TRAINING, FIRST_OF_TEST = 1_000_000, 2_000_000  # seeds of scenes that no data set has


def regions(foreground: np.ndarray) -> list[np.ndarray]:
    """Parts of a mask `[height, width]` that hang together, as masks."""
    names = np.where(foreground, np.arange(1, foreground.size + 1).reshape(foreground.shape), 0)
    while True:
        wide = np.pad(names, 1)
        around = (wide[:-2, 1:-1], wide[2:, 1:-1], wide[1:-1, :-2], wide[1:-1, 2:])
        spread = np.where(foreground, np.maximum.reduce([names, *around]), 0)
        if np.array_equal(spread, names):
            break
        names = spread
    found = [names == name for name in np.unique(names) if name]
    return [region for region in found if region.mean() >= LEAST_SHARE]


def overlap(found: list[np.ndarray], parts: np.ndarray) -> list[float]:
    """The largest IoU of each region with any part of a map of whole numbers, `[height, width]`."""
    masks = [parts == part for part in np.unique(parts)]
    return [max(iou(region, mask) for mask in masks) for region in found]


def iou(first: np.ndarray, second: np.ndarray) -> float:
    return float((first & second).sum() / max((first | second).sum(), 1))


def hard_map(attention: np.ndarray, height: int, width: int) -> np.ndarray:
    """The component that each pixel attends to most, `[height, width]`, from the maps `[heads, h, w, k]` of a layer."""
    chosen = attention.mean(axis=0).argmax(axis=-1)
    rows, columns = (np.arange(size) * have // size for size, have in zip((height, width), chosen.shape, strict=True))
    return chosen[rows][:, columns]


def judge_of(path: Path, height: int, width: int, scenes: int, steps: int) -> Any:
    """The network that marks objects, learned once; its scores are positive where there is one."""
    import keras

    if path.is_file():
        return keras.models.load_model(path)
    keras.utils.set_random_seed(1)
    layers = keras.layers
    images = keras.Input((height, width, 3))
    fine = layers.Conv2D(16, 3, padding="same", activation="relu")(layers.Rescaling(1 / 127.5, -1.0)(images))
    half = layers.Conv2D(32, 3, strides=2, padding="same", activation="relu")(fine)
    x = layers.Conv2D(32, 3, strides=2, padding="same", activation="relu")(half)
    x = layers.Conv2D(32, 3, padding="same", activation="relu")(x)
    for earlier, channels in ((half, 32), (fine, 16)):
        x = layers.Concatenate()([layers.UpSampling2D(2)(x), earlier])
        x = layers.Conv2D(channels, 3, padding="same", activation="relu")(x)
    model = keras.Model(images, layers.Conv2D(1, 1)(x)[..., 0])
    known = render(range(FIRST_OF_TRAINING, FIRST_OF_TRAINING + scenes), height=height, width=width)
    model.compile(keras.optimizers.Adam(2e-3), keras.losses.BinaryCrossentropy(from_logits=True))
    rng = np.random.default_rng(1)
    masks = known.masks.any(axis=1).astype(np.float32)
    for _ in range(steps):
        rows = rng.integers(0, scenes, 32)
        batch = known.images[rows].astype(np.float32) + rng.normal(0, 6, (32, height, width, 3))
        model.train_on_batch(batch, masks[rows])
    path.parent.mkdir(parents=True, exist_ok=True)
    model.save(path)
    return model


def marked(judge: Any, images: np.ndarray) -> np.ndarray:
    """Pixels of objects, bool `[images, height, width]`."""
    return np.asarray(judge.predict_on_batch(images.astype(np.float32))) > 0


def measure(generator: Any, judge: Any, count: int) -> dict[str, float]:
    """Means over the regions of `count` images, and how well the judge knows objects in rendered scenes."""
    from gansformer_tf.drawing.sampler import Sampler

    config = generator.config
    size = (config.height, config.width)
    samples = list(Sampler(generator, truncation_psi=1.0).samples(range(count), with_attention=True))
    maps = [hard_map(sample.attention[-1], *size) for sample in samples]
    found = [regions(mask) for mask in marked(judge, np.stack([sample.pixels for sample in samples]))]
    own = [value for parts, hard in zip(found, maps, strict=True) for value in overlap(parts, hard)]
    others = [value for parts, hard in zip(found, maps[1:] + maps[:1], strict=True) for value in overlap(parts, hard)]
    known = render(range(FIRST_OF_TEST, FIRST_OF_TEST + 50), height=size[0], width=size[1])
    truth = known.masks.any(axis=1)
    return {
        "overlap": float(np.mean(own)) if own else 0.0,
        "chance": float(np.mean(others)) if others else 0.0,
        "regions_per_image": len(own) / count,
        "parts_per_image": float(np.mean([len(np.unique(hard)) for hard in maps])),
        "judge_iou": iou(marked(judge, known.images), truth),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="snapshot or run folder of a model with attention")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--images", type=int, default=200)
    parser.add_argument("--judge", type=Path, default=Path("judge.keras"))
    parser.add_argument("--scenes", type=int, default=1500, help="that the judge learns from")
    parser.add_argument("--steps", type=int, default=600, help="of its training")
    given = parser.parse_args()

    from gansformer_tf.models.snapshot import load_snapshot

    generator = load_snapshot(given.model).generator
    config = generator.config
    judge = judge_of(given.judge, config.height, config.width, given.scenes, given.steps)
    values = measure(generator, judge, given.images)
    given.out.write_text(json.dumps(values, indent=1), encoding="utf-8")
    print(json.dumps(values))


if __name__ == "__main__":
    main()
