"""What the native ops are worth: with them, with the composites alone, and in PyTorch, side by side.

    python benchmarks/without_compiler.py [--models code,simplex] [--widths small,demo] [--resolution 64] [--turns 5]
                                          [--beside composite|bfloat16] [--torch-python PATH]

Draws 8 images, and trains G + D with 8, as `generate.py` and `train_step.py` do, whose processes run here by turns:
native ops, `GANSFORMER_TF_OPS=composite`, and for code the PyTorch formulation where an interpreter that has torch is
named. Figures are medians over the turns, ratios medians over pairs of neighbours: composite over native speed, and
both over PyTorch's. Peak memory in GB. With --beside bfloat16 that (which has no native ops on CPUs) takes the place of
the composites.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import statistics
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks import generate, train_step  # noqa: E402
from benchmarks.processes import Worker  # noqa: E402
from benchmarks.turns import peer_maker, ratio_of, take_turns  # noqa: E402

# Mode of the ops and precision.
OURS = {"native": ("native", "float32"), "composite": ("composite", "float32"), "bfloat16": ("auto", "bfloat16")}
SETTINGS = {"draw": {"batch": 8, "repeats": 3}, "train": {"batch": 8, "at_once": 8}}
TASKS = {"draw": "generate", "train": "train"}  # of the PyTorch peer


def seconds_of(task: str, turn: dict) -> float:
    found = turn["seconds"]
    return found if task == "draw" else found["G"] + found["D"]


def measure(task: str, key: tuple[str, int, str], turns: int, beside: str, python: str | None) -> str:
    """A line of the table."""
    script = {"draw": generate, "train": train_step}[task].__file__
    words = ["--repeats", str(SETTINGS[task]["repeats"])] if task == "draw" else []
    with contextlib.ExitStack() as stack:
        workers, wanted = {}, None
        for name in ("native", beside):
            mode, precision = OURS[name]
            command = [sys.executable, str(script), "--one", *map(str, key), *words, "--precision", precision]
            worker = Worker(command, f"{key} {name}", {"GANSFORMER_TF_OPS": mode})
            workers[name] = stack.enter_context(worker)
            wanted = workers[name].ask("start")
        peer = peer_maker(python, TASKS[task], SETTINGS[task], f"{key}")
        if peer and wanted:
            workers["torch"] = stack.enter_context(peer(wanted))
            workers["torch"].ask("start")
        found = dict(zip(workers, take_turns(list(workers.values()), turns), strict=True))
        ends = {name: worker.ask("end") for name, worker in workers.items()}
    seconds = {name: [seconds_of(task, turn) for turn in answers] for name, answers in found.items()}
    cells = [" ".join(map(str, key)), task]
    for name in ("native", beside, "torch"):
        if name not in seconds:
            cells.append("-")
            continue
        median = statistics.median(seconds[name])
        cells.append(f"{8 / median:.1f}" if task == "draw" else f"{median:.2f}")
    cells.append("{} ({} to {})".format(*ratio_of(seconds["native"], seconds[beside]).cells()))
    for name in ("native", beside):
        cells.append(ratio_of(seconds["torch"], seconds[name]).cells()[0] if "torch" in seconds else "-")
    peaks = [ends[name].get("peak") for name in ("native", beside, "torch") if name in ends]
    cells.append(", ".join(f"{peak:.2f}" for peak in peaks if peak) or "-")
    return f"| {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default="code,simplex")
    parser.add_argument("--widths", default="small,demo")
    parser.add_argument("--resolution", type=int, default=64)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--beside", default="composite", choices=("composite", "bfloat16"))
    parser.add_argument("--torch-python", metavar="PATH", help="an interpreter with torch")
    given = parser.parse_args()
    columns = ["model", "", "native", given.beside, "PyTorch", f"{given.beside} of native"]
    columns += ["native of PyTorch", f"{given.beside} of PyTorch", "peak GB"]
    print("images/s drawn, seconds of G + D\n")
    print(f"| {' | '.join(columns)} |\n|{'---|' * len(columns)}", flush=True)
    for width, model, task in itertools.product(given.widths.split(","), given.models.split(","), ("draw", "train")):
        print(
            measure(task, (model, given.resolution, width), given.turns, given.beside, given.torch_python), flush=True
        )


if __name__ == "__main__":
    main()
