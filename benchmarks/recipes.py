"""Recipes of training at equal wall-clock: what each is worth, in images and in attention maps.

    python benchmarks/recipes.py --work FOLDER-OUTSIDE-THE-TREE [--recipes demo,r3,...] [--list]
                                 [--minutes 20 [--reference-seconds S] | --kimg N] [--seeds 1000]
                                 [--dataset scenes] [--data-dir DIR]
                                 [--network efficientnet-lite2] [--images 2000] [--results benchmarks/RESULTS.md]

Every recipe is the demo preset with other flags. With --minutes the recipes first train for a moment by turns, which
gives the speed of each relative to the demo's, whatever else the machine does; with the demo's seconds per kimg alone
(its fastest tick, or --reference-seconds) that says how many kimg the minutes buy. It is measured once and kept in
WORK/speed.json. Each recipe is then trained to its kimg, however long that takes on a shared machine. Then it is
measured and drawn: FID, precision and recall on a feature network that no training of the table uses; entropy of the
attention maps as a share of log k and components in use; on scenes, the IoU of hard maps with objects
(docs/composition.md). Sheets with maps are in WORK/sheets: look at them.

It can be stopped at any time: the same command goes on, and what was finished is kept.
"""

from __future__ import annotations

import argparse
import json
import shlex
import statistics
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.quality import leave_unless_trained, spread, write_section  # noqa: E402
from gansformer_tf.files import read_json_lines, write_atomically  # noqa: E402

BEGIN, END = "<!-- recipes: begin -->", "<!-- recipes: end -->"
BASE = "--preset demo"
REFERENCE = "demo"  # the recipe whose speed the others are compared with
MEASURES = "fid,pr,attention"
OF_MAPS = ("attention", "composition")  # measured without the network that judges images
SPEED_TICK_KIMG, SPEED_TICKS = 0.256, 3  # a tick is 16 steps of 16 images, in which every lazy penalty runs once
R3 = "--g-loss rpgan --d-loss rpgan --d-reg r1,r2 --style-mixing 0"
PROJECTED = "--d-features {network} --d-lr 0.0002"


@dataclass(frozen=True)
class Recipe:
    """Flags on top of the demo preset, and what is tried with them."""

    title: str
    flags: str = ""


RECIPES = {
    "demo": Recipe("today's demo"),
    "lr25": Recipe("learning rates 0.0025", "--g-lr 0.0025 --d-lr 0.0025"),
    "lr10": Recipe("learning rates 0.001", "--g-lr 0.001 --d-lr 0.001"),
    "gamma-low": Recipe("gamma by the rule (0.05)", "--gamma 0.05"),
    "gamma-high": Recipe("gamma 2", "--gamma 2"),
    "no-mixing": Recipe("no style mixing", "--style-mixing 0"),
    "ema": Recipe("EMA of 0.5 kimg", "--ema-kimg 0.5"),
    "diffaug": Recipe("DiffAugment", "--aug diffaug"),
    "wide": Recipe("twice as wide at 32x32 and 64x64", "--channel-base 1024"),
    "lazy": Recipe("R1 every 4 steps", "--d-reg-interval 4"),
    "batch-8": Recipe("batches of 8", "--batch-size 8 --batch-gpu 8"),
    "batch-8-gamma": Recipe("batches of 8, gamma by the rule (0.1)", "--batch-size 8 --batch-gpu 8 --gamma 0.1"),
    "batch-4": Recipe("batches of 4", "--batch-size 4 --batch-gpu 4"),
    "bfloat16": Recipe("bfloat16", "--precision bfloat16"),
    "r3": Recipe(
        "relativistic, R1 and R2", f"{R3} --d-reg-interval 1 --gamma 0.5 --gamma-end 0.05 --beta2 0.9 --beta2-end 0.99"
    ),
    "r3-lazy": Recipe(
        "relativistic, R1 and R2 every 4 steps",
        f"{R3} --d-reg-interval 4 --gamma 0.5 --gamma-end 0.05 --beta2 0.9 --beta2-end 0.99",
    ),
    "r3-rates": Recipe(
        "relativistic, R1 and R2, rates that fall",
        f"{R3} --d-reg-interval 4 --gamma 0.5 --gamma-end 0.05 --g-lr-end 0.0005 --d-lr-end 0.0005",
    ),
    "projected": Recipe("projected", PROJECTED),
    "projected-tanh": Recipe("projected, tanh on the image", f"{PROJECTED} --tanh"),
    "projected-64": Recipe("projected, 64 pixels", f"{PROJECTED} --tanh --d-features-size 64"),
    "projected-96": Recipe("projected, 96 pixels", f"{PROJECTED} --tanh --d-features-size 96"),
    "projected-logistic": Recipe(
        "projected, logistic losses", f"{PROJECTED} --tanh --g-loss logistic_ns --d-loss logistic"
    ),
    "simplex": Recipe("simplex", "--attention simplex"),
    "paper": Recipe("the paper's form", "--attention-form paper"),
    "components-5": Recipe("5 components", "--components-num 5 --latent-size 80"),
    "components-16": Recipe("16 components", "--components-num 16 --latent-size 256"),
    "no-dropout": Recipe("no dropout of attention", "--attention-dropout 0"),
    "component-dropout": Recipe("dropout of components", "--component-dropout 0.1"),
    "no-style": Recipe("no global style", "--style False"),
    "attend-64": Recipe("attention up to 64x64", "--g-end-res 7"),
    "attend-from-16": Recipe("attention from 16x16", "--g-start-res 4"),
    "d-attention": Recipe("attention in D", "--d-transformer --d-end-res 6"),
}

COLUMNS = (
    ("FID ↓", "fid"),
    ("precision ↑", "precision"),
    ("recall ↑", "recall"),
    ("entropy ↓", "attention_entropy"),
    ("components ↑", "attention_effective_components"),
    ("IoU ↑", "composition_iou"),
    ("of another image", "composition_iou_other_image"),
)


def script(command: str, *more: object) -> None:
    """Runs a script of the repository; raises `CalledProcessError` if it fails."""
    arguments = [*shlex.split(command), *map(str, more)]
    print("$", shlex.join(arguments), flush=True)
    subprocess.run([sys.executable, *arguments], cwd=ROOT, check=True)


class Table:
    """The runs of one command: where they are, and what is done for each."""

    def __init__(self, given: argparse.Namespace) -> None:
        self.given = given
        self.work: Path = given.work.resolve()
        self.data_dir = given.data_dir.resolve() if given.data_dir else self.work / "datasets"

    def flags(self, name: str) -> str:
        """Of a recipe; a projected one is trained with --d-network."""
        return f"{BASE} {RECIPES[name].flags.format(network=self.given.d_network)}"

    def places(self, results: Path) -> tuple[object, ...]:
        given = self.given
        return ("--dataset", given.dataset, "--data-dir", self.data_dir, "--result-dir", results, "--gpus", given.gpus)

    # the budget

    def kimg(self, names: list[str]) -> dict[str, float]:
        """How long each recipe is trained."""
        if self.given.kimg is not None:
            return dict.fromkeys(names, self.given.kimg)
        seconds = self.speeds(names)
        return {name: budget(self.given.minutes, seconds[name]) for name in names}

    def speeds(self, names: list[str]) -> dict[str, float]:
        """Seconds per kimg of each recipe alone on the machine; measured by turns, and kept in speed.json."""
        file = self.work / "speed.json"
        known: Speed = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
        missing = [name for name in names if name not in known.get("relative", {})]
        if missing:
            turns = [self.turn([REFERENCE, *(name for name in missing if name != REFERENCE)])]
            turns += [self.turn(list(turns[0])) for _ in range(1, self.given.speed_rounds)]
            known = merged(known, turns)
            write_atomically(file, json.dumps(known, indent=1))
        alone = self.given.reference_seconds or known["reference_seconds"]
        return {name: alone * known["relative"][name] for name in names}

    def turn(self, names: list[str]) -> dict[str, list[float]]:
        """Seconds per kimg of each recipe's ticks, each trained for a moment right after the other."""
        found = {}
        for name in names:
            folder = self.work / "speed" / f"{name}-000"
            before = ticks_of(folder)
            script(
                f"run_network.py --train {self.flags(name)} --metrics none --summarize False",
                *("--expname", name, *self.places(self.work / "speed"), "--tick-kimg", SPEED_TICK_KIMG),
                *("--snapshot-ticks", 1000, "--total-kimg", SPEED_TICK_KIMG * (len(before) + SPEED_TICKS)),
            )
            found[name] = ticks_of(folder)[len(before) + 1 :]  # the first tick of each start traces the step
        return found

    # one run

    def run(self, name: str, seed: int, kimg: float) -> None:
        """Trains, measures and draws, each unless it is done."""
        folder, file = self.folder(name, seed), self.file(name, seed)
        if file.exists():
            return
        measures = f"{MEASURES},composition" if self.given.dataset == "scenes" else MEASURES
        common = ("--expname", f"{name}-seed{seed}", *self.places(self.work / "results"))
        script(
            f"run_network.py --train {self.flags(name)} --summarize False --metrics none --last-snapshots 2",
            *(*common, "--seed", seed, "--total-kimg", kimg, "--tick-kimg", kimg / 20, "--snapshot-ticks", 5),
        )
        leave_unless_trained(folder, kimg)
        script(
            f"run_network.py --eval --metrics {measures} --feature-network {self.given.network}",
            *(*common, "--eval-images-num", self.given.images),
        )
        sheet = self.work / "sheets" / f"{name}-seed{seed}"
        draw = "generate.py --seeds 0-31 --truncation-psi 1 --grid --attention --overwrite"
        script(draw, "--model", folder, "--output-dir", sheet)
        values = {"kimg": kimg} | measured(folder, self.given.network, self.given.images)
        last = list(read_json_lines(folder / "metrics.jsonl"))[-1]
        values["seconds"] = last["seconds"]
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(file, json.dumps(values, indent=1))

    def folder(self, name: str, seed: int) -> Path:
        return self.work / "results" / f"{name}-seed{seed}-000"

    def file(self, name: str, seed: int) -> Path:
        """What was found of a run; it is there when all is done."""
        return self.work / "found" / f"{name}-seed{seed}.json"

    def failure(self, name: str, seed: int) -> Path:
        return self.work / "found" / f"{name}-seed{seed}.failed"

    # all

    def rows(self, names: list[str], seeds: list[int]) -> list[str]:
        """Markdown; of several seeds the mean and the standard deviation, and failures as such."""
        titles = [title for title, _ in COLUMNS]
        lines = [
            f"| recipe | flags | kimg | minutes | {' | '.join(titles)} |",
            f"|---|---|{'---:|' * (len(COLUMNS) + 2)}",
        ]
        for name in names:
            files = [self.file(name, seed) for seed in seeds]
            found = [json.loads(file.read_text(encoding="utf-8")) for file in files if file.exists()]
            flags = RECIPES[name].flags.format(network=self.given.d_network)
            start = f"| {RECIPES[name].title} | `{flags}` |" if flags else f"| {RECIPES[name].title} | |"
            failed = [self.failure(name, seed) for seed in seeds]
            if not found and any(file.exists() for file in failed):
                lines.append(f"{start} failed |{' |' * (len(COLUMNS) + 1)}")
            if not found:
                continue
            cells = [spread([one["kimg"] for one in found]), spread([one["seconds"] / 60 for one in found])]
            cells += [spread([one[key] for one in found if key in one]) for _, key in COLUMNS]
            lines.append(f"{start} {' | '.join(cells)} |")
        return lines


Speed = dict[str, Any]


def ticks_of(folder: Path) -> list[float]:
    """Seconds per kimg of each tick of a run so far."""
    file = folder / "metrics.jsonl"
    return [record["seconds_per_kimg"] for record in read_json_lines(file)] if file.exists() else []


def merged(known: Speed, turns: list[dict[str, list[float]]]) -> Speed:
    """What the turns add: relative speeds are medians over turns, in each of which the others ran right beside.

    The reference's own seconds are those of its fastest tick: what else the machine does can only add to them.
    """
    fastest = [min(turn[REFERENCE]) for turn in turns] + [known.get("reference_seconds", float("inf"))]
    ratios = {
        name: statistics.median(statistics.median(turn[name]) / statistics.median(turn[REFERENCE]) for turn in turns)
        for name in turns[0]
    }
    return {
        "reference": REFERENCE,
        "reference_seconds": min(fastest),
        "relative": known.get("relative", {}) | ratios,
        "turns": known.get("turns", []) + turns,
    }


def budget(minutes: float, seconds_per_kimg: float) -> float:
    """kimg that can be trained in a time, in whole steps of 16 images."""
    return max(1, int(minutes * 60.0 / seconds_per_kimg / 0.016)) * 0.016


def measured(folder: Path, network: str, images: int) -> dict[str, float]:
    """Numbers of the last measurement of a run with this network, and of its attention."""
    found: dict[str, float] = {}
    for path in folder.glob("metric-*.jsonl"):
        for record in read_json_lines(path):
            of_maps = record["manifest"]["metric"] in OF_MAPS
            if of_maps or (network in path.name and record["manifest"]["fake"]["count"] == images):
                found |= record["values"]
    return found


def chosen(given: argparse.Namespace) -> list[str]:
    """Names of the recipes that were asked for; ends the command where they cannot be had."""
    names = given.recipes.split(",") if given.recipes else list(RECIPES)
    unknown = [name for name in names if name not in RECIPES]
    if unknown:
        parser().error(f"there is no recipe {unknown[0]!r}; choose from {', '.join(RECIPES)}.")
    if given.network == given.d_network and any("--d-features" in RECIPES[name].flags for name in names):
        parser().error(f"{given.network} would judge what it trained; choose another --network or --d-network.")
    if (given.minutes is None) == (given.kimg is None):
        parser().error("give the budget: --minutes, or --kimg for all alike.")
    if given.work is None:
        parser().error("name a folder outside the tree for data and runs: --work.")
    return names


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--list", action="store_true", help="print the recipes")
    parser.add_argument("--work", type=Path)
    parser.add_argument("--recipes", help="names, comma-separated (default: all)")
    parser.add_argument("--minutes", type=float, help="of training, for each recipe")
    parser.add_argument("--kimg", type=float, help="the same number for each recipe, in place of time")
    parser.add_argument("--dataset", default="scenes")
    parser.add_argument("--data-dir", type=Path, help="where it is (default: scenes are made in WORK/datasets)")
    parser.add_argument("--resolution", type=int, default=64, help="of the scenes that are made")
    parser.add_argument("--scenes", type=int, default=10_000, help="how many of them")
    parser.add_argument("--seeds", default="1000", help="comma-separated")
    parser.add_argument("--network", default="efficientnet-lite2", help="judges")
    parser.add_argument("--d-network", default="efficientnet-lite0", help="of the projected recipes")
    parser.add_argument("--images", type=int, default=2000, help="generated images per metric")
    parser.add_argument("--speed-rounds", type=int, default=3, help="turns in which speeds are measured")
    parser.add_argument("--reference-seconds", type=float, help="per kimg of the demo alone (default: fastest)")
    parser.add_argument("--gpus", default="0")
    parser.add_argument("--results", type=Path, help="write the table into this file too, between two markers")
    return parser


def main(words: list[str] | None = None) -> None:
    given = parser().parse_args(words)
    if given.list:
        for name, recipe in RECIPES.items():
            print(f"{name:20} {recipe.title:44} {recipe.flags.format(network=given.d_network)}")
        return
    names, seeds = chosen(given), [int(seed) for seed in given.seeds.split(",")]
    table = Table(given)
    if given.data_dir is None and given.dataset == "scenes":
        size = ("--resolution", given.resolution, "--max-images", given.scenes)
        script("prepare_data.py --scenes --encoding png", *size, "--data-dir", table.data_dir)
    kimg = table.kimg(names)
    for seed in seeds:
        for name in names:
            try:
                table.run(name, seed, kimg[name])
            except subprocess.CalledProcessError as error:
                print(f"{name}, seed {seed}: {error.cmd[1]} ended with status {error.returncode}.", flush=True)
                table.failure(name, seed).parent.mkdir(parents=True, exist_ok=True)
                table.failure(name, seed).touch()
            print("\n".join(table.rows(names, seeds)), flush=True)
    if given.results is not None:
        amount = f"{given.minutes:g} minutes" if given.minutes is not None else f"{given.kimg:g} kimg"
        head = f"**Recipes**, {amount} each on {given.dataset}, {given.images:,} images, judged by {given.network}."
        write_section(given.results, [head, "", *table.rows(names, seeds)], (BEGIN, END))


if __name__ == "__main__":
    main()
