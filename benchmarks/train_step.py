"""Seconds per training phase, beside what the machine's convolutions would allow.

    python benchmarks/train_step.py [--models code,simplex] [--resolutions 64] [--widths small,default] [--repeats 5]
                                    [--batch-gpu 8] [--recompute] [--precision float32|bfloat16|mixed] [--jit off|on]
                                    [--torch-python PATH [--torch-batch-gpu 8]]

Models: code and paper (gansformer-default in both forms of duplex attention), simplex, stylegan2, stylegan3-t,
stylegan3-r, creps. Widths: channel base and maximum of 32768/512 (default) or 8192/128 (small). Each line is a process
of its own: seconds of a phase with 8 images (medians), G + D together and their best, operations of both counted in
the graphs (GFLOP), which share of the rate of a plain convolution they reach, and that rate, measured before and after
each step (medians). Peak is the resident memory of the process in GB; private is that without the pages of files, such
as libraries, which the system gives up where memory is short; training is what came on top of the imported framework:
weights, optimizer, graphs and the step; estimate is what the dry run foretells over the peak. With --batch-gpu 4 the 8
images go through in two parts. Native ops are used where they are built (`make ops`);
`GANSFORMER_TF_OPS=composite` leaves them out. `generate.py` measures the generators alone.

"peer" is how many times faster ours is than the figure in `models.PEERS`, which was measured on another day, and our
memory over theirs. For code and stylegan2, with --torch-python (an interpreter that has torch), the PyTorch formulation
(`torch_peers`), of the same sizes, runs the same phases in a process of its own, step by step in turn with ours, in a
line of its own (its share of the rate counts the operations of ours). "peer" is then the median of the ratios of G + D
in each pair of steps, between the lowest and the highest of them. Both processes hold their memory at the same time.
--torch-batch-gpu: as --batch-gpu, for the peer.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.models import PEERS, networks, torch_discriminator, torch_generator  # noqa: E402
from benchmarks.processes import Worker, serve  # noqa: E402
from benchmarks.turns import Found, Ratio, peer_maker, ratio_of, side_by_side  # noqa: E402

BATCH = 8
TRAINED_PEERS = ("code", "stylegan2")
COLUMNS = ["model", "G s", "D s", "R1 s", "path s", "EMA s", "G+D s", "best", "GFLOP", "of conv", "peer", "lowest"]
COLUMNS += ["highest", "peak GB", "peer", "private GB", "peer", "training GB", "peer", "estimate", "conv GFLOP/s"]


def serve_steps(arguments: argparse.Namespace, model: str, resolution: int, width: str) -> None:
    """Trains one model in this process, a step at a time."""
    import numpy as np

    from gansformer_tf.quiet import import_tensorflow

    tf = import_tensorflow()  # as every command does

    from benchmarks.flops import convolution_rate, graph_flops
    from benchmarks.timing import beside_rate, memory, peak_gigabytes
    from gansformer_tf.config import TrainConfig
    from gansformer_tf.training.memory import estimate
    from gansformer_tf.training.process import prepare_process
    from gansformer_tf.training.step import TrainStep

    imported = peak_gigabytes()
    prepare_process()
    generator, discriminator, average = networks(model, resolution, width, arguments.precision)
    train = TrainConfig(
        batch_size=BATCH,
        batch_size_per_replica=arguments.batch_gpu,
        path_length=True,
        recompute=arguments.recompute,
        jit=arguments.jit,
    )
    step = TrainStep(generator, discriminator, average, train)
    images = tf.zeros((BATCH, resolution, resolution, 3), tf.uint8)
    labels = np.zeros((BATCH, 0), np.float32)
    numbers = itertools.count(step=16)  # those of steps that run every phase
    step.run(next(numbers), images, labels)  # traces them

    def start() -> dict[str, Any] | None:
        peer = torch_generator(model, generator.config) if model in TRAINED_PEERS else None
        return peer and peer | {"discriminator": torch_discriminator(discriminator.config)}

    def seconds() -> dict[str, float]:
        record = step.run(next(numbers), images, labels)
        return {phase: float(record[f"seconds/{phase}"]) for phase in (*step.phases, "EMA")}

    def end() -> dict[str, float]:
        found = memory() | {"imported": imported}  # what follows takes more
        if tf.config.list_logical_devices("GPU"):
            found["device"] = tf.config.experimental.get_memory_info("GPU:0")["peak"] / 1e9
        found["estimate"] = estimate(step).total / 1e9
        main = [step.phases[name] for name in ("G", "D")]
        graphs = [step.gradients.trace(phase, images, tf.constant(labels)) for phase in main]
        flops = sum(
            step.gradients.parts(phase)[0] * graph_flops(graph) for phase, graph in zip(main, graphs, strict=True)
        )
        return found | {"flops": flops}

    serve({"start": start, "turn": lambda: beside_rate(seconds, convolution_rate), "end": end})


@dataclass(frozen=True)
class Beside:
    """What a line is compared with: ratios of speed, and GB; empty where it was not measured."""

    speed: Ratio | None = None
    memory: Mapping[str, float] = field(default_factory=dict)


def row(name: str, found: Found, flops: float, peer: Beside) -> str:
    """A line of the table; `flops`: of G and D together."""
    main = main_seconds(found)
    rates = [turn["rate"] for turn in found.turns]
    phases = ("G", "D", "D_reg", "G_reg", "EMA")
    cells = [name]
    cells += [f"{statistics.median(turn['seconds'][phase] for turn in found.turns):.2f}" for phase in phases]
    cells += [f"{statistics.median(main):.2f}", f"{min(main):.2f}", f"{flops / 1e9:.0f}"]
    cells.append(f"{statistics.median(flops / time / rate for time, rate in zip(main, rates, strict=True)):.0%}")
    cells += peer.speed.cells() if peer.speed else ["-"] * 3
    for reading in (peak_of, private_of, training_of):
        mine, other = reading(found.end), reading(peer.memory)
        cells += ["-" if mine is None else f"{mine:.2f}", _times(mine, other)]
    peak = found.end["peak"]
    cells.append(_times(found.end["estimate"], peak) if "estimate" in found.end else "-")
    return f"| {' | '.join([*cells, f'{statistics.median(rates) / 1e9:.0f}'])} |"


def peak_of(memory: Mapping[str, float]) -> float | None:
    return memory.get("peak")


def private_of(memory: Mapping[str, float]) -> float | None:
    return memory.get("private")


def training_of(memory: Mapping[str, float]) -> float | None:
    """On top of the imported framework."""
    return memory["peak"] - memory["imported"] if "imported" in memory else None


def _times(value: float | None, reference: float | None) -> str:
    return f"{value / reference:.2f}x" if value and reference else "-"


def main_seconds(found: Found) -> list[float]:
    """Of G and D together, in every turn."""
    return [turn["seconds"]["G"] + turn["seconds"]["D"] for turn in found.turns]


def rows(key: tuple[str, int, str], ours: Found, theirs: Found | None) -> list[str]:
    """A model's line of the table, and the peer's where it ran beside."""
    name, flops = " ".join(map(str, key)), ours.end["flops"]
    if theirs:
        speed = ratio_of(main_seconds(theirs), main_seconds(ours))
        beside = Beside(speed, theirs.end)
        return [row(name, ours, flops, beside), row(f"{name}, PyTorch", theirs, flops, Beside())]
    known = PEERS.get(key)
    if not known:
        return [row(name, ours, flops, Beside())]
    speed = Ratio(known.main_seconds / statistics.median(main_seconds(ours)))
    return [row(name, ours, flops, Beside(speed, {"peak": known.gigabytes}))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default="code,simplex,stylegan2")
    parser.add_argument("--resolutions", default="64")
    parser.add_argument("--widths", default="small,default")
    parser.add_argument("--repeats", type=int, default=5, help="steps that are measured")
    parser.add_argument("--batch-gpu", type=int, default=BATCH, help="images at once")
    parser.add_argument("--recompute", action="store_true")
    parser.add_argument("--precision", default="float32", choices=("float32", "bfloat16", "mixed"))
    parser.add_argument("--jit", default="off", choices=("off", "on"), help="compile the phases with XLA")
    parser.add_argument("--torch-python", metavar="PATH", help="an interpreter with torch, to compare within the run")
    parser.add_argument("--torch-batch-gpu", type=int, default=BATCH, help="images at once in PyTorch")
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        model, resolution, width = arguments.one
        serve_steps(arguments, model, int(resolution), width)
        return
    print(f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}", flush=True)
    keys = [
        (model, int(resolution), width)
        for width in arguments.widths.split(",")
        for resolution in arguments.resolutions.split(",")
        for model in arguments.models.split(",")
    ]
    settings = {"batch": BATCH, "at_once": arguments.torch_batch_gpu}
    for key in keys:
        name = " ".join(map(str, key))
        ours = Worker([sys.executable, __file__, "--one", *map(str, key), *sys.argv[1:]], name)
        peer = peer_maker(arguments.torch_python, "train", settings, name)
        print("\n".join(rows(key, *side_by_side(ours, peer, arguments.repeats))), flush=True)


if __name__ == "__main__":
    main()
