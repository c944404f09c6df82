"""Whether components take charge of objects: `--metrics composition` of several models, with intervals and controls.

    python benchmarks/composition.py --work FOLDER --model simplex=RUN-OR-SNAPSHOT [--model NAME=...] [--images 1000]
                                     [--seeds 3] [--batch 16]

Every model is measured on --images images of each of --seeds series of seeds (series s starts at seed s x 10,000,000).
The work folder keeps what is done: the same command goes on from there, and measures nothing twice. Tables are
Markdown; a number stands with half of its 95 % interval over images. docs/composition.md says what the numbers are.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from gansformer_tf.config import MetricConfig  # noqa: E402
from gansformer_tf.files import sha256_of, write_atomically  # noqa: E402

SERIES = 10_000_000  # seeds between two series
CHANGES = {
    "in_one_object": "within one object",
    "if_even": "if spread evenly",
    "objects": "objects changed",
    "background": "background kept",
    "pixels": "pixels changed",
}
DCI = ("disentanglement", "completeness", "informativeness")


def measured(snapshot: Path, images: int, series: int, work: Path, batch: int) -> dict[str, Any]:
    """Values, details and notes of one model and series; kept in the work folder."""
    name = f"{sha256_of(snapshot)[:16]}-{images}-{series}"
    kept = work / f"{name}.json"
    if kept.is_file():
        return json.loads(kept.read_text(encoding="utf-8"))
    from gansformer_tf.drawing.sampler import Sampler
    from gansformer_tf.metrics.collect import collect
    from gansformer_tf.metrics.composition import metric
    from gansformer_tf.metrics.images import GeneratedImages
    from gansformer_tf.metrics.progress import metric_bar
    from gansformer_tf.metrics.record import Rows
    from gansformer_tf.metrics.store import FeatureStore
    from gansformer_tf.models.snapshot import load_snapshot

    sampler = Sampler(load_snapshot(snapshot).generator, truncation_psi=1.0, batch_size=batch)
    fake = GeneratedImages([sampler], images, None, sha256_of(snapshot), first_seed=series * SERIES)
    config = MetricConfig(metrics=("composition",), images_num=images, attention_images_num=images)
    task = metric.task("composition", fake, (), config)
    store = FeatureStore(work / name, task.description, task.count, task.widths)
    with metric_bar(f"{snapshot.name}, series {series}") as bar:
        collect(task, store, bar)
    found = metric.measure(Rows("composition", config, fake, store))
    record = {
        "values": dict(found.values),
        "details": dict(found.details),
        "notes": list(found.notes),
        "manifest": {**task.description, **found.settings},
    }
    write_atomically(kept, json.dumps(record, indent=1).encode())
    store.remove()
    return json.loads(json.dumps(record))


def pooled(pairs: list[list[float]]) -> str:
    """(mean, half interval) of several series as one: `0.512 ± 0.004`."""
    mean = sum(pair[0] for pair in pairs) / len(pairs)
    half = math.sqrt(sum(pair[1] ** 2 for pair in pairs)) / len(pairs)
    return f"{mean:.3f} ± {half:.3f}"


def between(values: list[float]) -> str:
    """Mean of series, and half of their range."""
    return f"{sum(values) / len(values):.3f}" + (f" ± {(max(values) - min(values)) / 2:.3f}" if len(values) > 1 else "")


def tables(found: dict[str, list[dict[str, Any]]]) -> list[str]:
    """Markdown of all models."""
    lines = ["| model | segments | foreground ARI | matched IoU | purity |", "|---|---|---:|---:|---:|"]
    for model, runs in found.items():
        for kind in runs[0]["details"]["maps"]:
            maps = [run["details"]["maps"][kind] for run in runs]
            cells = [pooled([one[name] for one in maps]) for name in ("ari", "iou", "purity")]
            lines.append(f"| {model} | {kind} | {' | '.join(cells)} |")
    lines += [
        "",
        f"| model | part drawn again | {' | '.join(CHANGES.values())} |",
        "|---|---|" + "---:|" * len(CHANGES),
    ]
    for model, runs in found.items():
        for part in runs[0]["details"]["change"]:
            changes = [run["details"]["change"][part] for run in runs]
            lines.append(
                f"| {model} | {part} | {' | '.join(pooled([one[name] for one in changes]) for name in CHANGES)} |"
            )
    lines += ["", f"| model | {' | '.join(DCI)} | objects per image |", "|---|" + "---:|" * (len(DCI) + 1)]
    for model, runs in found.items():
        values = [[run["values"].get(f"composition_{name}", math.nan) for run in runs] for name in DCI]
        objects = pooled([run["details"]["objects"] for run in runs])
        lines.append(f"| {model} | {' | '.join(between(one) for one in values)} | {objects} |")
    names = list(next(iter(found.values()))[0]["details"]["distances"])
    lines += [
        "",
        f"| total variation from what the renderer shows | {' | '.join(names)} |",
        "|---|" + "---:|" * len(names),
    ]
    for model, runs in found.items():
        for side in ("generated", "real"):
            cells = [between([run["details"]["distances"][name][side] for run in runs]) for name in names]
            lines.append(f"| {model if side == 'generated' else 'real scenes, as many'} | {' | '.join(cells)} |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True, help="folder that keeps what is done")
    parser.add_argument("--model", action="append", required=True, metavar="NAME=PATH", help="run folder or snapshot")
    parser.add_argument("--images", type=int, default=1000, help="of each series")
    parser.add_argument("--seeds", type=int, default=3, metavar="N", help="series of seeds")
    parser.add_argument("--batch", type=int, default=16, help="images drawn at once")
    given = parser.parse_args()
    if given.images < 8 or given.seeds < 1:
        parser.error(f"--images {given.images} --seeds {given.seeds}: use at least 8 images and 1 series.")
    models = {}
    for text in given.model:
        name, equals, place = text.partition("=")
        if not (name and equals and place):
            parser.error(f"--model {text}: write NAME=PATH.")
        models[name] = place

    from gansformer_tf.models.snapshot import find_snapshot
    from gansformer_tf.pretrained import shipped_snapshot

    snapshots = {name: shipped_snapshot(place) or find_snapshot(place) for name, place in models.items()}
    found: dict[str, list[dict[str, Any]]] = {}
    for series in range(given.seeds):  # every model once before any a second time
        for name, path in snapshots.items():
            found.setdefault(name, []).append(measured(path, given.images, series, given.work, given.batch))
    print("\n".join(tables(found)))
    for name, runs in found.items():
        for note in dict.fromkeys(note for run in runs for note in run["notes"]):
            print(f"{name}: {note}")


if __name__ == "__main__":
    main()
