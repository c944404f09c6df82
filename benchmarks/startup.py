"""From a cold start to the first result, in parts, beside the import of TensorFlow alone.

    python benchmarks/startup.py [--repeats 5] [--kinds import,image,training,vis,viewer]

import    python -c "import tensorflow"
image     generate.py --model scenes --seeds 0, to the file
training  run_network.py --train --preset demo, to the end of the first step, behind the first samples
vis       run_network.py --vis of one image and one kind, attention maps, to the files
viewer    python -m gansformer_tf.viewer --model scenes, until it listens: the page has its first image then

Every run is a process of its own, in turn with the others; medians of the seconds on the clock, and of the processor's
seconds, which other programs change little. The parts: "import" of TensorFlow and of the package (and what it uses) in
front of everything else; "building" of networks and optimizers; "reading" of weights and data; "tracing" of Python
functions to graphs; "running" the first step or drawing, with what TensorFlow makes of a new graph; and the rest.
"""

from __future__ import annotations

import argparse
import functools
import importlib
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

PARTS = ("import", "building", "reading", "tracing", "running")


class Clock:
    """Seconds by part, each without those of the parts within."""

    def __init__(self) -> None:
        self.seconds = dict.fromkeys(PARTS, 0.0)
        self._within = [0.0]

    def timed(self, part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def call(*arguments: Any, **settings: Any) -> Any:
            started = time.perf_counter()
            self._within.append(0.0)
            try:
                return function(*arguments, **settings)
            finally:
                whole = time.perf_counter() - started
                self.seconds[part] += whole - self._within.pop()
                self._within[-1] += whole

        return call

    def watch(self, part: str, owner: Any, *names: str) -> None:
        for name in names:
            setattr(owner, name, self.timed(part, getattr(owner, name)))


def measure(kind: str, work: str) -> NoReturn:
    """Runs one kind in this process and prints its parts when the result is there."""
    clock = Clock()
    clock.timed("import", load)(kind)
    import tensorflow as tf

    from gansformer_tf.drawing.sampler import Sampler
    from gansformer_tf.models import snapshot

    make_graphs = tf.function

    def timed_graphs(function: Any = None, **settings: Any) -> Any:
        if function is None:  # a decorator, as Keras has them
            return make_graphs(**settings)
        return make_graphs(clock.timed("tracing", function), **settings)

    tf.function = timed_graphs
    clock.watch("building", snapshot, "build_generator")
    clock.watch("reading", snapshot, "load_snapshot")
    clock.watch("running", Sampler, "map", "synthesize")

    def done() -> NoReturn:
        usage = resource.getrusage(resource.RUSAGE_SELF)
        found = clock.seconds | {"ended": time.time(), "processor": usage.ru_utime + usage.ru_stime}
        print("\n" + json.dumps(found), flush=True)
        os._exit(0)

    KINDS[kind](clock, work, done)
    done()


def load(kind: str) -> None:
    from gansformer_tf.quiet import import_tensorflow

    import_tensorflow()
    modules = ["models.gansformer.generator", "models.snapshot", "drawing.sampler"]
    modules += {
        "image": ["cli.generate", "cli.devices", "visualize.generate", "visualize.large"],
        "training": ["cli.run_network", "cli.devices", "cli.resolve", "training.trainer", "training.step"],
        "vis": ["cli.run_network", "cli.devices", "visualize.run", "visualize.attention_maps"],
        "viewer": ["viewer.__main__", "viewer.page", "viewer.session", "cli.devices"],
    }[kind]
    for module in modules:
        importlib.import_module(f"gansformer_tf.{module}")


def image(clock: Clock, work: str, done: Callable[[], NoReturn]) -> None:
    from gansformer_tf.cli.generate import COMMAND, main

    main(COMMAND.read(["--model", "scenes", "--seeds", "0", "--output-dir", work]))


def training(clock: Clock, work: str, done: Callable[[], NoReturn]) -> None:
    from gansformer_tf.cli.flags import COMMAND
    from gansformer_tf.cli.run_network import main
    from gansformer_tf.training import trainer

    make_step = clock.timed("running", trainer.Trainer._make_step)

    def first_step(running: Any) -> NoReturn:
        record = make_step(running)
        [value.numpy() for value in record.values()]  # waits for it
        done()

    clock.watch("building", trainer, "make_step")
    clock.watch("reading", trainer.Trainer, "_next")
    trainer.Trainer._make_step = first_step  # type: ignore[method-assign]
    words = ["--train", "--preset", "demo", "--expname", "first", "--dataset", "scenes", "--metrics", "none"]
    main(COMMAND.read([*words, "--data-dir", DATA, "--result-dir", work]))


def vis(clock: Clock, work: str, done: Callable[[], NoReturn]) -> None:
    from gansformer_tf.cli.flags import COMMAND
    from gansformer_tf.cli.run_network import main

    words = ["--vis", "--pretrained-pkl", "scenes", "--expname", "vis", "--result-dir", work]
    main(COMMAND.read([*words, "--vis-num", "1", "--vis-maps"]))


def viewer(clock: Clock, work: str, done: Callable[[], NoReturn]) -> None:
    import gradio

    from gansformer_tf.viewer.__main__ import build_parser, main

    launch = gradio.Blocks.launch

    def launched(*arguments: Any, **settings: Any) -> NoReturn:
        launch(*arguments, **settings)
        done()

    gradio.Blocks.launch = launched
    main(build_parser().parse_args(["--model", "scenes"]))


KINDS: dict[str, Callable[[Clock, str, Callable[[], NoReturn]], None]] = {
    "image": image,
    "training": training,
    "vis": vis,
    "viewer": viewer,
}
DATA = os.environ.get("GANSFORMER_TF_STARTUP_DATA", "")


def once(kind: str, data: str) -> dict[str, float]:
    """Seconds of a process by part, on the clock ("whole") and of the processor."""
    with tempfile.TemporaryDirectory() as work:
        command = [sys.executable, "-c", "import tensorflow"]
        if kind != "import":
            command = [sys.executable, __file__, "--one", kind, work]
        before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.time()
        environment = os.environ | {"GANSFORMER_TF_STARTUP_DATA": data}
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
        ended, after = time.time(), resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.exit(f"{kind} failed: {(done.stderr.strip() or 'no message').splitlines()[-1]}")
    if kind == "import":
        processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return {"whole": ended - started, "processor": processor}
    found = json.loads(done.stdout.splitlines()[-1])
    return found | {"whole": found["ended"] - started}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--kinds", default=",".join(("import", *KINDS)), help="default: %(default)s")
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        measure(*given.one)
    kinds = given.kinds.split(",")
    runs: dict[str, list[dict[str, float]]] = {kind: [] for kind in kinds}
    with tempfile.TemporaryDirectory() as data:
        if "training" in kinds:
            words = ["--scenes", "--resolution", "64", "--max-images", "200", "--data-dir", data]
            subprocess.run([sys.executable, ROOT / "prepare_data.py", *words], check=True, capture_output=True)
        for _ in range(given.repeats):
            for kind in kinds:
                runs[kind].append(once(kind, data))
    columns = ["", "seconds", "of import", *PARTS, "rest", "processor's seconds", "of import"]
    print(f"| {' | '.join(columns)} |\n|---|{'---:|' * (len(columns) - 1)}")
    for kind in kinds:
        print(f"| {' | '.join([kind, *cells(runs[kind], runs.get('import'))])} |")


def cells(runs: list[dict[str, float]], imports: list[dict[str, float]] | None) -> list[str]:
    def median(name: str, of: list[dict[str, float]] = runs) -> float:
        return statistics.median(run[name] for run in of)

    def beside(name: str) -> list[str]:
        return [f"{median(name):.2f}", f"{median(name) / median(name, imports):.2f}x" if imports else "-"]

    parts, rest = ["-"] * len(PARTS), "-"
    if "import" in runs[0]:
        parts = [f"{median(part):.2f}" for part in PARTS]
        rest = f"{statistics.median(run['whole'] - sum(run[part] for part in PARTS) for run in runs):.2f}"
    return [*beside("whole"), *parts, rest, *beside("processor")]


if __name__ == "__main__":
    main()
