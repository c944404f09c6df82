"""Images per second of the generators, beside what the machine's convolutions would allow.

    python benchmarks/generate.py [--models code,stylegan2,creps] [--resolutions 64] [--widths small,default]
                                  [--batch-size 8] [--rounds 3] [--repeats 5] [--precision float32|bfloat16|mixed]
                                  [--torch-python PATH]

Models and widths as in `train_step.py`. Each line is a process of its own, which measures in rounds of some repeats:
images per second (the median over rounds, and the best), operations per image counted in the graph (GFLOP), which
share of the rate of a plain convolution they reach, and that rate, measured before and after each round (medians).
Native ops are used where they are built (`make ops`).

"PyTorch peer" is how many times ours is the figure in `models.PEERS`, which was measured on another day. For code,
stylegan2 and creps, with --torch-python (an interpreter that has torch), the columns behind it compare within the run
instead: the PyTorch formulation (`torch_peers`), of the same sizes, measures in a process of its own, round by round in
turn with ours. They are its images per second (the median over rounds), the rate of a plain convolution in PyTorch,
and ours over theirs: the median of the ratios of each pair of rounds, the lowest and the highest of them.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.models import PEERS, networks, torch_generator  # noqa: E402
from benchmarks.processes import Worker, serve  # noqa: E402
from benchmarks.turns import Found, peer_maker, ratio_of, side_by_side  # noqa: E402

COLUMNS = ["model", "pixels", "width", "img/s", "best", "GFLOP/img", "of conv", "conv GFLOP/s", "PyTorch peer"]
PEER_COLUMNS = ["PyTorch img/s", "its conv GFLOP/s", "ratio", "lowest", "highest"]


def serve_batches(model: str, resolution: int, width: str, batch: int, repeats: int, precision: str) -> None:
    """Draws with one model in this process; a turn is the median of some batches."""
    import tensorflow as tf

    from benchmarks.flops import convolution_rate, graph_flops
    from benchmarks.timing import beside_rate, median_seconds
    from gansformer_tf.training.process import prepare_process

    prepare_process()
    generator, *_ = networks(model, resolution, width, precision)
    z = tf.random.normal((batch, generator.config.num_latents, generator.config.latent_dim))
    draw = tf.function(lambda z: generator(z, noise_mode="const"), autograph=False)
    flops = graph_flops(draw.get_concrete_function(z).graph)

    def seconds() -> float:
        return median_seconds(lambda: draw(z).numpy()[0, 0, 0, 0], repeats)

    seconds()  # what happens once happens here
    serve(
        {
            "start": lambda: torch_generator(model, generator.config),
            "turn": lambda: beside_rate(seconds, convolution_rate),
            "end": lambda: {"flops": flops},
        }
    )


def row(key: tuple[str, int, str], batch: int, ours: Found, theirs: Found | None, with_peers: bool) -> str:
    """A line of the table; `theirs`: what PyTorch gave beside it; `with_peers`: whether there are columns for that."""
    seconds = [turn["seconds"] for turn in ours.turns]
    flops, median, peer = ours.end["flops"], batch / statistics.median(seconds), None if theirs else PEERS.get(key)
    shares = [flops / turn["seconds"] / turn["rate"] for turn in ours.turns]
    cells: list[Any] = [*key, f"{median:.2f}", f"{batch / min(seconds):.2f}", f"{flops / batch / 1e9:.1f}"]
    cells += [f"{statistics.median(shares):.0%}", _rate(ours)]
    cells.append(f"{median / peer.images_per_second:.1f}x" if peer else "-")
    if theirs:
        other = [turn["seconds"] for turn in theirs.turns]
        cells += [f"{batch / statistics.median(other):.2f}", _rate(theirs), *ratio_of(other, seconds).cells()]
    elif with_peers:
        cells += ["-"] * len(PEER_COLUMNS)
    return f"| {' | '.join(map(str, cells))} |"


def _rate(found: Found) -> str:
    return f"{statistics.median(turn['rate'] for turn in found.turns) / 1e9:.0f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default="code,simplex,stylegan2,stylegan3-t,creps")
    parser.add_argument("--resolutions", default="64")
    parser.add_argument("--widths", default="small")
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--repeats", type=int, default=5, help="batches in a round")
    parser.add_argument("--precision", default="float32", choices=("float32", "bfloat16", "mixed"))
    parser.add_argument("--torch-python", metavar="PATH", help="an interpreter with torch; without it no such columns")
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        model, resolution, width = given.one
        serve_batches(model, int(resolution), width, given.batch_size, given.repeats, given.precision)
        return
    columns = COLUMNS + (PEER_COLUMNS if given.torch_python else [])
    print(f"| {' | '.join(columns)} |\n|---|---:|---|{'---:|' * (len(columns) - 3)}", flush=True)
    keys = [
        (model, int(resolution), width)
        for width in given.widths.split(",")
        for resolution in given.resolutions.split(",")
        for model in given.models.split(",")
    ]
    settings = {"batch": given.batch_size, "repeats": given.repeats}
    for key in keys:
        name = " ".join(map(str, key))
        ours = Worker([sys.executable, __file__, "--one", *map(str, key), *sys.argv[1:]], name)
        peer = peer_maker(given.torch_python, "generate", settings, name)
        found = side_by_side(ours, peer, given.rounds)
        print(row(key, given.batch_size, *found, bool(given.torch_python)), flush=True)


if __name__ == "__main__":
    main()
