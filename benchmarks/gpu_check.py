"""All that can be seen of this package on a GPU without TensorFlow, in one call of at most ten minutes.

    python benchmarks/gpu_check.py [--minutes 10] [--parts kernels,numbers,speed] [--rounds 3]
                                   [--models code,stylegan2] [--resolutions 64,256] [--width default]

For a machine that has a driver, nvcc, JAX and PyTorch; of the package's own needs only Keras (with namex and optree),
NumPy, h5py and safetensors. Three parts, each with a share of the time:

kernels   `gpu_kernels.py`: the CUDA kernels against NumPy, under the sanitizer, and bytes moved over bandwidth.
numbers   The networks on Keras' JAX backend against golden numbers of the original: outputs and gradients of first
          and second order in float32, outputs in bfloat16.
speed     Images per second of the same networks, in float32 and bfloat16, beside the PyTorch formulation in float32
          (`torch_peers`), in turn, each as its framework comes.

What was left out is said at the end, each with its reason; the training loop, its data and the native ops inside a
graph are TensorFlow's and are always among it. Without a GPU the last two parts measure the CPU, and say so. The status
is 1 if a number is out of its bound or a part fails.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.processes import Worker  # noqa: E402
from benchmarks.turns import peer_maker, take_turns  # noqa: E402

NETWORKS = ("ganformer_duplex", "ganformer_simplex", "ganformer_clevr", "stylegan2_gskip_dresnet")
PRECISIONS = ("float32", "bfloat16")
BATCH, REPEATS = 8, 5
PARTS = ("kernels", "numbers", "speed")
KERNEL_SECONDS = 180
SCRIPT = str(ROOT / "benchmarks" / "jax_networks.py")


class Check:
    """What was found so far, and how long there is left."""

    def __init__(self, minutes: float) -> None:
        self.end = time.monotonic() + 60 * minutes
        self.skipped: list[str] = ["training, data and native ops inside a graph: they need TensorFlow"]
        self.failed: list[str] = []

    def seconds(self) -> float:
        return self.end - time.monotonic()

    def run(self, name: str, command: list[str], most: float | None = None) -> str | None:
        """What a command prints; None if there was no time for it or it failed, which is noted."""
        limit = self.seconds() if most is None else min(most, self.seconds())
        if limit < 1:
            self.skipped.append(f"{name}: no time left")
            return None
        try:
            done = subprocess.run([sys.executable, *command], cwd=ROOT, capture_output=True, text=True, timeout=limit)
        except subprocess.TimeoutExpired:
            self.skipped.append(f"{name}: not done in {limit:.0f} s")
            return None
        if done.returncode:
            lines = (done.stdout + done.stderr).strip().splitlines()
            self.failed.append(f"{name}: {lines[-1] if lines else f'status {done.returncode}'}")
        return done.stdout


def kernels(check: Check) -> None:
    """The CUDA kernels, where there is a driver and something that compiles them."""
    if not os.path.exists("/dev/nvidia0"):
        check.skipped.append("kernels: there is no NVIDIA GPU")
    elif not shutil.which("nvcc"):
        check.skipped.append("kernels: there is no nvcc")
    else:
        print(check.run("kernels", ["benchmarks/gpu_kernels.py"], KERNEL_SECONDS) or "", flush=True)


def numbers(check: Check) -> None:
    """Golden numbers of every network and precision."""
    for name, precision in itertools.product(NETWORKS, PRECISIONS):
        found = check.run(f"numbers of {name} in {precision}", [SCRIPT, "numbers", name, precision])
        if not found:
            continue
        for quantity, error, bound in json.loads(found.splitlines()[-1]):
            print(f"{name:26} {precision:9} {quantity:32} {error:.1e}  (allowed {bound:.0e})", flush=True)
            if not error <= bound:
                check.failed.append(f"{quantity} of {name} in {precision}: {error:.1e} is more than {bound:.0e}")


def speed(check: Check, models: list[str], resolutions: list[str], width: str, rounds: int) -> None:
    """Images per second, in turn with PyTorch's."""
    print("| model | pixels | precision | images/s | PyTorch float32 | ratio | device |\n|---|---|---|---|---|---|---|")
    for model, resolution, precision in itertools.product(models, resolutions, PRECISIONS):
        key = [model, resolution, width, precision, str(BATCH), str(REPEATS)]
        name = f"speed of {model} at {resolution} in {precision}"
        # In a process of its own, which can be stopped when its time is over.
        row = check.run(name, ["benchmarks/gpu_check.py", "--pair", *key, "--rounds", str(rounds)])
        if row:
            print(row.strip(), flush=True)


def pair(key: list[str], rounds: int) -> str:
    """A row of the table; `key` as `jax_networks.py speed` takes it."""
    name = " ".join(key[:4])
    maker = peer_maker(sys.executable, "generate", {"batch": BATCH, "repeats": REPEATS}, name)
    assert maker is not None
    with Worker([sys.executable, SCRIPT, "speed", *key], name) as ours:
        with maker(ours.ask("start")) as theirs:
            theirs.ask("start")
            turns = take_turns((ours, theirs), rounds)
        device = ours.ask("end")["device"]
    own, other = ([turn["seconds"] for turn in side] for side in turns)
    ratio = statistics.median(theirs / ours for ours, theirs in zip(own, other, strict=True))
    rates = [BATCH / statistics.median(side) for side in (own, other)]
    model, resolution, _, precision, *_ = key
    cells = [model, resolution, precision, f"{rates[0]:.1f}", f"{rates[1]:.1f}", f"{ratio:.2f}x", device]
    return f"| {' | '.join(cells)} |"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--parts", default=",".join(PARTS))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--models", default="code,stylegan2")
    parser.add_argument("--resolutions", default="64,256")
    parser.add_argument("--width", default="default")
    parser.add_argument("--pair", nargs=6, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.pair:
        print(pair(arguments.pair, arguments.rounds))
        return 0
    parts = arguments.parts.split(",")
    if unknown := set(parts) - set(PARTS):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; choose from {', '.join(PARTS)}.")
    check = Check(arguments.minutes)
    if "kernels" in parts:
        kernels(check)
    if "numbers" in parts:
        numbers(check)
    if "speed" in parts:
        models, resolutions = arguments.models.split(","), arguments.resolutions.split(",")
        speed(check, models, resolutions, arguments.width, arguments.rounds)
    print("\nLeft out:\n" + "\n".join(f"  {line}" for line in check.skipped))
    if check.failed:
        print("Failed:\n" + "\n".join(f"  {line}" for line in check.failed))
    return 1 if check.failed else 0


if __name__ == "__main__":
    sys.exit(main())
