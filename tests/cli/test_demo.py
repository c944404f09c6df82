"""The demo: its commands exist, and stopping and resuming works as it says."""

from __future__ import annotations

import importlib
import json
import shlex
import subprocess
import sys
import textwrap
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from gansformer_tf.cli import demo
from gansformer_tf.cli.flags import COMMAND
from gansformer_tf.cli.resolve import resolve
from gansformer_tf.models.snapshot import read_snapshot
from gansformer_tf.pretrained import shipped_snapshot

COMMANDS = (
    *(demo.FIRST, demo.PREPARE, demo.TRAIN, demo.GENERATE, demo.PLOT),
    *(demo.PREPARE_NIGHT, demo.TUNE, demo.GENERATE_NIGHT),
    *demo.NEXT[:-1],
)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_parses(command):
    script, *flags = shlex.split(command)
    if script == "-m":
        module, *flags = flags
        if module == "gansformer_tf.viewer":
            module += ".__main__"
    else:
        module = f"gansformer_tf.cli.{script.removesuffix('.py')}"
        assert (demo.ROOT / script).is_file()
    found = importlib.import_module(module)
    (found.COMMAND.parser() if hasattr(found, "COMMAND") else found.build_parser()).parse_args(flags)


@pytest.fixture
def run_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(demo, "ROOT", tmp_path)
    folder = tmp_path / demo.RUN
    folder.mkdir(parents=True)
    return folder


TRAINER = """
    import json, signal, sys, time
    stopped = []
    signal.signal(signal.SIGINT, lambda *_: stopped.append(1))
    with open("demo/results/scenes-000/metrics.jsonl", "w") as log:
        for step in range(400):
            print(json.dumps({"kimg": step}), file=log, flush=True)
            time.sleep(0.05)
            if stopped:
                print(json.dumps({"kimg": step, "saved": True}), file=log)
                sys.exit(0)
    sys.exit(3)
"""


def test_training_is_stopped_at_its_progress_and_may_save(run_folder, tmp_path):
    (tmp_path / "trainer.py").write_text(textwrap.dedent(TRAINER))
    demo.run("trainer.py", stop_at_kimg=5)
    last = json.loads((run_folder / "metrics.jsonl").read_text().splitlines()[-1])
    assert last["saved"] and 5 <= last["kimg"] < 300
    assert demo.progress_kimg() == last["kimg"]


def test_a_failing_command_ends_the_demo(run_folder, tmp_path):
    (tmp_path / "fails.py").write_text("raise SystemExit(4)")
    with pytest.raises(subprocess.CalledProcessError) as caught:
        demo.run("fails.py")
    assert caught.value.returncode == 4


def test_progress_survives_a_cut_line(run_folder):
    assert demo.progress_kimg() == 0.0
    (run_folder / "metrics.jsonl").write_text('{"kimg": 7.5}\n{"kim')
    assert demo.progress_kimg() == 7.5


def test_fine_tuning_takes_over_every_weight_of_the_model_that_ships(monkeypatch):
    """The networks that the command asks for are those of the shipped model."""
    info = SimpleNamespace(
        resolution=64,
        height=64,
        width=64,
        channels=3,
        label_dim=0,
        num_images=100,
        cropped_size=lambda ratio: (64, 64),
    )
    monkeypatch.setattr("gansformer_tf.data.read.open.read_info", lambda folder: info)
    shipped, _, _ = read_snapshot(shipped_snapshot("scenes"))
    assert resolve(COMMAND.read(shlex.split(demo.TUNE)[1:]), None).model == shipped.model


def test_night_images_are_made_once(tmp_path):
    command = [sys.executable, "examples/night_images.py", str(tmp_path), "--images", "3", "--resolution", "16"]
    subprocess.run(command, check=True, cwd=demo.ROOT)
    files = sorted(tmp_path.iterdir())
    assert [file.name for file in files] == ["00000.png", "00001.png", "00002.png"]
    red, _, blue = np.asarray(Image.open(files[0])).reshape(-1, 3).mean(axis=0)
    assert blue > 2 * red
    written = [file.stat().st_mtime_ns for file in files]
    subprocess.run(command, check=True, cwd=demo.ROOT)
    assert [file.stat().st_mtime_ns for file in files] == written
