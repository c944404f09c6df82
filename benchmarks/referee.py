"""Trains the referee of `--metrics composition`, and says how well it knows scenes that it has not seen.

    python benchmarks/referee.py --train [--steps 1200] [--minutes 10] [--out FILE.safetensors]
    python benchmarks/referee.py [--held-out 500]
    python benchmarks/referee.py --count 10000

The referee learns on scenes that are rendered while it learns, most of them blurred, noisy, or of other contrast, as
early samples of a generator are. --train writes its weights (half precision, below 1 MB); stopped, or after --minutes,
the same command goes on. Then, or without --train of the weights that ship, the table is printed: on rendered scenes as
they are, blurred, noisy, and both. --count writes what the renderer shows, from exact masks, which generated scenes are
compared with. A scene's seed decides what it shows; training takes those from 1,000,000 on, the test those from
3,000,000 on.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from gansformer_tf.data.scenes.render import SceneBatch, render  # noqa: E402

FIRST_OF_TRAINING, FIRST_OF_TEST = 1_000_000, 3_000_000
BATCH = 32
POOL = 2000  # scenes that wait to be learned
FRESH = 8  # of them are replaced in every step
SPOILED = {"as rendered": (0, 0.0), "blurred": (2, 0.0), "noisy": (0, 12.0), "blurred and noisy": (2, 12.0)}


def blurred(images: np.ndarray, passes: int) -> np.ndarray:
    """Binomial filters 1 2 1 in both directions, one after another; two have a standard deviation of a pixel."""
    for _ in range(passes):
        for axis in (1, 2):
            padded = np.pad(images, [(1, 1) if axis == at else (0, 0) for at in range(4)], mode="edge")
            before, after = (np.take(padded, range(s, s + images.shape[axis]), axis) for s in (0, 2))
            images = 0.25 * before + 0.5 * images + 0.25 * after
    return images


def spoiled(images: np.ndarray, passes: int, noise: float, random: np.random.Generator) -> np.ndarray:
    """Blurred, then noisy; float32 0..255."""
    noisy = blurred(images.astype(np.float32), passes) + random.normal(0, noise, images.shape)
    return np.clip(noisy, 0, 255).astype(np.float32)


def augmented(images: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Each quarter of a batch is spoiled in another way, with a contrast and brightness of its own."""
    parts = []
    for part, passes in zip(np.array_split(images, 4), random.permutation([0, 1, 2, 4]), strict=True):
        noise = random.choice([0.0, 4.0, 12.0])
        gain, shift = random.uniform(0.85, 1.15, (len(part), 1, 1, 1)), random.uniform(-15, 15, (len(part), 1, 1, 1))
        changed = (part.astype(np.float32) - 128) * gain + 128 + shift if random.random() < 0.5 else part
        parts.append(spoiled(changed, int(passes), float(noise), random))
    return np.concatenate(parts)


class Pool:
    """Scenes that wait to be learned; in every step new ones take the place of the oldest."""

    def __init__(self, step: int) -> None:
        self.images = np.empty((POOL, 64, 64, 3), np.uint8)
        self.wanted = None
        self._fill(range(FRESH * step, FRESH * step + POOL))

    def refresh(self, step: int) -> None:
        self._fill(range(FRESH * step + POOL - FRESH, FRESH * step + POOL))

    def _fill(self, numbers: range) -> None:
        from gansformer_tf.metrics.composition.referee.targets import targets

        batch = render([FIRST_OF_TRAINING + number for number in numbers])
        wanted = targets(batch).astype(np.float16)
        if self.wanted is None:
            self.wanted = np.empty((POOL, *wanted.shape[1:]), np.float16)
        places = np.asarray(numbers) % POOL
        self.images[places], self.wanted[places] = batch.images, wanted


def train(steps: int, state: Path, minutes: float, seed: int = 1) -> Any:
    """A trained referee; None if the minutes were over before, and the same call goes on from `state`."""
    import keras

    from gansformer_tf.metrics.composition.referee import network

    start = time.monotonic()
    keras.utils.set_random_seed(seed)
    model = network.build()
    rate = keras.optimizers.schedules.CosineDecay(0.0, steps, alpha=0.01, warmup_target=4e-3, warmup_steps=steps // 15)
    model.compile(keras.optimizers.Adam(rate), network.loss)
    model.optimizer.build(model.trainable_variables)
    variables, done = [*model.variables, *model.optimizer.variables], 0
    if state.is_file():
        with np.load(state) as saved:
            done = int(saved["done"])
            for index, variable in enumerate(variables):
                variable.assign(saved[str(index)])
    pool = Pool(done)
    print(f"step {done}  {POOL} scenes rendered  {time.monotonic() - start:.0f} s", flush=True)
    for step in range(done + 1, steps + 1):
        random = np.random.default_rng([seed, step])
        pool.refresh(step)
        rows = random.choice(POOL, BATCH, replace=False)
        found = model.train_on_batch(augmented(pool.images[rows], random), pool.wanted[rows].astype(np.float32))
        over = time.monotonic() - start > 60 * minutes
        if step % 100 == 0 or step == steps or over:
            print(f"step {step}  loss {float(found):.4f}  {time.monotonic() - start:.0f} s", flush=True)
            values = {str(index): np.asarray(variable) for index, variable in enumerate(variables)}
            np.savez(state, done=step, **values)
        if over and step < steps:
            return None
    state.unlink()
    return model


def held_out(model: Any, scenes: SceneBatch, passes: int, noise: float) -> dict[str, float]:
    """How well a referee knows scenes; shares, and the mean error of the number of objects."""
    from gansformer_tf.metrics.composition.overlap import assignment, iou_table, matched_iou
    from gansformer_tf.metrics.composition.rand_index import foreground_ari
    from gansformer_tf.metrics.composition.referee.instances import found_in
    from gansformer_tf.metrics.composition.referee.scheme import ATTRIBUTES, LEAST_PIXELS
    from gansformer_tf.metrics.composition.referee.targets import objects_of

    images = spoiled(scenes.images, passes, noise, np.random.default_rng(0))
    outputs = np.concatenate([model.predict_on_batch(images[at : at + 50]) for at in range(0, len(images), 50)])
    known = objects_of(scenes.masks)
    shared = united = 0
    right: dict[str, list[bool]] = {name: [] for name in ATTRIBUTES}
    overlap, ari, errors, met = [], [], [], []
    for output, objects, masks, scene in zip(outputs, known, scenes.masks, scenes.scenes, strict=True):
        found = found_in(output)
        shared += int(((found.objects > 0) & (objects > 0)).sum())
        united += int(((found.objects > 0) | (objects > 0)).sum())
        segments = len(found) + 1
        overlap.append(matched_iou(objects, found.objects, segments))
        ari.append(foreground_ari(objects, found.objects, segments))
        errors.append(abs(len(found) - int(objects.max())))
        seen = [item for item, mask in zip(scene.objects, masks, strict=False) if mask.sum() >= LEAST_PIXELS]
        table = iou_table(objects, found.objects, segments)[:, 1:]
        pairs = [(row, column) for row, column in zip(*assignment(table), strict=True) if table[row, column] > 0.5]
        met.append(len(pairs) / max(len(seen), 1))
        for row, column in pairs:
            for name, values in ATTRIBUTES.items():
                right[name].append(values[found.classes[name][column]] == getattr(seen[row], name))
    return {
        "foreground IoU": shared / max(united, 1),
        "matched IoU": float(np.nanmean(overlap)),
        "foreground ARI": float(np.nanmean(ari)),
        "objects met": float(np.mean(met)),
        "count error": float(np.mean(errors)),
        **{name: float(np.mean(values)) if values else 0.0 for name, values in right.items()},
    }


def table(model: Any, count: int) -> dict[str, dict[str, float]]:
    """Prints and returns the accuracy on held-out scenes."""
    scenes = render(range(FIRST_OF_TEST, FIRST_OF_TEST + count))
    rows = {title: held_out(model, scenes, *how) for title, how in SPOILED.items()}
    names = list(next(iter(rows.values())))
    print("| scenes | " + " | ".join(names) + " |\n|---|" + "---:|" * len(names))
    for title, row in rows.items():
        print(f"| {title} | " + " | ".join(f"{row[name]:.3f}" for name in names) + " |")
    return rows


def rendered(count: int) -> dict[str, Any]:
    """What the renderer shows: counts over the exact masks and classes of scenes."""
    from gansformer_tf.metrics.composition.distributions import counts_of, parts
    from gansformer_tf.metrics.composition.referee.scheme import ATTRIBUTES, LEAST_PIXELS

    total: Any = 0
    for start in range(0, count, 500):
        batch = render(range(FIRST_OF_TEST + start, FIRST_OF_TEST + min(start + 500, count)))
        for scene, masks in zip(batch.scenes, batch.masks, strict=True):
            seen = [pair for pair in zip(scene.objects, masks, strict=False) if pair[1].sum() >= LEAST_PIXELS]
            classes = {
                name: np.array([values.index(getattr(item, name)) for item, _ in seen], int)
                for name, values in ATTRIBUTES.items()
            }
            total = total + counts_of(classes, np.array([np.argwhere(mask).mean(axis=0) for _, mask in seen]))
    return {"scenes": count, "counts": {name: values.astype(int).tolist() for name, values in parts(total).items()}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train", action="store_true", help="train it anew, and write it to --out")
    parser.add_argument("--steps", type=int, default=1200, help=f"of {BATCH} scenes")
    parser.add_argument("--out", type=Path, help="file of the weights (default: where the package has them)")
    parser.add_argument("--count", type=int, metavar="N", help="only count what N scenes show, into rendered.json")
    parser.add_argument("--held-out", type=int, default=500, metavar="N", help="scenes of the test")
    parser.add_argument("--minutes", type=float, default=60.0, help="after which it stops; the same command goes on")
    given = parser.parse_args()
    if given.out is not None and not given.train:
        parser.error("--out is written by --train; add it, or leave --out out.")

    if given.count:
        from gansformer_tf.metrics.composition.distributions import RENDERED

        RENDERED.write_text(json.dumps(rendered(given.count)) + "\n", encoding="utf-8")
        return
    from gansformer_tf.metrics.composition.referee import network

    if not given.train:
        table(network.load(), given.held_out)
        return
    out = given.out or network.WEIGHTS
    model = train(given.steps, out.with_suffix(".state.npz"), given.minutes)
    if model is None:
        print("stopped; the same command goes on from here.")
        return
    model.set_weights([np.asarray(value, np.float16).astype(np.float32) for value in model.get_weights()])
    rows = table(model, given.held_out)
    metadata = {"trained_with": f"benchmarks/referee.py --train --steps {given.steps}", "held_out": json.dumps(rows)}
    network.save_weights(model, out, metadata)


if __name__ == "__main__":
    main()
