"""Tables of flags: what is typed reaches its field, and defaults stand in the configuration only."""

from __future__ import annotations

import argparse
import dataclasses
import io
import subprocess
import sys
from pathlib import Path

import pytest

from gansformer_tf import terminal
from gansformer_tf.cli import COMMANDS, generate, plot, run_network
from gansformer_tf.cli.common import UsageError
from gansformer_tf.cli.table import OWN, Command, Flag
from gansformer_tf.config.generate import GenerateConfig

ROOT = Path(__file__).parents[2]


@dataclasses.dataclass(frozen=True)
class Settings:
    scale: float = 2.5
    place: str = "here"
    names: tuple[str, ...] | None = None


TABLE = Command(
    prog="some.py",
    description="",
    usage="%(prog)s",
    groups=(
        (
            "all",
            (
                Flag("--scale --size", "as a factor (default: {default})", float),
                Flag("--place", "where (default: {default})", terminal.path),
                Flag("--task", "names", further={"action": "append", "dest": "names"}),
                Flag("--rest", "everything that follows", further={"nargs": argparse.REMAINDER}),
            ),
        ),
    ),
    configs={OWN: Settings},
    build=lambda typed: typed[OWN],
)


def test_only_what_was_typed_is_set():
    assert TABLE.read([]) == {}
    assert TABLE.read(["--size", 3, "--task", "a", "--task", "b"]) == {"scale": 3.0, "names": ["a", "b"]}


def test_help_shows_the_defaults_of_the_fields():
    text = TABLE.parser("gansformer some").format_help()
    assert "(default: 2.5)" in text and "(default: here)" in text and "gansformer some" in text


@pytest.mark.parametrize("value", ["-1", "-0.5", "-1e-3"])
def test_negative_numbers_need_no_equals_sign(value):
    assert TABLE.read(["--scale", value]) == {"scale": float(value)}


def test_words_behind_a_flag_that_takes_the_rest_stay_as_they_are():
    words = ["--scale", "-1,2", "--place"]
    assert TABLE.read(["--rest", *words])["rest"] == words


def test_lists_that_begin_with_a_minus():
    config = generate.COMMAND.read(["--model", "x", "--translate", "-0.1,0.05", "--rotate", "-3"])
    assert (config.translate, config.rotate) == ((-0.1, 0.05), -3.0)


def test_home_folders(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    config = generate.COMMAND.read(["--model=~/runs/a-000", "--outdir=~/x", "--gpus", "none"])
    assert config == GenerateConfig(model="/home/me/runs/a-000", output_dir="/home/me/x", gpus=())
    assert generate.COMMAND.read(["--model", "gdrive:a"]).model == "gdrive:a"


@pytest.mark.parametrize(("typed", "message"), [("", "the path is empty"), ("~nobody-here/x", "write ./~nobody-here")])
def test_places_that_are_none(typed, message, capsys):
    with pytest.raises(SystemExit) as end:
        TABLE.read([f"--place={typed}"])
    assert end.value.code == 2 and message in capsys.readouterr().err


def test_names_that_the_terminal_cannot_show_are_escaped(monkeypatch):
    screen = io.TextIOWrapper(io.BytesIO(), encoding="cp1252")
    monkeypatch.setattr(sys, "stdout", screen)
    terminal.show_any_text()
    print("웹툰 café", flush=True)
    assert screen.buffer.getvalue().decode("cp1252").strip() == "\\uc6f9\\ud230 café"


def test_a_command_on_such_a_terminal(tmp_path):
    environment = {"PYTHONIOENCODING": "cp1252", "PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "gansformer_tf.cli.generate", "--model", str(tmp_path), "--seeds", "웹툰"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True)
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.startswith(b"generate.py: error: --seeds: '\\uc6f9\\ud230' is no list of seeds")


# the paths of run_network.py


def test_places_of_data_sets(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "datasets" / "rgb").mkdir(parents=True)
    (tmp_path / "photos.zip").touch()

    def placed(*flags):
        data = run_network.COMMAND.read(flags).typed["data"]
        return data.get("data_dir", "datasets"), data["dataset"]

    assert placed("--dataset", "rgb") == placed("--dataset", "datasets/rgb") == ("datasets", "rgb")
    assert placed("--dataset", "datasets/rgb/", "--data-dir", "datasets") == ("datasets", "rgb")
    assert placed("--dataset", "rgb", "--data-dir=~/datasets") == (f"{tmp_path}/datasets", "rgb")
    with pytest.raises(UsageError, match="neither that place nor datasets/datasets/nope exists; give the name"):
        placed("--dataset", "datasets/nope")
    assert placed("--dataset=~/datasets/rgb") == (f"{tmp_path}/datasets", "rgb")
    assert placed("--dataset", "photos.zip") == (".", "photos.zip")


def test_a_choice_that_is_none_is_told_the_others(capsys):
    for flag, others in (("--baseline", "'GAN', 'StyleGAN2'"), ("--preset", "'demo'")):
        with pytest.raises(SystemExit):
            run_network.COMMAND.read((flag, "nope"))
        said = capsys.readouterr().err
        assert f"argument {flag}: invalid choice: 'nope' (choose from" in said and others in said


def test_every_place_knows_home_folders():
    for command in (run_network.COMMAND, generate.COMMAND, plot.COMMAND):
        for flag in command.flags:
            named = f"{flag.metavar} {flag.name}"
            if any(word in named for word in ("PATH", "DIR", "FILE", "FOLDER", "PLACE", "-weights")):
                assert flag.type is terminal.path, flag.name


# other ways to start a command


@pytest.mark.parametrize("name", COMMANDS)
def test_commands_are_modules_that_run(name):
    source = (ROOT / "gansformer_tf" / "cli" / f"{name}.py").read_text()
    assert source.rstrip().endswith(("run()", "main())")) and 'if __name__ == "__main__":' in source


def test_a_module_that_is_no_command_says_so(tmp_path):
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "gansformer_tf.cli.export", "--model", "x"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr == (
        "gansformer_tf.cli.export is no command; use run_network, generate, prepare_data, plot, gansformer or demo "
        "in its place.\n"
    )


def test_a_notebook_runs_scripts_that_start_processes(monkeypatch, capsys):
    import multiprocessing.spawn

    from gansformer_tf.cli import common

    monkeypatch.delattr(sys.modules["__main__"], "__spec__")
    monkeypatch.setattr(sys, "argv", ["some.py"])
    seen = []

    def main(_):
        seen.append(multiprocessing.spawn.get_preparation_data("worker"))

    with pytest.raises(SystemExit) as end:
        common.run_script(common.Parser(prog="some.py"), main)
    assert not end.value.code and len(seen) == 1
