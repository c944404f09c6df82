"""Time and memory of the attention layer beside full self-attention.

    python benchmarks/attention.py [--form code|paper|simplex] [--channels 64] [--sides 16,32,64,128,256]
                                   [--components 1,4,16,64] [--repeats 5] [--memory-limit-gb 4]

Attention between n pixels and k components costs O(n k), self-attention between the pixels O(n^2). Measured are a
forward pass and a forward pass with gradients of one image, as compiled TensorFlow functions: the best of the
repeats (other work on the machine only makes a run slower), and how far the memory of a process rises at most (Linux;
in a process of its own without oneDNN, whose allocator never gives memory back). "x" is the ratio to the row with a
quarter of the pixels: 4 is linear. Self-attention is left out where its n x n matrices would not fit into
--memory-limit-gb.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LATENT_DIM = 32
POSITION_DIM = 32
# Matrices of n x n numbers that live at once while gradients are computed: scores, probabilities and their gradients.
SELF_ATTENTION_MATRICES = 4


@dataclass(frozen=True)
class Cost:
    """Milliseconds of one layer."""

    forward: float
    training: float


def attention_layer(form: str, channels: int, components: int) -> Any:
    """The layer that the generator uses between image and components; `form` "self" is self-attention."""
    from gansformer_tf.layers import BipartiteAttention, CentroidAttention, DuplexAttention

    options = {"integration": "mul", "normalization": "layer"}
    if form == "code":
        return CentroidAttention(channels, num_centroids=components, **options)
    if form == "paper":
        return DuplexAttention(channels, integration="both", normalization="layer")
    return BipartiteAttention(channels, **(options if form == "simplex" else {}))


def passes(form: str, channels: int, side: int, components: int) -> tuple[Callable, Callable]:
    """A forward pass and one with gradients, on a image of side x side pixels; both have run once."""
    import tensorflow as tf

    layer = attention_layer(form, channels, components)
    x = tf.random.normal((1, side * side, channels))
    grid = tf.random.normal((side * side, POSITION_DIM))
    y, positions = x, grid
    if form != "self":
        y, positions = tf.random.normal((1, components, LATENT_DIM)), tf.random.normal((components, LATENT_DIM))
    layer.build(x.shape, y.shape, grid.shape, positions.shape)

    def forward(x: Any) -> Any:
        return layer(x, x if form == "self" else y, x_pos=grid, y_pos=positions)[0]

    def training(x: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(x)
            total = tf.reduce_sum(tf.square(forward(x)))
        variables = [variable.value for variable in layer.trainable_variables]
        return tape.gradient(total, [x, *variables], unconnected_gradients=tf.UnconnectedGradients.ZERO)

    def run(function: Callable) -> Callable:
        compiled = tf.function(function, autograph=False)
        compiled(x)
        return lambda: [value.numpy().ravel()[:1] for value in tf.nest.flatten(compiled(x))]

    return run(forward), run(training)


def best_ms(run: Callable, repeats: int) -> float:
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        run()
        times.append(time.perf_counter() - started)
    return 1000.0 * min(times)


def peak_megabytes(run: Callable) -> float:
    """How far the resident memory of this process rises while `run` runs; nan where Linux does not tell."""
    status, refs = Path("/proc/self/status"), Path("/proc/self/clear_refs")

    def resident(key: str) -> float:
        line = next(line for line in status.read_text().splitlines() if line.startswith(key))
        return int(line.split()[1]) / 1024.0

    try:
        run()
        gc.collect()
        ctypes.CDLL(None).malloc_trim(0)  # memory freed earlier would hide what is taken now
        refs.write_text("5")  # resets the peak
        before = resident("VmRSS:")
        run()
        return resident("VmHWM:") - before
    except (OSError, AttributeError, StopIteration):
        return float("nan")


def self_attention_gigabytes(side: int) -> float:
    """Memory of the n x n matrices of float32 numbers."""
    return SELF_ATTENTION_MATRICES * 4 * side**4 / 1e9


def ratio(value: float, before: float | None) -> str:
    return f"{value / before:.1f}x" if before else "-"


def rows(arguments: argparse.Namespace) -> list[tuple[int, int]]:
    """(components, side) of the rows that are run; 0 components stand for self-attention."""
    small = [side for side in arguments.sides if self_attention_gigabytes(side) <= arguments.memory_limit_gb]
    return [(k, side) for k in arguments.components for side in arguments.sides] + [(0, side) for side in small]


def form_of(components: int, arguments: argparse.Namespace) -> str:
    return arguments.form if components else "self"


def measure_memory(arguments: argparse.Namespace) -> None:
    """Prints the megabytes of every row as JSON."""
    found = []
    for components, side in rows(arguments):
        _, training = passes(form_of(components, arguments), arguments.channels, side, components)
        found.append(max(peak_megabytes(training) for _ in range(3)))
    print(json.dumps(found))


def memory_of_rows() -> list[float]:
    environment = os.environ | {"TF_ENABLE_ONEDNN_OPTS": "0"}
    command = [sys.executable, __file__, *sys.argv[1:], "--only-memory"]
    output = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True).stdout
    return json.loads(output.splitlines()[-1])


def print_table(arguments: argparse.Namespace) -> None:
    """One row per number of components and image size; self-attention last."""
    megabytes = dict(zip(rows(arguments), memory_of_rows(), strict=True))
    print(f"form {arguments.form}, {arguments.channels} channels, latents of {LATENT_DIM}, batch 1")
    print("| components | pixels | forward ms | x | with gradients ms | x | peak MB | x | us per pixel |")
    print("|---|---|---|---|---|---|---|---|---|")
    costs: dict[tuple[int, int], Cost] = {}
    for components, side in megabytes:
        run_forward, run_training = passes(form_of(components, arguments), arguments.channels, side, components)
        cost = Cost(best_ms(run_forward, arguments.repeats), best_ms(run_training, arguments.repeats))
        costs[components, side] = cost
        before, quarter = costs.get((components, side // 2)), (components, side // 2)
        cells = [f"{cost.forward:.2f}", ratio(cost.forward, before and before.forward)]
        cells += [f"{cost.training:.2f}", ratio(cost.training, before and before.training)]
        cells += [f"{megabytes[components, side]:.1f}", ratio(megabytes[components, side], megabytes.get(quarter))]
        cells.append(f"{1000.0 * cost.training / side**2:.2f}")
        print(f"| {components or 'self-attention'} | {side}x{side} | {' | '.join(cells)} |", flush=True)
    for side in arguments.sides:
        if (0, side) not in megabytes:
            needed = f"not run: its matrices need {self_attention_gigabytes(side):.1f} GB"
            print(f"| self-attention | {side}x{side} | {needed} | | | | | | |")


def numbers(text: str) -> list[int]:
    return [int(word) for word in text.split(",")]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--form", choices=("code", "paper", "simplex"), default="code")
    parser.add_argument("--channels", type=int, default=64)
    parser.add_argument("--sides", type=numbers, default=[16, 32, 64, 128, 256], metavar="LIST")
    parser.add_argument("--components", type=numbers, default=[1, 4, 16, 64], metavar="LIST")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--memory-limit-gb", type=float, default=4.0)
    parser.add_argument("--only-memory", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    measure_memory(arguments) if arguments.only_memory else print_table(arguments)


if __name__ == "__main__":
    main()
