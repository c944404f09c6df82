"""Training on a GPU: native ops against composites and XLA, in three precisions. One call, some minutes.

    python benchmarks/gpu_training.py [--models code,stylegan2] [--resolutions 64,128] [--widths default] [--repeats 5]
                                      [--forms native,composite,xla] [--precisions float32,bfloat16,mixed]

Each line is a process of its own, which runs the phases of `train_step.py` with 8 images: seconds of each (medians),
images per second of G and D together, which share of the rate of a plain float32 convolution they reach, how many times
faster that is than the first line of its model, and the most memory that was in use on the GPU. Native ops (`make ops`
on the machine) are not part of what XLA compiles, so there are three forms and not four. Without a GPU it measures the
CPU, and says so.
"""

from __future__ import annotations

import argparse
import itertools
import os
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.processes import Worker  # noqa: E402
from benchmarks.train_step import BATCH, main_seconds  # noqa: E402
from benchmarks.turns import Found, side_by_side  # noqa: E402

# What GANSFORMER_TF_OPS is, and --jit.
FORMS = {"native": ("native", "off"), "composite": ("composite", "off"), "xla": ("composite", "on")}
PRECISIONS = ("float32", "bfloat16", "mixed")
COLUMNS = [
    "model",
    "form",
    "precision",
    "G s",
    "D s",
    "R1 s",
    "path s",
    "EMA s",
    "images/s",
    "of conv",
    "gain",
    "GPU GB",
]


def measure(key: tuple[str, str, str], form: str, precision: str, repeats: int) -> Found:
    """Figures of one model, resolution and width."""
    mode, jit = FORMS[form]
    command = [sys.executable, str(ROOT / "benchmarks" / "train_step.py"), "--one", *key]
    worker = Worker([*command, "--precision", precision, "--jit", jit], " ".join((*key, form, precision)))
    os.environ["GANSFORMER_TF_OPS"] = mode
    return side_by_side(worker, None, repeats)[0]


def row(key: tuple[str, str, str], form: str, precision: str, found: Found, reference: float) -> str:
    """A line of the table; `reference`: seconds of G and D in the line that it is compared with."""
    main = statistics.median(main_seconds(found))
    rate = statistics.median(turn["rate"] for turn in found.turns)
    phases = ("G", "D", "D_reg", "G_reg", "EMA")
    cells = [" ".join(key), form, precision]
    cells += [f"{statistics.median(turn['seconds'][phase] for turn in found.turns):.3f}" for phase in phases]
    cells += [f"{BATCH / main:.1f}", f"{found.end['flops'] / main / rate:.0%}", f"{reference / main:.2f}x"]
    cells.append(f"{found.end['device']:.2f}" if "device" in found.end else "-")
    return f"| {' | '.join(cells)} |"


def device() -> str:
    """The name of the GPU, asked in a process of its own: it would hold memory in this one."""
    script = (
        "import tensorflow as tf; found = tf.config.list_physical_devices('GPU');"
        "print(tf.config.experimental.get_device_details(found[0]).get('device_name') if found else '')"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return done.stdout.strip().rpartition("\n")[2]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default="code,stylegan2")
    parser.add_argument("--resolutions", default="64,128")
    parser.add_argument("--widths", default="default")
    parser.add_argument("--forms", default=",".join(FORMS))
    parser.add_argument("--precisions", default=",".join(PRECISIONS))
    parser.add_argument("--repeats", type=int, default=5, help="steps that are measured")
    arguments = parser.parse_args()
    forms, precisions = arguments.forms.split(","), arguments.precisions.split(",")
    for value, allowed in ((forms, FORMS), (precisions, PRECISIONS)):
        if unknown := set(value) - set(allowed):
            parser.error(f"unknown: {', '.join(sorted(unknown))}; choose from {', '.join(allowed)}.")
    print(device() or "There is no GPU here: these are figures of the CPU.")
    print(f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}", flush=True)
    places = (arguments.models.split(","), arguments.resolutions.split(","), arguments.widths.split(","))
    for key in itertools.product(*places):
        reference = None
        for form, precision in itertools.product(forms, precisions):
            found = measure(key, form, precision, arguments.repeats)
            reference = reference or statistics.median(main_seconds(found))
            print(row(key, form, precision, found, reference), flush=True)


if __name__ == "__main__":
    main()
