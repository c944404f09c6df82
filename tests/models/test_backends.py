"""The same generator draws the same images on every Keras backend."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from gansformer_tf.config import to_dict
from gansformer_tf.models.snapshot import network_weights
from tests.models.backend_images import drawn
from tests.models.tiny import DUPLEX, KGAN, PAPER, PLAIN, generator, latents

TOLERANCE = 1e-4  # of the standard deviation
ROOT = Path(__file__).parents[2]
NETWORKS = {
    "code": DUPLEX | {"mapping_self_attention": True, "mapping_residual": True, "architecture": "resnet"},
    "paper": PAPER | {"num_heads": 2, "kmeans_iterations": 2},
    "kgan": KGAN | {"merge_layer": 3, "latent_stem": True},
    "stylegan2": PLAIN,
}


@pytest.fixture(scope="module")
def inputs() -> dict[str, np.ndarray]:
    arrays: dict[str, np.ndarray] = {"names": np.array(",".join(NETWORKS)), "seeded": np.array("stylegan2")}
    for name, values in NETWORKS.items():
        model = generator(values)
        random = np.random.RandomState(7)
        model.w_avg.assign(random.standard_normal(model.w_avg.shape))
        arrays |= {f"{name}/weights/{key}": value for key, value in network_weights(model).items()}
        arrays[f"{name}/config"] = np.array(json.dumps(to_dict(model.config)))
        arrays[f"{name}/z"] = latents(model)
        for index, shape in enumerate(model.noise_shapes):
            arrays[f"{name}/noise/{index}"] = random.standard_normal((2, *shape)).astype(np.float32)
    return arrays


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize(("backend", "package"), [("jax", "jax"), ("torch", "torch")])
def test_images_are_the_same(backend: str, package: str, inputs: dict[str, np.ndarray], tmp_path: Path) -> None:
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"the backend {backend} is not installed; python -m pip install {package}")
    np.savez(tmp_path / "inputs.npz", **inputs)
    environment = os.environ | {"KERAS_BACKEND": backend, "JAX_PLATFORMS": "cpu", "PYTHONPATH": str(ROOT)}
    script = Path(__file__).with_name("backend_images.py")
    run = subprocess.run(
        [sys.executable, str(script), str(tmp_path / "inputs.npz"), str(tmp_path / "outputs.npz")],
        env=environment,
        capture_output=True,
        text=True,
        timeout=380,
    )
    assert run.returncode == 0, run.stderr[-2000:]
    with np.load(tmp_path / "outputs.npz") as found:
        assert str(found["backend"]) == backend
        first, second = (found[f"stylegan2/seeded{index}"] for index in range(2))
        np.testing.assert_allclose(first, second, atol=1e-5)
        compared = 0
        for name in NETWORKS:
            expected = drawn(inputs, name)
            assert set(expected) == {key for key in found.files if key.startswith(f"{name}/")}
            for key, value in expected.items():
                if "seeded" in key:  # draws are those of the backend
                    assert np.isfinite(found[key]).all()
                    continue
                error = np.abs(found[key] - value).max() / value.std()
                assert error <= TOLERANCE, f"{key} differs by {error:.1e}"
                compared += 1
    assert compared >= 2 * len(NETWORKS)
