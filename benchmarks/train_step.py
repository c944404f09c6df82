"""Seconds per training phase, beside what the machine's convolutions would allow.

    python benchmarks/train_step.py [--models code,simplex] [--resolutions 64] [--widths small,default] [--repeats 5]
                                    [--batch-gpu 8] [--recompute] [--precision float32|bfloat16|mixed]
                                    [--rounds 1] [--torch-python PATH [--torch-batch-gpu 8]]

Models: code and paper (gansformer-default in both forms of duplex attention), simplex, stylegan2, stylegan3-t,
stylegan3-r, creps. Widths: channel base and maximum of 32768/512 (default) or 8192/128 (small). Each line is a process
of its own: seconds of a phase with 8 pictures (medians), G + D together and their best (on a machine that others use
too it says more than the median), operations counted in the graphs (GFLOP), and which share of the rate of a plain
convolution, measured in the same process before and after, the best reaches. Peak is the resident memory of the process
in GB; training is what came on top of the imported framework: weights, optimizer, graphs and the step. With
--batch-gpu 4 the 8 pictures go through in two parts. Native ops are used where they are built (`make ops`);
`GANSFORMER_TF_OPS=composite` leaves them out. `generate.py` measures the generators alone. With more than one round the
models take turns.

"peer" is how many times faster ours is than the figure in `models.PEERS`, which was measured on another day, and our
memory over theirs. For code, with --torch-python (an interpreter that has torch), every round runs the same phases of
the PyTorch formulation (`torch_peers`), of the same sizes, behind ours in a process of its own, in a line of its own,
and "peer" compares within the run. --torch-batch-gpu: as --batch-gpu, for the peer.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.models import PEERS, networks, torch_discriminator, torch_generator  # noqa: E402
from benchmarks.processes import answer, torch_answer  # noqa: E402

BATCH = 8


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """One model in this process."""
    import numpy as np
    import tensorflow as tf

    from benchmarks.flops import convolution_rate, graph_flops
    from benchmarks.timing import peak_gigabytes
    from gansformer_tf.config import TrainConfig
    from gansformer_tf.training.step import PHASES, TrainStep

    imported = peak_gigabytes()
    tf.config.optimizer.set_experimental_options({"remapping": False})
    generator, discriminator, average = networks(
        arguments.model, arguments.resolution, arguments.width, arguments.precision
    )
    rates = [convolution_rate()]
    train = TrainConfig(
        batch_size=BATCH,
        batch_size_per_replica=arguments.batch_gpu,
        path_length=True,
        recompute=arguments.recompute,
        jit="off",
    )
    step = TrainStep(generator, discriminator, average, train)
    images = tf.zeros((BATCH, arguments.resolution, arguments.resolution, 3), tf.uint8)
    labels = np.zeros((BATCH, 0), np.float32)
    step.run(0, images, labels)
    found = [step.run(16 * number, images, labels) for number in range(1, arguments.repeats + 1)]
    seconds = {phase: [float(record[f"seconds/{phase}"]) for record in found] for phase in (*PHASES, "EMA")}
    rates.append(convolution_rate())
    memory = {"peak": peak_gigabytes(), "imported": imported}
    graphs = {phase: step.trace(phase, images, tf.constant(labels)) for phase in ("G", "D")}
    flops = {phase: step.parts(phase)[0] * graph_flops(graph) for phase, graph in graphs.items()}
    peer = torch_generator(arguments.model, generator.config) if arguments.model == "code" else None
    if peer is not None:
        peer |= {"discriminator": torch_discriminator(discriminator.config)}
    return {"seconds": seconds, "flops": flops, "rate": max(rates), "peer": peer} | memory


def over_rounds(found: list[dict[str, Any]]) -> dict[str, Any]:
    """All seconds of each phase, the median of the memory, the best rate."""
    seconds = {phase: [time for one in found for time in one["seconds"][phase]] for phase in found[0]["seconds"]}
    memory = {name: statistics.median(one[name] for one in found) for name in ("peak", "imported")}
    return found[0] | memory | {"seconds": seconds, "rate": max(one["rate"] for one in found)}


@dataclass(frozen=True)
class Beside:
    """What a line is compared with: seconds of G and D, and GB; None where it was not measured."""

    median: float | None = None
    best: float | None = None
    peak: float | None = None
    imported: float | None = None


def row(name: str, found: dict[str, Any], peer: Beside) -> str:
    """A line of the table."""
    rate, main = found["rate"], main_seconds(found)
    cells = [name]
    cells += [f"{statistics.median(found['seconds'][phase]):.2f}" for phase in ("G", "D", "D_reg", "G_reg", "EMA")]
    flops = found.get("flops", {})
    counted = flops.get("G", 0) + flops.get("D", 0)
    fastest = main_seconds(found, min)
    share = [f"{counted / 1e9:.0f}", f"{counted / fastest / rate:.0%}"] if counted else ["-", "-"]
    cells += [f"{main:.2f}", f"{fastest:.2f}", *share]
    cells += [_ratio(peer.median, main), _ratio(peer.best, fastest)]
    cells += [f"{found['peak']:.2f}", _ratio(found["peak"], peer.peak)]
    training = found["peak"] - found["imported"]
    other = peer.peak - peer.imported if peer.peak and peer.imported else None
    cells += [f"{training:.2f}", _ratio(training, other)]
    return f"| {' | '.join([*cells, f'{rate / 1e9:.0f}'])} |"


def _ratio(value: float | None, reference: float | None) -> str:
    return f"{value / reference:.2f}x" if value and reference else "-"


def main_seconds(found: dict[str, Any], of: Callable[[list[float]], float] = statistics.median) -> float:
    return of(found["seconds"]["G"]) + of(found["seconds"]["D"])


def rows(key: tuple[str, int, str], found: list[dict[str, Any]], theirs: list[dict[str, Any]]) -> list[str]:
    """A model's line of the table, and the peer's where it ran beside."""
    name = " ".join(map(str, key))
    ours = over_rounds(found)
    if theirs:
        other = over_rounds(theirs)
        beside = Beside(main_seconds(other), main_seconds(other, min), other["peak"], other["imported"])
        return [row(name, ours, beside), row(f"{name}, PyTorch", other, Beside())]
    known = PEERS.get(key)
    return [row(name, ours, Beside(median=known.main_seconds, peak=known.gigabytes) if known else Beside())]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default="code,simplex,stylegan2")
    parser.add_argument("--resolutions", default="64")
    parser.add_argument("--widths", default="small,default")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--batch-gpu", type=int, default=BATCH, help="pictures at once")
    parser.add_argument("--recompute", action="store_true")
    parser.add_argument("--precision", default="float32", choices=("float32", "bfloat16", "mixed"))
    parser.add_argument("--torch-python", metavar="PATH", help="an interpreter with torch, to compare within the run")
    parser.add_argument("--torch-batch-gpu", type=int, default=BATCH, help="pictures at once in PyTorch")
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        arguments.model, arguments.resolution, arguments.width = arguments.one
        arguments.resolution = int(arguments.resolution)
        print(json.dumps(measure(arguments)))
        return
    header = ["model", "G s", "D s", "R1 s", "path s", "EMA s", "G+D s", "best", "GFLOP", "of conv", "peer", "best"]
    header += ["peak GB", "peer", "training GB", "peer", "conv GFLOP/s"]
    print(f"| {' | '.join(header)} |\n|{'---|' * len(header)}", flush=True)
    keys = [
        (model, int(resolution), width)
        for width in arguments.widths.split(",")
        for resolution in arguments.resolutions.split(",")
        for model in arguments.models.split(",")
    ]
    found: dict[tuple[str, int, str], list[dict[str, Any]]] = {key: [] for key in keys}
    peers: dict[tuple[str, int, str], list[dict[str, Any]]] = {key: [] for key in keys}
    for number in range(arguments.rounds):
        for key in keys:
            name = " ".join(map(str, key))
            command = [sys.executable, __file__, "--one", *map(str, key), *sys.argv[1:]]
            found[key].append(answer(command, name))
            peer = found[key][-1]["peer"]
            if arguments.torch_python and peer:
                settings = {"batch": BATCH, "at_once": arguments.torch_batch_gpu, "repeats": arguments.repeats}
                peers[key].append(torch_answer(arguments.torch_python, "train", peer | settings, name))
            if number == arguments.rounds - 1:
                print("\n".join(rows(key, found[key], peers[key])), flush=True)


if __name__ == "__main__":
    main()
