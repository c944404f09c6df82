"""ONNX and Keras files draw what the package draws; the exported network does so on JAX too."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from gansformer_tf.config import GANsformerConfig, from_dict
from gansformer_tf.export import ExportError, export_keras, export_onnx
from gansformer_tf.models import build_generator
from tests.export.models import PSI, model
from tests.file_modes import masked, unusual_modes
from tests.models.tiny import latents

ROOT = Path(__file__).parents[2]


def inputs(name: str, batch: int) -> dict[str, np.ndarray]:
    psi = np.full(batch, PSI, np.float32)
    return {"z": latents(model(name), batch, seed=batch), "truncation_psi": psi, "labels": np.arange(batch) % 3}


def expected(name: str, batch: int) -> np.ndarray:
    given = inputs(name, batch)
    return np.asarray(model(name)(given["z"], labels=one_hot(given), truncation_psi=PSI, noise_mode="const"))


def one_hot(given: dict[str, np.ndarray]) -> np.ndarray:
    return np.eye(3, dtype=np.float32)[given["labels"]]


def test_onnx(tmp_path: Path) -> None:
    name = "attention"  # with labels
    onnx = pytest.importorskip("onnx", reason="pip install 'gansformer-tf[onnx]'")
    runtime = pytest.importorskip("onnxruntime", reason="pip install 'gansformer-tf[onnx]'")
    with masked():
        folder = export_onnx(model(name), tmp_path / "exported [v2]")
    assert unusual_modes(folder) == {}
    card = json.loads((folder / "model_card.json").read_text())
    network = onnx.load(folder / "generator.onnx")
    onnx.checker.check_model(network)
    assert {entry.domain: entry.version for entry in network.opset_import}[""] == card["opset"] == 18
    assert {node.domain for node in network.graph.node} <= {"", "ai.onnx"}, "an op that is not standard"
    session = runtime.InferenceSession(folder / "generator.onnx", providers=["CPUExecutionProvider"])
    assert {entry.name for entry in session.get_inputs()} == set(card["signature"]["inputs"])
    for batch in (1, 3):
        (images,) = session.run(["images"], inputs(name, batch))
        np.testing.assert_allclose(images, expected(name, batch), rtol=0, atol=1e-3)
        assert images.std() > 0.1


@pytest.fixture(scope="module")
def keras_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with masked():
        return export_keras(
            model("attention"), tmp_path_factory.mktemp("keras") / "exported [v2]", source={"kimg": "2"}
        )


def test_files_have_the_mode_that_the_umask_asks_for(keras_files: Path) -> None:
    assert unusual_modes(keras_files) == {}


def test_keras_file(keras_files: Path) -> None:
    loaded = keras.saving.load_model(keras_files / "generator.keras")
    given = inputs("attention", 2)
    images = np.asarray(loaded(given["z"], labels=one_hot(given), truncation_psi=PSI, noise_mode="const"))
    np.testing.assert_allclose(images, expected("attention", 2), rtol=0, atol=1e-6)


def test_keras_weights(keras_files: Path) -> None:
    card = json.loads((keras_files / "model_card.json").read_text())
    fresh = build_generator(from_dict(GANsformerConfig, card["generator_config"]))
    given = inputs("attention", 2)
    before = np.asarray(fresh(given["z"], labels=one_hot(given), truncation_psi=PSI, noise_mode="const"))
    fresh.load_weights(keras_files / "generator.weights.h5")
    images = np.asarray(fresh(given["z"], labels=one_hot(given), truncation_psi=PSI, noise_mode="const"))
    np.testing.assert_allclose(images, expected("attention", 2), rtol=0, atol=1e-6)
    assert np.abs(images - before).max() > 0.1, "the weights changed nothing"


ON_JAX = """
import sys
sys.modules["tensorflow"] = None  # nothing may need it
import jax, keras, numpy as np
import gansformer_tf.models
assert keras.backend.backend() == "jax"
generator = keras.saving.load_model(sys.argv[1])
draw = jax.jit(lambda z, labels: generator(z, labels=labels, truncation_psi=0.7, noise_mode="const"))
given = np.load(sys.argv[2])
np.save(sys.argv[3], draw(given["z"], given["labels"]))
"""


def test_keras_file_on_jax(keras_files: Path, tmp_path: Path) -> None:
    if importlib.util.find_spec("jax") is None:
        pytest.skip("JAX is not installed; python -m pip install jax")
    given = inputs("attention", 2)
    np.savez(tmp_path / "inputs.npz", z=given["z"], labels=one_hot(given))
    environment = os.environ | {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu", "PYTHONPATH": str(ROOT)}
    files = [str(keras_files / "generator.keras"), str(tmp_path / "inputs.npz"), str(tmp_path / "images.npy")]
    command = [sys.executable, "-c", ON_JAX, *files]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-3000:]
    np.testing.assert_allclose(np.load(tmp_path / "images.npy"), expected("attention", 2), rtol=0, atol=1e-4)


@pytest.mark.parametrize("write", [export_onnx, export_keras])
def test_a_folder_that_holds_something_is_left_alone(write: Any, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ExportError, match=r"not empty \(it holds 'notes\.txt'\)"):
        write(model("attention"), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
