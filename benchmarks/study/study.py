"""The reproducibility study at its own scale: 64x64, 10,000 cartoon faces or scenes, 300 kimg, equal settings.

    cd benchmarks/study && npm install && node faces.mjs FOLDER
    python benchmarks/study/study.py --work FOLDER-OUTSIDE-THE-TREE --faces FOLDER [--only faces-simplex,...]
                                     [--networks efficientnet-lite0,efficientnet-lite2] [--images 10000]

Trains the runs of `runs.py` one after the other, measures the last snapshot of each (FID, precision, recall on every
feature network), draws a grid and attention maps, times drawing (`drawing.py`), and prints the table after each. It can
be stopped at any time: the same command goes on. A training takes one to two hours alone on two cores with `make ops`.
Two at once, each held on a core of its own (`taskset -c 0`, `taskset -c 1`), end sooner than one after the other.
"""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from benchmarks.quality import leave_unless_trained  # noqa: E402
from benchmarks.study.runs import IMAGES, RESOLUTION, TRAININGS, Training  # noqa: E402
from gansformer_tf.files import read_json_lines  # noqa: E402

DRAWING = "drawing.jsonl"  # in the folder of a run


def script(command: str, *more: object) -> None:
    """Runs a script of the repository; ends the study if it fails."""
    arguments = [*shlex.split(command), *map(str, more)]
    print("$", shlex.join(arguments), flush=True)
    status = subprocess.run([sys.executable, *arguments], cwd=ROOT).returncode
    if status:
        sys.exit(f"{arguments[0]} ended with status {status}; the same command goes on from here.")


def prepare(work: Path, faces: Path, datasets: set[str]) -> None:
    """Both data sets at the study's size; what is there is kept."""
    places = ("--resolution", RESOLUTION, "--max-images", IMAGES, "--data-dir", work / "datasets")
    if "faces" in datasets:
        script("prepare_data.py --task faces --format png --encoding png", "--images-dir", faces, *places)
    if "scenes" in datasets:
        script("prepare_data.py --scenes", *places)


def train(training: Training, work: Path) -> None:
    """Trains to the end, from where it was left."""
    script(
        f"run_network.py --train {training.flags} {training.shared}",
        *("--seed", training.seed, "--expname", training.name, "--dataset", training.dataset),
        *("--data-dir", work / "datasets", "--result-dir", work / "results", "--total-kimg", training.kimg),
    )
    leave_unless_trained(run_folder(training, work), training.kimg)


def measure(training: Training, work: Path, networks: list[str], images: int) -> None:
    """FID, precision and recall of the last snapshot; numbers that are there already are kept."""
    for network in networks:
        if not is_measured(training, work, network, images):
            script(
                f"run_network.py --eval --metrics {','.join(training.metrics)}",
                *("--expname", training.name, "--dataset", training.dataset, "--feature-network", network),
                *("--data-dir", work / "datasets", "--result-dir", work / "results", "--eval-images-num", images),
            )


def draw(training: Training, work: Path) -> None:
    """A grid of samples, with attention maps where the model has them, and how long an image takes."""
    attention = () if "--gansformer-default" not in training.flags else ("--attention",)
    script(
        "generate.py --seeds 0-31 --truncation-psi 1 --grid --overwrite",
        *("--model", run_folder(training, work), "--output-dir", work / "images" / training.name, *attention),
    )
    command = [sys.executable, "benchmarks/study/drawing.py", str(run_folder(training, work))]
    timed = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
    (run_folder(training, work) / DRAWING).write_text(timed, encoding="utf-8")


def run_folder(training: Training, work: Path) -> Path:
    return work / "results" / f"{training.name}-000"


def final_values(training: Training, work: Path, network: str, images: int) -> dict[str, float]:
    """Numbers of the last snapshot on one feature network."""
    found: dict[str, float] = {}
    for path in run_folder(training, work).glob(f"metric-*{network}*.jsonl"):
        for record in read_json_lines(path):
            whole = record["manifest"]["fake"]["count"] == images
            if whole and (record["kimg"] or 0) >= 0.999 * training.kimg:
                found |= record["values"]
    return found


def is_measured(training: Training, work: Path, network: str, images: int) -> bool:
    wanted = {"fid", "precision", "recall"} | ({"rfid"} & set(training.metrics))
    return wanted <= final_values(training, work, network, images).keys()


def seconds_per_kimg(training: Training, work: Path) -> float:
    """Of the whole training, from its log."""
    last = list(read_json_lines(run_folder(training, work) / "metrics.jsonl"))[-1]
    return last["seconds"] / last["kimg"]


def seconds_per_image(training: Training, work: Path) -> str:
    """As `draw` measured it."""
    file = run_folder(training, work) / DRAWING
    return f"{next(iter(read_json_lines(file)))['s/image']:.3g}" if file.exists() else "-"


def table(work: Path, networks: list[str], images: int) -> list[str]:
    """Markdown rows of the trainings that are measured."""
    columns = [f"{name}, {network}" for network in networks for name in ("FID", "precision", "recall", "rFID")]
    lines = [
        f"| images | model | seed | {' | '.join(columns)} | s/kimg | s/image |",
        f"|---|---|---|{'---:|' * (len(columns) + 2)}",
    ]
    for training in TRAININGS:
        values = [final_values(training, work, network, images) for network in networks]
        if not any(values):
            continue
        keys = ("fid", "precision", "recall", "rfid")
        cells = [f"{one[key]:.4g}" if key in one else "-" for one in values for key in keys]
        speed = f"{seconds_per_kimg(training, work):.1f} | {seconds_per_image(training, work)}"
        lines.append(f"| {training.dataset} | {training.title} | {training.seed} | {' | '.join(cells)} | {speed} |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True, help="folder for data, runs and images")
    parser.add_argument("--faces", type=Path, help="folder that faces.mjs wrote")
    parser.add_argument("--only", help="names of runs, comma-separated: " + ", ".join(run.name for run in TRAININGS))
    parser.add_argument("--networks", default="efficientnet-lite0,efficientnet-lite2")
    parser.add_argument("--images", type=int, default=IMAGES, help="generated images per metric")
    given = parser.parse_args()
    names = given.only.split(",") if given.only else [training.name for training in TRAININGS]
    unknown = sorted(set(names) - {training.name for training in TRAININGS})
    if unknown:
        parser.error(f"there is no run {unknown[0]!r}; choose from {', '.join(run.name for run in TRAININGS)}.")
    chosen = [training for training in TRAININGS if training.name in names]
    datasets = {training.dataset for training in chosen}
    if "faces" in datasets and given.faces is None:
        parser.error("the faces are needed: draw them with faces.mjs and name their folder with --faces.")
    work, networks = given.work.resolve(), given.networks.split(",")
    prepare(work, given.faces.resolve() if given.faces else work, datasets)
    for training in chosen:
        train(training, work)
        measure(training, work, networks, given.images)
        draw(training, work)
        print("\n".join(table(work, networks, given.images)), flush=True)


if __name__ == "__main__":
    main()
