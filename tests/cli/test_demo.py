"""The demo: its commands exist, and stopping and resuming works as it says."""

from __future__ import annotations

import importlib
import json
import shlex
import subprocess
import textwrap

import pytest

from gansformer_tf.cli import demo


@pytest.mark.parametrize("command", [demo.FIRST, demo.PREPARE, demo.TRAIN, demo.GENERATE, demo.PLOT, *demo.NEXT[:-1]])
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
