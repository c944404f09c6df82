"""A million images: preparing them, reading them for an epoch, and starting and resuming training on them.

    python benchmarks/million.py --work FOLDER [--counts 10000,100000,1000000] [--parts prepare,read] [--keep]

The images, 64x64 pixels, are made on the fly: shifts of a hundred that resemble photographs. They are prepared as
`prepare_data.py --encoding raw --workers 2` does, 12.3 KB each, and every data set is deleted before the next (--keep
leaves it there, for other parts in a later call). Images per second and the memory of all processes together (resident,
sampled) for the preparation; the same of the input pipeline alone for one epoch in batches of 64; then, each in a
process of its own, the seconds from its start to the first batch of the epoch, to one in its middle, to the end of the
first training step of the demo preset, and to the end of the first step of the same run resumed.
"""

from __future__ import annotations

import argparse
import itertools
import json
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.prepare import _children, _resident, photo_like  # noqa: E402
from gansformer_tf.data.sources.base import Item, Source, digest  # noqa: E402

NAME, SIDE, BATCH = "many", 64, 64


class Shifted(Source):
    """Image i is one of some images, shifted by what is left of i."""

    format, place = "shifted", "made on the fly"

    def __init__(self, count: int) -> None:
        self.count = count
        self.bases = np.stack([photo_like(seed, SIDE) for seed in range(100)])

    def __len__(self) -> int:
        return self.count

    def name(self, index: int) -> str:
        return f"image-{index:07d}"

    def read(self, indices: Sequence[int]) -> Iterator[Item]:
        for index in indices:
            turns, base = divmod(index, len(self.bases))
            shift = divmod(turns % SIDE**2, SIDE)
            yield Item(self.name(index), array=np.roll(self.bases[base], shift, axis=(0, 1)))

    def identity(self) -> str:
        return digest([self.format, self.count])


class Peak:
    """The most that this process and its workers held while the block ran, in MB."""

    def __enter__(self) -> Peak:
        import psutil

        self.megabytes, self._ended, process = 0.0, threading.Event(), psutil.Process()

        def look() -> None:
            while not self._ended.wait(0.5):
                held = sum(map(_resident, [process, *_children(process)]))
                self.megabytes = max(self.megabytes, held / 1e6)

        self._thread = threading.Thread(target=look, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()


def prepare_many(work: Path, count: int) -> dict[str, float]:
    from gansformer_tf.config.data import PrepareConfig
    from gansformer_tf.data.prepare.local_runner import local_runner
    from gansformer_tf.data.prepare.prepare import prepare

    source = Shifted(count)
    with Peak() as peak:
        started = time.perf_counter()
        config = PrepareConfig(name=NAME, resolution=SIDE, encoding="raw")
        prepare(source, config, work, runner=local_runner(2))
        return {"rate": count / (time.perf_counter() - started), "MB": peak.megabytes}


def read_epoch(work: Path, count: int) -> dict[str, float]:
    from gansformer_tf.data.read.pipeline import training_dataset

    with Peak() as peak:
        batches = iter(training_dataset(work / NAME, batch_size=BATCH, seed=1, mirror=True))
        next(batches)
        started = time.perf_counter()
        for _ in range(count // BATCH - 1):
            next(batches)
        return {"rate": (count // BATCH - 1) * BATCH / (time.perf_counter() - started), "MB": peak.megabytes}


def first_batch(work: Path, count: int, middle: bool) -> dict[str, float]:
    from gansformer_tf.data.read.pipeline import training_dataset

    step = count // BATCH // 2 if middle else 0
    next(iter(training_dataset(work / NAME, batch_size=BATCH, seed=1, mirror=True, start_step=step)))
    return {}


def first_step(work: Path, count: int) -> dict[str, float]:
    """Ends when the first step is made, which is kept as Ctrl-C leaves it."""
    from gansformer_tf.cli.flags import COMMAND
    from gansformer_tf.cli.run_network import main
    from gansformer_tf.training.trainer import Trainer

    make_step = Trainer._make_step

    def last(trainer: Trainer) -> Any:
        statistics = make_step(trainer)
        print(json.dumps({"ended": time.time()}), flush=True)
        signal.raise_signal(signal.SIGINT)
        return statistics

    Trainer._make_step = last  # type: ignore[method-assign]
    words = ["--train", "--preset", "demo", "--expname", "million", "--dataset", NAME, "--metrics", "none"]
    main(COMMAND.read([*words, "--data-dir", work, "--result-dir", work / "results"]))
    return {}


PARTS: dict[str, Callable[[Path, int], dict[str, float]]] = {
    "prepare": prepare_many,
    "read": read_epoch,
    "begin": lambda work, count: first_batch(work, count, middle=False),
    "middle": lambda work, count: first_batch(work, count, middle=True),
    "train": first_step,
    "resume": first_step,
}

COLUMNS = {
    "prepare": ["prepared: images/s", "MB"],
    "read": ["read: images/s", "MB"],
    "begin": ["first batch, s"],
    "middle": ["in the middle, s"],
    "train": ["first training step, s"],
    "resume": ["resumed, s"],
}


def apart(part: str, work: Path, count: int) -> dict[str, float]:
    """What a part found, in a process of its own, and its seconds from the start to the end of what counts."""
    started = time.time()
    command = [sys.executable, __file__, "--work", str(work), "--one", part, str(count)]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return lines[-1] | {"seconds": lines[0].get("ended", 0.0) - started}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True, help="folder for the data sets: 12.6 GB for a million")
    parser.add_argument("--counts", default="10000,100000,1000000")
    parser.add_argument("--parts", default=",".join(PARTS), help="some of: %(default)s")
    parser.add_argument("--keep", action="store_true", help="leave the data sets there")
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        part, count = given.one
        found = PARTS[part](given.work, int(count))
        print(json.dumps({"ended": time.time()} | found), flush=True)
        return
    parts = given.parts.split(",")
    columns = ["images", *itertools.chain.from_iterable(COLUMNS[part] for part in parts)]
    print(f"| {' | '.join(columns)} |\n|{'---:|' * len(columns)}", flush=True)
    for count in map(int, given.counts.split(",")):
        work, cells = given.work / str(count), [f"{count:,}"]
        if "prepare" in parts:
            shutil.rmtree(work, ignore_errors=True)
            work.mkdir(parents=True)
        for part in parts:
            found = apart(part, work, count)
            cells += [f"{found['rate']:,.0f}", f"{found['MB']:.0f}"] if "rate" in found else [f"{found['seconds']:.1f}"]
        print(f"| {' | '.join(cells)} |", flush=True)
        if not given.keep:
            shutil.rmtree(work)


if __name__ == "__main__":
    main()
