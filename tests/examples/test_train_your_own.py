"""The notebook trains on a folder of images, and goes on when it is run again."""

from __future__ import annotations

from pathlib import Path

import nbformat
import numpy as np
from nbclient import NotebookClient
from PIL import Image

import gansformer_tf as gf

NOTEBOOK = Path(__file__).parents[2] / "examples" / "train_your_own.ipynb"


def run(epochs, monkeypatch):
    monkeypatch.setenv("GANSFORMER_EPOCHS", str(epochs))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells)
    NotebookClient(notebook, timeout=500).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return "".join(output.get("text", "") for output in outputs), outputs


def test_a_folder_becomes_a_model_and_training_goes_on(tmp_path, monkeypatch):
    (tmp_path / "birds").mkdir()
    random = np.random.default_rng(0)
    for number in range(32):
        Image.fromarray(random.integers(0, 255, (20, 16, 3), np.uint8)).save(tmp_path / "birds" / f"{number}.png")
    for name, value in {"IMAGES": tmp_path / "birds", "RUN": tmp_path / "run", "RESOLUTION": 8, "TINY": 1}.items():
        monkeypatch.setenv(f"GANSFORMER_{name}", str(value))
    monkeypatch.delenv("MPLBACKEND", raising=False)  # a notebook shows its figures inside the page
    text, outputs = run(1, monkeypatch)
    assert "32 images, 2 steps in an epoch" in text and "2 steps in all" in text
    assert sum("image/png" in output.get("data", {}) for output in outputs) == 2
    text, _ = run(2, monkeypatch)
    assert "4 steps in all" in text and len(list((tmp_path / "run" / "samples").iterdir())) == 2
    assert gf.load(tmp_path / "run" / "birds-4.safetensors").sample([1]).shape == (1, 8, 8, 3)
