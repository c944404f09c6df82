"""generate.py from its flags to the files."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from gansformer_tf.cli.common import UsageError
from gansformer_tf.cli.generate import COMMAND, main
from gansformer_tf.config import ConfigError
from gansformer_tf.image_files import read_metadata

ROOT = Path(__file__).parents[2]


def call(*flags):
    return main(COMMAND.read(flags))


def test_the_published_command(run_folder, tmp_path):
    command = f"generate.py --gpus 0 --model {run_folder} --output-dir {tmp_path} --images-num 3 --truncation-psi 0.7"
    done = subprocess.run([sys.executable, *command.split()], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["seed0000.png", "seed0001.png", "seed0002.png"]
    assert "3 images written" in done.stdout
    assert "img/s" in done.stderr, "no progress bar"


def test_all_outputs(run_folder, tmp_path, capsys):
    flags = ["--model", run_folder, "--output-dir", tmp_path, "--seeds", "1,4-5", "--format", "webp", "--gpus", "0"]
    assert call(*flags, "--grid", "--attention", "--ratio", "0.5", "--noise-mode", "const") == 0
    names = {"grid.webp"} | {f"seed000{seed}{kind}.webp" for seed in (1, 4, 5) for kind in ("", "-attention")}
    assert {path.name for path in tmp_path.iterdir()} == names
    metadata = read_metadata(tmp_path / "seed0004.webp")
    assert metadata["seed"] == 4 and metadata["noise_mode"] == "const" and len(metadata["model"]) == 64
    assert call(*flags, "--grid", "--attention", "--ratio", "0.5", "--noise-mode", "const") == 0
    assert "7 were there already" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("flags", "reason"),
    [
        (["--seeds", "a-b"], "'a-b' is no list of seeds"),
        (["--seeds", "3", "--images-num", "4"], "leave one of them out"),
        (["--images-num", "0"], "at least 1"),
        (["--batch-size", "0"], "at least 1 image"),
        (["--labels", "1"], "trained without labels"),
        (["--ratio", "-1"], "greater than 0"),
        (["--truncation-psi", "nan"], "psi is nan"),
    ],
)
def test_bad_values(run_folder, tmp_path, flags, reason):
    with pytest.raises((UsageError, ConfigError), match=reason):
        call("--model", run_folder, "--output-dir", tmp_path, *flags)
    assert not list(tmp_path.iterdir())


def test_bad_models(tmp_path):
    with pytest.raises(ConfigError, match="--model is missing"):
        call("--seeds", "1")
    with pytest.raises(UsageError, match="no snapshot or run folder"):
        call("--model", tmp_path / "nothing")
    with pytest.raises(UsageError, match="holds no network-snapshot"):
        call("--model", tmp_path)


def test_other_settings_do_not_replace(run_folder, tmp_path):
    flags = ["--model", run_folder, "--output-dir", tmp_path, "--seeds", "1"]
    call(*flags)
    with pytest.raises(UsageError, match="seed0001.png exists"):
        call(*flags, "--truncation-psi", "0.5")
    call(*flags, "--truncation-psi", "0.5", "--overwrite")
    assert read_metadata(tmp_path / "seed0001.png")["truncation_psi"] == 0.5


def test_errors_are_one_line_with_status_two(tmp_path):
    command = [sys.executable, "generate.py", "--model", str(tmp_path), "--seed", "1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "generate.py: error: unknown flag --seed. Did you mean --seeds? Run generate.py -h for the list."
    ]
