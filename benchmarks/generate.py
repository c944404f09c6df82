"""Pictures per second of the generators, beside what the machine's convolutions would allow.

    python benchmarks/generate.py [--models code,stylegan2,creps] [--resolutions 64] [--widths small,default]
                                  [--batch-size 8] [--rounds 3] [--repeats 5] [--torch-python PATH]

Models and widths as in `train_step.py`. Every measurement is a process of its own, and the models take turns, so that
whatever else the machine does meets all of them: pictures per second (the median over rounds, and the best), operations
per picture counted in the graph (GFLOP), and which share of the rate of a plain convolution, measured in the same
process, the best round reaches. Native ops are used where they are built (`make ops`).

"PyTorch peer" is how many times ours is the figure in `models.PEERS`, which was measured on another day. For code and
creps, with --torch-python (an interpreter that has torch), the columns behind it compare within the run instead: every
round runs the PyTorch formulation (`torch_peers`), of the same sizes, behind ours in a process of its own. They are its
pictures per second (the median over rounds), the rate of a plain convolution in PyTorch, and ours over theirs.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.models import PEERS, networks, torch_generator  # noqa: E402
from benchmarks.processes import answer, torch_answer  # noqa: E402

COLUMNS = ("model", "pixels", "width", "img/s", "best", "GFLOP/img", "of conv", "conv GFLOP/s", "PyTorch peer")


def measure(model: str, resolution: int, width: str, batch: int, repeats: int) -> dict[str, Any]:
    """One model in this process: seconds of a batch, its operations, the rate of convolution; what a peer has to be."""
    import tensorflow as tf

    from benchmarks.flops import convolution_rate, graph_flops
    from benchmarks.timing import median_seconds

    tf.config.optimizer.set_experimental_options({"remapping": False})
    generator, *_ = networks(model, resolution, width, "float32")
    rates = [convolution_rate()]
    z = tf.random.normal((batch, generator.config.num_latents, generator.config.latent_dim))
    draw = tf.function(lambda z: generator(z, noise_mode="const"), autograph=False)
    flops = graph_flops(draw.get_concrete_function(z).graph)
    draw(z)
    seconds = median_seconds(lambda: draw(z).numpy()[0, 0, 0, 0], repeats)
    rates.append(convolution_rate())
    peer = torch_generator(model, generator.config)
    return {"seconds": seconds, "flops": flops, "rate": max(rates), "peer": peer}


def row(
    key: tuple[str, int, str], batch: int, found: list[dict[str, Any]], peers: list[dict[str, float]] | None
) -> str:
    """A line of the table; `peers`: what PyTorch gave in the same rounds, empty if it did not run, None: no columns."""
    speeds = [batch / one["seconds"] for one in found]
    shares = [one["flops"] / one["seconds"] / one["rate"] for one in found]
    median, peer = statistics.median(speeds), None if peers else PEERS.get(key)
    cells: list[Any] = [*key, f"{median:.2f}", f"{max(speeds):.2f}", f"{found[0]['flops'] / batch / 1e9:.1f}"]
    cells += [f"{max(shares):.0%}", f"{max(one['rate'] for one in found) / 1e9:.0f}"]
    cells.append(f"{median / peer.images_per_second:.1f}x" if peer else "-")
    if peers:
        theirs = statistics.median(batch / one["seconds"] for one in peers)
        cells += [f"{theirs:.2f}", f"{max(one['rate'] for one in peers) / 1e9:.0f}", f"{median / theirs:.2f}x"]
    elif peers is not None:
        cells += ["-"] * 3
    return f"| {' | '.join(map(str, cells))} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default="code,simplex,stylegan2,stylegan3-t,creps")
    parser.add_argument("--resolutions", default="64")
    parser.add_argument("--widths", default="small")
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--torch-python", metavar="PATH", help="an interpreter with torch; without it no such columns")
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        model, resolution, width = given.one
        print(json.dumps(measure(model, int(resolution), width, given.batch_size, given.repeats)))
        return
    keys = [
        (model, int(resolution), width)
        for width in given.widths.split(",")
        for resolution in given.resolutions.split(",")
        for model in given.models.split(",")
    ]
    found: dict[tuple[str, int, str], list[dict[str, Any]]] = {key: [] for key in keys}
    peers: dict[tuple[str, int, str], list[dict[str, float]]] = {key: [] for key in keys}
    for _ in range(given.rounds):
        for key in keys:
            name = " ".join(map(str, key))
            found[key].append(answer([sys.executable, __file__, "--one", *map(str, key), *sys.argv[1:]], name))
            peer = found[key][-1]["peer"]
            if given.torch_python and peer:
                settings = peer | {"batch": given.batch_size, "repeats": given.repeats}
                peers[key].append(torch_answer(given.torch_python, "generate", settings, name))
    theirs = ["PyTorch img/s", "its conv GFLOP/s", "ratio"] if given.torch_python else []
    print(f"| {' | '.join([*COLUMNS, *theirs])} |")
    print("|---|---:|---|" + "---:|" * (len(COLUMNS) - 3 + len(theirs)))
    for key in keys:
        print(row(key, given.batch_size, found[key], peers[key] if given.torch_python else None))


if __name__ == "__main__":
    main()
