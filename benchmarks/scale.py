"""Drawing and whole training steps from 64 to 1024 pixels: seconds, operations, memory, and how they grow.

    python benchmarks/scale.py --results FILE [--models code,simplex] [--components 16,32] [--widths small,default]
                               [--resolutions 64,128,256,512,1024] [--precision float32|bfloat16] [--recompute]
                               [--batch 4] [--batch-gpu 4] [--limit-gb 14] [--minutes 5] [--estimate-only]
    python benchmarks/scale.py --results FILE --table

Models and widths as in `train_step.py`; 4 images (--batch). A point is a process of its own: it draws (the median of 3,
after a first time that traces), then makes two training steps of all phases (G, D, R1, path length), of which the last
counts. Operations are counted in the graphs and compared with the rate of a plain convolution, measured before and
after. A process that would hold more than --limit-gb ends, and so does one whose dry run foretells more (asked first
from 512 pixels on); its line then has the estimate alone. Points that FILE has already are left out, so that a call
with --minutes can be repeated until all are there. --table prints what FILE has, with the exponents: those by which
seconds (at one rate of convolutions), operations and peak memory beyond the framework grow with the number of pixels,
from one resolution to the next.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

BATCH = 4
ASKED_FIRST = 512  # from this resolution on the dry run is asked before anything runs
PHASES = ("G", "D", "D_reg", "G_reg")


def measure(point: dict[str, Any], limit: float, estimate_only: bool) -> None:
    """One point; prints what is known of it as lines of JSON, as it becomes known."""
    import numpy as np

    from gansformer_tf.quiet import import_tensorflow

    tf = import_tensorflow()

    from benchmarks.flops import convolution_rate, graph_flops
    from benchmarks.models import networks
    from benchmarks.timing import beside_rate, median_seconds, peak_gigabytes
    from gansformer_tf.config import TrainConfig
    from gansformer_tf.training.memory import estimate
    from gansformer_tf.training.process import prepare_process
    from gansformer_tf.training.step import TrainStep

    say({"imported": peak_gigabytes()})
    prepare_process()
    size, batch = point["resolution"], point["batch"]
    generator, discriminator, average = networks(
        point["model"], size, point["width"], point["precision"], num_components=point["components"]
    )
    if not estimate_only:
        watch(limit)
        z = tf.random.normal((batch, generator.config.num_latents, generator.config.latent_dim))
        draw = tf.function(lambda z: generator(z, noise_mode="const"), autograph=False)
        flops = graph_flops(draw.get_concrete_function(z).graph)
        draw(z)
        drawn = beside_rate(lambda: median_seconds(lambda: draw(z).numpy()[0, 0, 0, 0], 3), convolution_rate)
        say({"draw": drawn | {"flops": flops, "peak": peak_gigabytes()}})

    config = TrainConfig(
        batch_size=batch,
        batch_size_per_replica=point["batch_gpu"],
        path_length=True,
        recompute=point["recompute"],
    )
    step = TrainStep(generator, discriminator, average, config)
    images, labels = tf.zeros((batch, size, size, 3), tf.uint8), np.zeros((batch, 0), np.float32)

    def foretell() -> float:
        """GB; the graphs that this traces are counted too, so that it is done once."""
        flops, trace = [], step.gradients.trace

        def counted(phase: Any, *batch: Any) -> Any:
            graph = trace(phase, *batch)
            flops.append(step.gradients.parts(phase)[0] * graph_flops(graph))
            return graph

        step.gradients.trace = counted
        expected = estimate(step).total / 1e9
        say({"estimate": expected, "flops": sum(flops)})
        return expected

    first = estimate_only or size >= ASKED_FIRST
    if first and (foretell() > limit or estimate_only):
        return

    def seconds() -> dict[str, float]:
        started = time.perf_counter()
        record = step.run(16, images, labels)
        average.w_avg.numpy()  # waits
        phases = {phase: float(record[f"seconds/{phase}"]) for phase in PHASES}
        return phases | {"all": time.perf_counter() - started}

    step.run(0, images, labels)  # traces
    say({"train": beside_rate(seconds, convolution_rate) | {"peak": peak_gigabytes()}})
    if not first:
        foretell()


def say(found: dict[str, Any]) -> None:
    print(json.dumps(found), flush=True)


def watch(limit: float) -> None:
    """Ends this process once it holds more than so many GB, before the machine has to."""
    page = os.sysconf("SC_PAGE_SIZE")

    def look() -> None:
        while True:
            if int(Path("/proc/self/statm").read_text().split()[1]) * page > limit * 1e9:
                say({"over": limit})
                os._exit(0)
            time.sleep(0.05)

    threading.Thread(target=look, daemon=True).start()


def run(point: dict[str, Any], *flags: str) -> dict[str, Any]:
    """What the process of a point said."""
    command = [sys.executable, __file__, "--one", json.dumps(point), *flags]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    found: dict[str, Any] = {}
    for line in done.stdout.splitlines():
        found |= json.loads(line)
    if done.returncode:
        found["failed"] = (done.stderr.strip().splitlines() or [f"status {done.returncode}"])[-1]
    return found


def name_of(point: dict[str, Any]) -> str:
    extra = [f"{point['batch']} images"] * (point["batch"] != BATCH)
    extra += [f"parts of {point['batch_gpu']}"] * (point["batch_gpu"] != point["batch"])
    extra += ["recompute"] * point["recompute"]
    extra += [point["precision"]] * (point["precision"] != "float32")
    return ", ".join([f"{point['model']} {point['width']}", f"k {point['components']}", *extra])


def table(found: dict[str, Any]) -> None:
    columns = ["network", "pixels", "drawn: images/s", "GFLOP per image", "of conv", "step s", "G, D, R1, path"]
    columns += ["GFLOP", "of conv", "GFLOP/s", "peak GB", "estimate", "exponents: seconds, GFLOP, memory"]
    print(f"| {' | '.join(columns)} |\n|{'---|' * len(columns)}")
    points = sorted(map(json.loads, found), key=lambda point: (name_of(point), point["resolution"]))
    for _, series in itertools.groupby(points, key=name_of):
        before = None
        for point in series:
            result = found[json.dumps(point)]
            print(f"| {' | '.join(row(point, result, before))} |")
            before = (point["resolution"], result)


def row(point: dict[str, Any], result: dict[str, Any], before: tuple[int, dict[str, Any]] | None) -> list[str]:
    cells = [name_of(point), str(point["resolution"])]
    if "draw" in result:
        draw = result["draw"]
        cells += [f"{point['batch'] / draw['seconds']:.2f}", f"{draw['flops'] / point['batch'] / 1e9:.1f}"]
        cells.append(f"{draw['flops'] / draw['seconds'] / draw['rate']:.0%}")
    else:
        cells += ["-"] * 3
    flops = result.get("flops")
    if "train" in result:
        train = result["train"]
        seconds = train["seconds"]
        cells += [f"{seconds['all']:.2f}", ", ".join(f"{seconds[phase]:.2f}" for phase in PHASES)]
        cells += [f"{flops / 1e9:,.0f}", f"{flops / seconds['all'] / train['rate']:.0%}", f"{train['rate'] / 1e9:.0f}"]
        cells += [f"{train['peak']:.2f}", f"{result['estimate'] / train['peak']:.2f}x"]
    else:
        cells += ["not run", "", f"{flops / 1e9:,.0f}" if flops else "-", "-", "-", "-"]
        cells.append(f"{result['estimate']:.1f} GB" if "estimate" in result else result.get("failed", "-"))
    cells.append(exponents(point["resolution"], result, *before) if before else "")
    return cells


def exponents(resolution: int, result: dict[str, Any], smaller: int, before: dict[str, Any]) -> str:
    """Of the number of pixels; "-" where one of both is not known."""

    def exponent(reading: Any) -> str:
        try:
            return f"{math.log(reading(result) / reading(before)) / math.log((resolution / smaller) ** 2):.2f}"
        except KeyError:
            return "-"

    readings = (
        lambda found: found["train"]["seconds"]["all"] * found["train"]["rate"],  # as if both ran at one rate
        lambda found: found["flops"],
        lambda found: found["train"]["peak"] - found["imported"],
    )
    return ", ".join(map(exponent, readings))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, help="a JSON file that grows from call to call")
    parser.add_argument("--models", default="code,simplex")
    parser.add_argument("--components", default="16,32")
    parser.add_argument("--widths", default="small,default")
    parser.add_argument("--resolutions", default="64,128,256,512,1024")
    parser.add_argument("--precision", default="float32", choices=("float32", "bfloat16"))
    parser.add_argument("--recompute", action="store_true")
    parser.add_argument("--batch", type=int, default=BATCH, help="images")
    parser.add_argument("--batch-gpu", type=int, help="of them at once in training (default: all)")
    parser.add_argument("--limit-gb", type=float, default=14.0, help="what a process may hold")
    parser.add_argument("--minutes", type=float, default=math.inf, help="no point is begun after so many")
    parser.add_argument("--estimate-only", action="store_true", help="run nothing")
    parser.add_argument("--table", action="store_true", help="print what is there, measure nothing")
    parser.add_argument("--one", type=json.loads, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        measure(given.one, given.limit_gb, given.estimate_only)
        return
    if given.results is None:
        parser.error("--results is missing; name a file, which need not exist.")
    found = json.loads(given.results.read_text()) if given.results.exists() else {}
    started = time.monotonic()
    axes = (given.widths, given.components, given.models, given.resolutions)
    for width, components, model, resolution in itertools.product(*(axis.split(",") for axis in axes)):
        point = {"model": model, "width": width, "components": int(components), "resolution": int(resolution)}
        point |= {
            "precision": given.precision,
            "recompute": given.recompute,
            "batch_gpu": given.batch_gpu or given.batch,
        }
        point |= {"batch": given.batch}
        key = json.dumps(point)
        if given.table or key in found or time.monotonic() - started > given.minutes * 60:
            continue
        flags = ["--limit-gb", str(given.limit_gb)]
        result = run(point, *flags, *["--estimate-only"] * given.estimate_only)
        if "over" in result:  # what it would have needed
            result |= run(point, *flags, "--estimate-only")
        found[key] = result
        given.results.write_text(json.dumps(found, indent=1))
    table(found)


if __name__ == "__main__":
    main()
