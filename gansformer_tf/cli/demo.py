"""`make demo`: the whole way from data to images, each step being a command that can be typed by hand."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

from gansformer_tf.terminal import show_any_text

ROOT = Path(__file__).resolve().parents[2]
RUN = Path("demo/results/scenes-000")
IMAGES = Path("demo/images")

INTERRUPT_AT_KIMG = 8  # of 20: where the demo stops the training once, as Ctrl-C does
# On a slow machine the stretches of training end here instead, so that the demo stays under ten minutes.
FIRST_STRETCH_SECONDS = 120
SECOND_STRETCH_SECONDS = 150
TUNING_SECONDS = 150

FIRST = "generate.py --gpus 0 --model scenes --output-dir demo/first --images-num 24 --grid --attention --overwrite"
PREPARE = "prepare_data.py --scenes --resolution 64 --max-images 4000 --data-dir demo/datasets"
# The preset: GANsformer's defaults with narrow networks and small latents, so that minutes are enough.
TRAIN = (
    "run_network.py --train --gpus 0 --preset demo --expname scenes --dataset scenes "
    "--data-dir demo/datasets --result-dir demo/results"
)
GENERATE = f"generate.py --gpus 0 --model {RUN} --output-dir {IMAGES} --images-num 24 --grid --attention --overwrite"
# From the shipped weights to other images; the networks are those of the shipped model.
NIGHT = "examples/night_images.py demo/night-images --images 1000"
PREPARE_NIGHT = (
    "prepare_data.py --task night --images-dir demo/night-images --format png --resolution 64 --data-dir demo/datasets"
)
TUNED = Path("demo/results/night-000")
TUNE = (
    "run_network.py --train --gpus 0 --preset demo --attention simplex --g-arch resnet --mapping-resnet "
    "--d-arch resnet --pretrained-pkl scenes --expname night --dataset night --data-dir demo/datasets "
    "--result-dir demo/results --total-kimg 8"
)
GENERATE_NIGHT = (
    f"generate.py --gpus 0 --model {TUNED} --output-dir demo/night --images-num 24 --grid --attention --overwrite"
)
PLOT = f"-m gansformer_tf.cli.plot {RUN} --output demo/losses.png"
NEXT = (
    f"generate.py --model {RUN} --seeds 100-131 --truncation-psi 1 --output-dir demo/more --grid",
    "run_network.py --vis --expname scenes --dataset scenes --result-dir demo/results --vis-num 16",
    f"-m gansformer_tf.viewer --model {RUN}",
    "run_network.py -h",
)


def main() -> int:
    """Runs the steps; returns the status of the first that fails."""
    show_any_text()
    started = time.monotonic()
    try:
        say("1/8  A model that ships: samples, and where each latent component attends.")
        run(FIRST)
        say("2/8  Data: render 4,000 scenes and store them as TFRecords.")
        run(PREPARE)
        if progress_kimg() < INTERRUPT_AT_KIMG:
            say("3/8  Training: a small GANsformer. Stopped on the way, as Ctrl-C would, to show that nothing is lost.")
            run(TRAIN, stop_after=FIRST_STRETCH_SECONDS, stop_at_kimg=INTERRUPT_AT_KIMG)
        say("4/8  Training, resumed: the same command again.")
        run(TRAIN, stop_after=SECOND_STRETCH_SECONDS)
        say("5/8  Images of the trained model, and where each latent component attends.")
        run(GENERATE)
        say("6/8  Loss curves.")
        run(PLOT)
        say("7/8  Other images, a thousand rooms by night: the model that ships is trained on from its weights.")
        run(NIGHT)
        run(PREPARE_NIGHT)
        run(TUNE, stop_after=TUNING_SECONDS)
        say("8/8  What the fine-tuned model draws.")
        run(GENERATE_NIGHT)
    except subprocess.CalledProcessError as error:
        print(f"\nThe demo stopped: the last command ended with status {error.returncode}.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nThe demo was interrupted. `make demo` goes on from here.", file=sys.stderr)
        return 130
    minutes = (time.monotonic() - started) / 60
    print(SUMMARY.format(minutes=minutes, run=RUN, images=IMAGES))
    for command in NEXT:
        print(f"  {interpreter()} {command}")
    print("Remove everything the demo wrote: rm -r demo")
    return 0


SUMMARY = """
Done in {minutes:.1f} minutes. Look at:
  demo/first/grid.png                  samples of the model that ships
  {images}/grid.png                 samples of the trained model
  {images}/seed0000-attention.png   an image, and which latent component draws which region
  demo/losses.png                      loss curves
  demo/night/grid.png                  samples of the shipped model, fine-tuned on rooms by night
  {run}/samples/       samples during training

Try next:"""


def say(text: str) -> None:
    print(f"\n\033[1m{text}\033[0m" if sys.stdout.isatty() else f"\n{text}", flush=True)


def interpreter() -> str:
    """The running Python as a person types it here."""
    try:
        return str(Path(sys.executable).relative_to(ROOT))
    except ValueError:
        return sys.executable


def run(command: str, stop_after: float | None = None, stop_at_kimg: float | None = None) -> None:
    """Runs one of the scripts in the repository's folder.

    Args:
        command: The script and its flags.
        stop_after: Seconds after which it is interrupted.
        stop_at_kimg: Training progress at which it is interrupted.

    Raises:
        CalledProcessError: It failed.
    """
    print(f"$ {interpreter()} {command}", flush=True)
    started = time.monotonic()
    process = subprocess.Popen([sys.executable, *shlex.split(command)], cwd=ROOT)
    try:
        while process.poll() is None:
            time.sleep(0.5)
            late = stop_after is not None and time.monotonic() - started > stop_after
            far = stop_at_kimg is not None and progress_kimg() >= stop_at_kimg
            if late or far:
                process.send_signal(signal.SIGINT)
                process.wait()
    except KeyboardInterrupt:
        process.wait()  # Ctrl-C reaches the command too; let it save its work
        raise
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)


def progress_kimg() -> float:
    """Thousands of images the run has been trained on, from the last whole line of its log."""
    try:
        lines = (ROOT / RUN / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return 0.0
    for line in reversed(lines):
        try:
            return float(json.loads(line)["kimg"])
        except (ValueError, KeyError, TypeError):
            continue
    return 0.0


if __name__ == "__main__":
    os.chdir(ROOT)
    sys.exit(main())
