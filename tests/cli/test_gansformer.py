"""The installed command: every sub-command is the script or module of its name."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

from gansformer_tf.cli import gansformer
from gansformer_tf.cli.gansformer import COMMANDS

ROOT = Path(__file__).parents[2]


def call(*words):
    command = [sys.executable, "-m", "gansformer_tf.cli.gansformer", *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def test_help_names_every_command_and_loads_nothing_heavy():
    shown = gansformer.help_text()
    assert all(re.search(rf"^  {command.name} ", shown, re.M) for command in COMMANDS)
    code = "import gansformer_tf.cli.gansformer, sys; print({'tensorflow', 'keras', 'numpy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
    assert call("-h").stdout.rstrip("\n") == shown


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_words_reach_the_script(command, monkeypatch):
    called = []
    monkeypatch.setattr(importlib.import_module(command.module), "run", lambda prog: called.append((prog, sys.argv)))
    monkeypatch.setattr(sys, "argv", ["gansformer", command.name, "--model", "x"])
    with pytest.raises(SystemExit) as stop:
        gansformer.run()
    assert not stop.value.code
    prog = f"gansformer {command.name}"
    assert called == [(prog, [prog, *command.words, "--model", "x"])]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "gansformer: error: name a command. Choose from prepare, train"),
        (("trian",), "gansformer: error: there is no command 'trian'. Did you mean train? Choose from"),
        (("generate",), "gansformer generate: error: --model is missing"),
        (("eval", "--metrics", "nope"), "gansformer eval: error: --metrics is 'nope'"),
        (("train", "--nope"), "gansformer train: error: unknown flag --nope"),
    ],
)
def test_wrong_usage_is_one_line_and_status_2(words, message):
    done = call(*words)
    assert done.returncode == 2 and done.stderr.startswith(message) and done.stderr.count("\n") == 1


def test_options_of_a_command():
    done = call("export", "-h")
    assert done.returncode == 0 and done.stdout.startswith("usage: gansformer export")
