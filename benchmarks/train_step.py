"""Seconds per training phase, beside what the machine's convolutions would allow.

    python benchmarks/train_step.py [--models code,simplex] [--resolutions 64] [--widths small,default] [--repeats 5]
                                    [--batch-gpu 8] [--recompute] [--precision float32|bfloat16|mixed]

Models: code and paper (gansformer-default in both forms of duplex attention), simplex, stylegan2, stylegan3-t,
stylegan3-r, creps. Widths: channel base and maximum of 32768/512 (default) or 8192/128 (small). Each line is a process
of its own: seconds of a phase with 8 pictures (medians), G + D together, operations counted in the graphs (GFLOP), and
which share of the rate of a plain convolution, measured in the same process before and after, they reach. Peak is the
resident memory of the process in GB. With --batch-gpu 4 the 8 pictures go through in two parts, and operations are not
counted. Native ops are used where they are built (`make ops`); `GANSFORMER_TF_OPS=composite` leaves them out.
`generate.py` measures the generators alone.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.models import PEERS, networks  # noqa: E402

BATCH = 8


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """One model in this process."""
    import numpy as np
    import tensorflow as tf

    from benchmarks.flops import convolution_rate, graph_flops
    from gansformer_tf.config import TrainConfig
    from gansformer_tf.training.logs import peak_memory_mb
    from gansformer_tf.training.step import PHASES, TrainStep

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
    whole = arguments.batch_gpu == BATCH  # the parts are the body of a loop, which is not entered
    graphs = {phase: step.trace(phase, images, tf.constant(labels)) for phase in PHASES}
    flops = {phase: graph_flops(graph) if whole else 0 for phase, graph in graphs.items()}
    step.run(0, images, labels)
    found = [step.run(16 * number, images, labels) for number in range(1, arguments.repeats + 1)]
    seconds = {phase: float(np.median([record[f"seconds/{phase}"] for record in found])) for phase in (*PHASES, "EMA")}
    rates.append(convolution_rate())
    return {"seconds": seconds, "flops": flops, "rate": max(rates), "peak": peak_memory_mb() / 1e3}


def row(key: tuple[str, int, str], found: dict[str, Any]) -> str:
    seconds, flops, rate, peer = found["seconds"], found["flops"], found["rate"], PEERS.get(key)
    main = seconds["G"] + seconds["D"]
    cells = [f"{key[0]} {key[1]} {key[2]}"]
    cells += [f"{seconds[name]:.2f}" for name in ("G", "D", "D_reg", "G_reg", "EMA")]
    counted = flops["G"] + flops["D"]
    share = [f"{counted / 1e9:.0f}", f"{counted / main / rate:.0%}"] if counted else ["-", "-"]
    cells += [f"{main:.2f}", *share]
    cells.append(f"{peer.main_seconds / main:.1f}x" if peer else "-")
    cells += [f"{found['peak']:.1f}", f"{found['peak'] / peer.gigabytes:.2f}x" if peer else "-"]
    return f"| {' | '.join([*cells, f'{rate / 1e9:.0f}'])} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default="code,simplex,stylegan2")
    parser.add_argument("--resolutions", default="64")
    parser.add_argument("--widths", default="small,default")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--batch-gpu", type=int, default=BATCH, help="pictures at once")
    parser.add_argument("--recompute", action="store_true")
    parser.add_argument("--precision", default="float32", choices=("float32", "bfloat16", "mixed"))
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        arguments.model, arguments.resolution, arguments.width = arguments.one
        arguments.resolution = int(arguments.resolution)
        print(json.dumps(measure(arguments)))
        return
    header = ["model", "G s", "D s", "R1 s", "path s", "EMA s", "G+D s", "GFLOP", "of conv", "peer", "peak GB", "peer"]
    header.append("conv GFLOP/s")
    print(f"| {' | '.join(header)} |\n|{'---|' * len(header)}", flush=True)
    for width in arguments.widths.split(","):
        for resolution in arguments.resolutions.split(","):
            for model in arguments.models.split(","):
                command = [sys.executable, __file__, "--one", model, resolution, width, *sys.argv[1:]]
                done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
                if done.returncode:
                    print(f"{model} {resolution} {width} failed: {done.stderr.strip().splitlines()[-1]}", flush=True)
                    continue
                print(row((model, int(resolution), width), json.loads(done.stdout.splitlines()[-1])), flush=True)


if __name__ == "__main__":
    main()
