"""`run_network.py --export`, with good and bad input."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gansformer_tf.cli.common import RunError, UsageError
from gansformer_tf.cli.flags import COMMAND
from gansformer_tf.cli.run_network import main
from gansformer_tf.files import sha256_of
from tests.export.models import snapshot

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("results") / "tiny-000"
    folder.mkdir()
    snapshot("labels", folder)
    return folder


def run(*words: Any) -> int:
    return main(COMMAND.read(words))


def test_the_script_exports(run_folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "exported"
    words = ["--export", "keras", "--model", str(run_folder), "--output-dir", str(target)]
    command = [sys.executable, "run_network.py", *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{target}/generator.keras and {target}/generator.weights.h5 written.\n"
    card = json.loads((target / "model_card.json").read_text())
    source = run_folder / "network-snapshot-000002.safetensors"
    assert card["source"] == {"snapshot": source.name, "sha256": sha256_of(source), "dataset": "", "kimg": "2"}
    with pytest.raises(UsageError, match="is not empty"):
        run("--export", "keras", "--model", run_folder, "--output-dir", target)


def test_the_run_of_an_experiment_is_exported(run_folder: Path, tmp_path: Path, monkeypatch: Any) -> None:
    found: list[Any] = []
    monkeypatch.setattr("gansformer_tf.export.run.export", lambda *a, **k: found.append((a, k)) or tmp_path)
    common = ("--export", "saved_model", "--output-dir", tmp_path, "--noise-mode", "const")
    assert run(*common, "--result-dir", run_folder.parent, "--expname", "tiny") == 0
    ((form, model, target), options) = found[0]
    assert (form, target, options) == ("saved_model", str(tmp_path), {"noise_mode": "const", "scale": 1.0})
    assert model == run_folder / "network-snapshot-000002.safetensors"


BAD = {
    "no snapshot": (("--export", "onnx", "--model", "nowhere", "--output-dir", "x"), "no snapshot or run folder at"),
    "no folder named": (("--export", "onnx", "--model", "nowhere"), "--output-dir is missing"),
    "noise of keras": (("--export", "keras", "--output-dir", "x", "--noise-mode", "const"), "leave the noise mode out"),
    "noise of onnx": (("--export", "onnx", "--output-dir", "x", "--noise-mode", "random"), "const or none"),
    "scale of keras": (("--export", "keras", "--output-dir", "x", "--scale", "2"), "leave the scale out"),
    "no format": (("--model", "nowhere"), "--model belongs to --export"),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_usage(what: str) -> None:
    words, message = BAD[what]
    with pytest.raises(UsageError, match=message):
        run(*words)


def test_an_unknown_format(capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit) as stop:
        run("--export", "tflite", "--output-dir", "x")
    assert stop.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_bad_usage_is_found_before_training_starts() -> None:
    with pytest.raises(UsageError, match="--output-dir is missing"):
        run("--train", "--dataset", "none", "--export", "onnx")


def test_a_folder_that_cannot_be_written(run_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="cannot write to the folder"):
        run("--export", "keras", "--model", run_folder, "--output-dir", tmp_path / "file" / "below")


@pytest.mark.parametrize(
    ("form", "package", "extra"), [("saved_model", "tensorflow_serving", "serving"), ("onnx", "tf2onnx", "onnx")]
)
def test_a_missing_package(form: str, package: str, extra: str, monkeypatch: Any, run_folder: Path) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *a: None if name == package else find(name, *a))
    with pytest.raises(UsageError, match=rf"needs {package}, .*pip install 'gansformer-tf\[{extra}\]'"):
        run("--export", form, "--model", run_folder, "--output-dir", "x")
