"""Quality of StyleGAN2, both GANsformers and other families on the built-in scenes, with equal settings and budget.

    python benchmarks/quality.py [--kimg 20] [--resolution 64] [--images 4000] [--final-images 5000]
                                 [--feature-network inception-random] [--inception-weights PATH]
                                 [--models stylegan2,simplex,duplex] [--seeds 1000] [--gpus 0]
                                 [--work quality] [--results benchmarks/RESULTS.md]

Every model has the same data, widths, depth of mapping, batch, losses and number of real images; only the attention
differs. What is measured: FID, Inception Score, precision and recall of the last averaged generator, FID on the way,
and images per second while training. The speeds come from short runs of their own in the end, in which the models take
turns, so that whatever else the machine does meets all of them. With several --seeds a number is the mean over the
runs, and "±" their standard deviation. The run can be interrupted at any time: the same command goes on.

The table stands between two markers in --results and is replaced by the next run; the curves go to a image beside it.
Numbers of the random feature network are comparable with each other only.
"""

from __future__ import annotations

import argparse
import shlex
import statistics
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from gansformer_tf.files import read_json_lines  # noqa: E402

BEGIN, END = "<!-- quality: begin -->", "<!-- quality: end -->"
DATASET = "scenes"
SPEED_TICK_KIMG, SPEED_TICKS = 0.08, 4
METRICS = "fid,is,pr"
METRICS_WITHOUT_CLASSES = "fid,pr"  # Keras applications give features only
# What all models share. Latents as wide as in the demo preset; narrow networks, so that a CPU is enough.
SHARED = (
    "--latent-size 128 --channel-base 512 --channel-max 64 --d-arch resnet "
    "--batch-size 16 --batch-gpu 16 --gamma 0.5 --ema-kimg 1 --ema-rampup 0.1 --last-snapshots 1"
)
_RESIDUAL = "--g-arch resnet --mapping-resnet"
# Without its path length, which the others do not have either.
_CREPS = "--baseline CREPS --aug none --pathreg False"
_GANSFORMER = f"--gansformer-default {_RESIDUAL} --components-num 8 --g-end-res 6"
MODELS = {
    "stylegan2": ("StyleGAN2", f"--baseline StyleGAN2 {_RESIDUAL}"),
    "simplex": ("GANsformer, simplex", f"{_GANSFORMER} --attention simplex"),
    "duplex": ("GANsformer, duplex", f"{_GANSFORMER} --attention duplex"),
    "stylegan3-t": ("StyleGAN3-T", "--baseline StyleGAN3-T --aug none"),
    "creps": ("CREPS", _CREPS),
    "creps-attention": ("CREPS, attention in lines", f"{_CREPS} --transformer --components-num 8"),
}


@dataclass(frozen=True)
class Run:
    """One trained model: numbers of its last snapshot, FID over kimg, and training speed."""

    values: dict[str, float]
    curve: list[tuple[float, float]]
    parameters: int


def run(command: str, *more: object) -> None:
    """Runs a script of the repository; ends the benchmark if it fails."""
    arguments = [*shlex.split(command), *map(str, more)]
    print("$", " ".join(arguments), flush=True)
    status = subprocess.run([sys.executable, *arguments], cwd=ROOT).returncode
    if status:
        sys.exit(f"{arguments[0]} ended with status {status}; the same benchmark command goes on from here.")


def train_and_measure(name: str, seed: int, given: argparse.Namespace) -> Run:
    """Trains one model, or goes on training it, and measures the end."""
    results, expname = given.work / "results", f"{name}-seed{seed}"
    network = ["--feature-network", given.feature_network, "--inception-weights", given.inception_weights]
    places = ["--result-dir", results, "--data-dir", given.work / "datasets", "--dataset", DATASET]
    folder = results / f"{expname}-000"
    if is_measured(folder, given):
        return read_run(folder, given.curve_images, given.final_images)
    common = ["--expname", expname, "--gpus", given.gpus, *places, *network]
    tick = given.kimg / 40
    run(
        f"run_network.py --train {MODELS[name][1]} {SHARED}",
        *common,
        *("--seed", seed, "--total-kimg", given.kimg, "--tick-kimg", tick, "--snapshot-ticks", given.curve_ticks),
        *("--metrics", "fid", "--eval-images-num", given.curve_images),
    )
    metrics = METRICS_WITHOUT_CLASSES if given.feature_network.startswith("keras:") else METRICS
    run("run_network.py --eval", *common, "--metrics", metrics, "--eval-images-num", given.final_images)
    return read_run(folder, given.curve_images, given.final_images)


def is_measured(folder: Path, given: argparse.Namespace) -> bool:
    """Whether the end of a run has all its numbers already."""
    records = [record for path in folder.glob("metric-*.jsonl") for record in read_json_lines(path)]
    final = [
        record
        for record in records
        if record["manifest"]["fake"]["count"] == given.final_images and record["kimg"] >= 0.999 * given.kimg
    ]
    return {"fid", "precision"} <= {name for record in final for name in record["values"]}


def read_run(folder: Path, curve_images: int, final_images: int) -> Run:
    """The numbers that a run's files hold."""
    values: dict[str, float] = {}
    curve: dict[float, float] = {}
    for path in sorted(folder.glob("metric-*.jsonl")):
        for record in read_json_lines(path):
            count = record["manifest"]["fake"]["count"]
            if count == final_images:
                values |= record["values"]
            if count == curve_images and "fid" in record["values"]:
                curve[record["kimg"]] = record["values"]["fid"]
    return Run(values, sorted(curve.items()), count_parameters(folder))


def speeds(names: list[str], given: argparse.Namespace) -> dict[str, list[float]]:
    """Images per second of each model, a median per round."""
    found: dict[str, list[float]] = {name: [] for name in names}
    results, tick = given.work / "speed", SPEED_TICK_KIMG
    for number in range(1, given.speed_rounds + 1):
        for name in names:
            # Every round resumes the run of the one before; metrics and snapshots stay out of it.
            run(
                f"run_network.py --train {MODELS[name][1]} {SHARED} --metrics none",
                *("--expname", name, "--result-dir", results, "--data-dir", given.work / "datasets"),
                *("--dataset", DATASET, "--gpus", given.gpus, "--tick-kimg", tick, "--snapshot-ticks", 1000),
                *("--total-kimg", tick * SPEED_TICKS * number),
            )
            ticks = [record["img_per_second"] for record in read_json_lines(results / f"{name}-000" / "metrics.jsonl")]
            measured = ticks[SPEED_TICKS * (number - 1) + 1 : SPEED_TICKS * number]  # the first one traces the step
            found[name].append(statistics.median(measured))
    return found


def count_parameters(folder: Path) -> int:
    """Numbers in the generator of a run's newest snapshot."""
    from gansformer_tf.models.snapshot import find_snapshot, read_snapshot

    _, tensors, _ = read_snapshot(find_snapshot(folder))
    return sum(tensor.size for name, tensor in tensors.items() if name.startswith("generator/"))


def table(runs: dict[str, list[Run]], speed: dict[str, list[float]]) -> list[str]:
    """Rows of a Markdown table, as in the papers."""
    columns = (("FID ↓", "fid"), ("IS ↑", "is"), ("precision ↑", "precision"), ("recall ↑", "recall"))
    lines = [
        "| model | parameters of G | " + " | ".join(title for title, _ in columns) + " | img/s |",
        "|---|---:|" + "---:|" * (len(columns) + 1),
    ]
    for name, seeds in runs.items():
        cells = [spread([run.values[key] for run in seeds if key in run.values]) for _, key in columns]
        cells.append(f"{statistics.median(speed[name]):.1f}")
        lines.append(f"| {MODELS[name][0]} | {seeds[0].parameters:,} | {' | '.join(cells)} |")
    return lines


def leave_unless_trained(folder: Path, kimg: float) -> None:
    """Ends the command where a training was stopped on its way, which is no failure and has status 0."""
    reached = max((record["kimg"] for record in read_json_lines(folder / "metrics.jsonl")), default=0.0)
    if reached < 0.999 * kimg:
        sys.exit(f"{folder.name} was stopped at {reached:g} of {kimg:g} kimg; the same command goes on from there.")


def spread(numbers: list[float]) -> str:
    """`1.23`, `1.23 ± 0.04` of several, `-` of none."""
    if not numbers:
        return "-"
    mean = f"{statistics.mean(numbers):.4g}"
    return mean if len(numbers) == 1 else f"{mean} ± {statistics.stdev(numbers):.2g}"


def plot(runs: dict[str, list[Run]], path: Path, title: str) -> None:
    """FID over kimg, a thin line per seed."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.add_subplot()
    for color, (name, seeds) in enumerate(runs.items()):
        for index, run in enumerate(seeds):
            axes.plot(
                *zip(*run.curve, strict=True),
                f"C{color}",
                marker="o",
                markersize=3,
                label=None if index else MODELS[name][0],
            )
    axes.set(xlabel="thousands of real images", ylabel=title, yscale="log")
    axes.grid(alpha=0.3)
    axes.legend()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)


def write_section(path: Path, lines: list[str], markers: tuple[str, str] = (BEGIN, END)) -> None:
    """Replaces the part of a file between the markers, or appends it."""
    text = path.read_text(encoding="utf-8") if path.exists() else "# Results\n"
    begin, end = markers
    section = "\n".join([begin, *lines, end])
    if begin in text and end in text:
        head, _, rest = text.partition(begin)
        text = head + section + rest.partition(end)[2]
    else:
        text = text.rstrip("\n") + "\n\n" + section + "\n"
    path.write_text(text, encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kimg", type=float, default=20.0)
    parser.add_argument("--resolution", type=int, default=64)
    parser.add_argument("--images", type=int, default=4000, help="images in the data set")
    parser.add_argument("--curve-images", type=int, default=500, help="generated images per point of the curve")
    parser.add_argument("--curve-ticks", type=int, default=5, help="of the 40 ticks of a run between two points")
    parser.add_argument("--final-images", type=int, default=5000)
    parser.add_argument("--feature-network", default="inception-random")
    parser.add_argument("--inception-weights", default="auto")
    parser.add_argument("--models", default="stylegan2,simplex,duplex", help=",".join(MODELS))
    parser.add_argument("--speed-rounds", type=int, default=3, help="short runs of each model that time it")
    parser.add_argument("--seeds", default="1000", help="comma-separated")
    parser.add_argument("--gpus", default="0")
    parser.add_argument("--work", type=Path, default=Path("quality"), help="folder for data and runs")
    parser.add_argument("--results", type=Path, default=ROOT / "benchmarks" / "RESULTS.md")
    given = parser.parse_args()
    given.work = given.work.resolve()
    names = given.models.split(",")
    unknown = [name for name in names if name not in MODELS]
    if unknown:
        parser.error(f"no model {unknown[0]!r}; choose from {', '.join(MODELS)}")
    if given.curve_images == given.final_images:
        parser.error("--curve-images and --final-images tell the two measurements apart; give different numbers")
    run(
        "prepare_data.py --scenes",
        *("--resolution", given.resolution, "--max-images", given.images, "--data-dir", given.work / "datasets"),
    )
    seeds = [int(seed) for seed in given.seeds.split(",")]
    runs = {name: [train_and_measure(name, seed, given) for seed in seeds] for name in names}
    speed = speeds(names, given)
    image = given.results.with_name("quality.png")
    network = given.feature_network if given.feature_network != "inception" else "the published Inception"
    plot(runs, image, f"FID ({network}, {given.curve_images} images)")
    lines = [
        "## Quality on the built-in scenes",
        "",
        f"{given.images:,} scenes of {given.resolution}x{given.resolution} pixels, {given.kimg:g} kimg per model, "
        f"seeds {given.seeds}; {given.final_images:,} generated images against the real ones. "
        f"Feature network: {network}.",
        "" if network != given.feature_network else "Its numbers compare these models with each other only.",
        "",
        *table(runs, speed),
        "",
        f"FID on the way ({given.curve_images} images per point):",
        "",
        f"![FID over kimg]({image.name})",
        "",
        f"`python benchmarks/quality.py --kimg {given.kimg:g} --resolution {given.resolution} --images {given.images} "
        f"--curve-images {given.curve_images} --curve-ticks {given.curve_ticks} --final-images {given.final_images} "
        f"--models {given.models} --seeds {given.seeds} --feature-network {given.feature_network}`",
    ]
    write_section(given.results, lines)
    print("\n".join(table(runs, speed)))
    print(f"Table written to {given.results}, curves to {image}.")


if __name__ == "__main__":
    main()
