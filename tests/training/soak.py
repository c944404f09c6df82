"""Kills a run of the tiny model again and again, at random moments, and compares its end with an undisturbed run.

    python -m tests.training.soak [--kills 30] [--seed 0]

Every restart must succeed, repeat at most one checkpoint interval, and the last weights must be equal bit for bit.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from gansformer_tf.files import read_json_lines

SCRIPT = Path(__file__).parent / "tiny_run.py"
INTERVAL = 4  # steps between two checkpoints of the tiny run
IMAGES_PER_KILL = 4000  # more than a run gets through before it is killed
# Seconds until the kill: every third one from the start of training, the others from the first complete tick.
LONGEST = {"start": 8.0, "tick": 1.5}
BATCH = 8


def start(results: Path, data: str, images: int) -> tuple[subprocess.Popen, int]:
    """Starts training; returns the process and the step it went on from."""
    command = [sys.executable, str(SCRIPT), str(results), data, "--images", str(images)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("resumed at"):
            return process, int(line.split()[-1])
    raise AssertionError(f"a start failed with status {process.wait()}")


def wait_for_tick(process: subprocess.Popen) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("tick"):
            return
    raise AssertionError(f"training ended with status {process.wait()} before its first tick")


def finish(results: Path, data: str, images: int) -> int:
    """Trains to the end; returns the step it went on from."""
    process, step = start(results, data, images)
    process.communicate(timeout=600)
    assert process.returncode == 0, process.returncode
    return step


def weights(results: Path) -> dict[str, np.ndarray]:
    """Everything in the newest checkpoint."""
    import tensorflow as tf

    folder = sorted((results / "tiny-000" / "checkpoints").glob("step-*"))[-1]
    reader = tf.train.load_checkpoint(str(folder / "state"))
    names = [name for name in reader.get_variable_to_shape_map() if "VARIABLE_VALUE" in name]
    return {"step": np.array(int(folder.name.removeprefix("step-")))} | {n: reader.get_tensor(n) for n in names}


def soak(folder: Path, data: str, kills: int, seed: int = 0) -> list[int]:
    """Kills a run `kills` times, lets it end, and compares it with a whole run; returns the steps it resumed at."""
    moments = random.Random(seed)
    disturbed, whole = folder / "disturbed", folder / "whole"
    resumed, logged = [], 0
    images = kills * IMAGES_PER_KILL
    for kill in range(kills):
        process, step = start(disturbed, data, images)
        resumed.append(step)
        assert step >= logged - INTERVAL, f"resumed at {step}, but step {logged} was complete"
        since = "start" if kill % 3 == 2 else "tick"
        if since == "tick":
            wait_for_tick(process)
        time.sleep(moments.uniform(0.0, LONGEST[since]))
        assert process.poll() is None, "the run ended before it could be killed"
        process.kill()
        process.communicate()
        records = read_json_lines(disturbed / "tiny-000" / "metrics.jsonl")
        logged = max([logged, *(record["step"] for record in records)])
        print(f"kill {kill + 1} of {kills}: resumed at {step}, killed after step {logged}", flush=True)
    end = (logged // INTERVAL + 5) * INTERVAL * BATCH
    resumed.append(finish(disturbed, data, end))
    finish(whole, data, end)
    ours, theirs = weights(disturbed), weights(whole)
    assert ours.keys() == theirs.keys()
    for name, value in theirs.items():
        np.testing.assert_array_equal(ours[name], value, err_msg=name)
    print(f"{kills} kills, {int(ours['step'])} steps: {len(ours) - 1} variables equal bit for bit")
    return resumed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    from gansformer_tf.config.data import PrepareConfig
    from gansformer_tf.data.prepare.prepare import prepare
    from gansformer_tf.data.sources.scenes import SceneSource

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        config = PrepareConfig(name="tiny", resolution=8, encoding="png")
        prepare(SceneSource(40, (8, 8)), config, folder / "data")
        soak(folder, str(folder / "data"), arguments.kills, arguments.seed)


if __name__ == "__main__":
    main()
