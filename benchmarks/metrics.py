"""Time and memory of the metrics' statistics, each in a process of its own.

    python benchmarks/metrics.py [--fid-images 50000] [--pr-images 10000] [--features 2048] [--repeats 1]

Goals on 2 cores: FID statistics of 50,000 x 2048 features in under 40 s; precision/recall of 10,000 x 2048 in under
60 s and 2 GB. Beside them stands what the same takes in the usual form: `np.cov` and a general matrix square root
(`scipy.linalg.sqrtm`, where SciPy is installed), and precision/recall with whole matrices of distances. Features are
random, correlated and the same in every run; they are read from disk, as in an evaluation.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

FID_SECONDS, PR_SECONDS, PR_GB = 40.0, 60.0, 2.0


def write_features(path: Path, count: int, width: int, seed: int) -> None:
    """Float32 rows of a Gaussian with unequal variances, in blocks."""
    random = np.random.default_rng(seed)
    scales = (1.0 / np.sqrt(1.0 + np.arange(width))).astype(np.float32)
    array = np.lib.format.open_memmap(path, "w+", np.float32, (count, width))
    for start in range(0, count, 4096):
        block = random.standard_normal((min(4096, count - start), width), np.float32) * scales
        array[start : start + len(block)] = block + np.roll(block, 1, axis=1) * 0.5 + 0.3
    array.flush()


def fid_ours(real: np.ndarray, fake: np.ndarray) -> float:
    from gansformer_tf.metrics.fid import fid

    return fid(real, fake)


def fid_usual(real: np.ndarray, fake: np.ndarray) -> float:
    from scipy.linalg import sqrtm

    means, covariances = zip(*((x.mean(axis=0), np.cov(x, rowvar=False)) for x in (real, fake)), strict=True)
    root = sqrtm(covariances[0] @ covariances[1]).real
    difference = means[0].astype(np.float64) - means[1]
    return float(difference @ difference + np.trace(covariances[0] + covariances[1] - 2 * root))


def pr_ours(real: np.ndarray, fake: np.ndarray) -> float:
    from gansformer_tf.metrics.precision_recall import precision_recall

    return precision_recall(real, fake).precision


def pr_usual(real: np.ndarray, fake: np.ndarray) -> float:
    x, y = np.asarray(real, np.float64), np.asarray(fake, np.float64)
    among = _distances(x, x)
    radii = np.partition(among, 3, axis=1)[:, 3]
    return float((_distances(y, x) <= radii).any(axis=1).mean())


def _distances(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    squares = (x * x).sum(axis=1)[:, None] + (y * y).sum(axis=1)[None] - 2 * x @ y.T
    return np.sqrt(np.maximum(squares, 0))


CASES: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "fid_ours": fid_ours,
    "fid_usual": fid_usual,
    "pr_ours": pr_ours,
    "pr_usual": pr_usual,
}


def child(case: str, real: str, fake: str) -> None:
    """Runs one case; prints seconds, GB and the value."""
    arrays = [np.load(path, mmap_mode="r") for path in (real, fake)]
    started = time.perf_counter()
    value = CASES[case](*arrays)
    seconds = time.perf_counter() - started
    gigabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    print(json.dumps({"seconds": seconds, "gigabytes": gigabytes, "value": value}))


def measure(case: str, places: list[Path], repeats: int) -> dict[str, float]:
    """The best of the repeats."""
    runs = []
    for _ in range(repeats):
        command = [sys.executable, __file__, "--child", case, *map(str, places)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        runs.append(json.loads(done.stdout.splitlines()[-1]))
    return min(runs, key=lambda run: run["seconds"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fid-images", type=int, default=50_000)
    parser.add_argument("--pr-images", type=int, default=10_000)
    parser.add_argument("--features", type=int, default=2048)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        child(*given.child)
        return
    goals = {"fid": f"{FID_SECONDS:g} s", "pr": f"{PR_SECONDS:g} s, {PR_GB:g} GB"}
    print(f"{'case':34s} {'seconds':>8s} {'GB':>6s} {'value':>12s}   x usual   goal")
    with tempfile.TemporaryDirectory() as folder:
        for metric, count in (("fid", given.fid_images), ("pr", given.pr_images)):
            places = [Path(folder) / f"{metric}-{side}.npy" for side in ("real", "fake")]
            for seed, place in enumerate(places):
                write_features(place, count, given.features, seed)
            ours = measure(f"{metric}_ours", places, given.repeats)
            usual = None
            if metric == "pr" or importlib.util.find_spec("scipy"):
                usual = measure(f"{metric}_usual", places, given.repeats)
            size = f"{metric} {count:,} x {given.features}"
            ratio = f"{usual['seconds'] / ours['seconds']:8.2f}" if usual else "       -"
            print(row(size, ours), ratio, " ", goals[metric])
            if usual:
                print(row("  in the usual form", usual))
            for place in places:
                place.unlink()


def row(name: str, run: dict[str, float]) -> str:
    return f"{name:34s} {run['seconds']:8.1f} {run['gigabytes']:6.2f} {run['value']:12.6g}"


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))
    main()
