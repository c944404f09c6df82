"""Seconds per image of trained models, in turn: batches of 16, without reading, compiling and writing.

    python benchmarks/study/drawing.py MODEL [MODEL ...] [--batch 16] [--rounds 5]

A model is what `generate.py --model` takes. Every round draws one batch with each model; a line of JSON for each has
the median, the least and the most of the rounds.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from benchmarks.timing import median_seconds  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", help="run folders, snapshots or names of models that ship")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()

    import gansformer_tf as gf

    models = {name: gf.load(name, batch_size=given.batch) for name in given.models}
    seeds = range(given.batch)
    for model in models.values():
        # Batches at the beginning come without a graph, and the first one with a graph compiles.
        for _ in range(6):
            model.sample(seeds, truncation_psi=1.0)
    rounds = [
        {name: median_seconds(lambda m=model: m.sample(seeds, truncation_psi=1.0), 1) for name, model in models.items()}
        for _ in range(given.rounds)
    ]
    for name in models:
        found = [one[name] / given.batch for one in rounds]
        print(json.dumps({"model": name, "s/image": statistics.median(found), "range": [min(found), max(found)]}))


if __name__ == "__main__":
    main()
