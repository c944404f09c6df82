"""SavedModels draw what the package draws, in a process that has TensorFlow alone."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from gansformer_tf.config import to_dict
from gansformer_tf.drawing.latents import latents_from_seeds
from gansformer_tf.drawing.pixels import to_uint8
from gansformer_tf.export import export_saved_model
from tests.export.models import CASES, PSI, SEEDS, drawn, model, sampler
from tests.file_modes import masked, unusual_modes


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    base = tmp_path_factory.mktemp("served")
    source = {"snapshot": "network-snapshot-000002.safetensors", "sha256": "0" * 64}
    with masked():
        return {name: export_saved_model(model(name), base / name, source=source) for name in CASES}


def test_files_have_the_mode_that_the_umask_asks_for(folders: dict[str, Path]) -> None:
    assert [unusual_modes(folder) for folder in folders.values()] == [{}] * len(folders)


@pytest.fixture(scope="module")
def loaded(folders: dict[str, Path]) -> dict[str, Any]:
    return {name: tf.saved_model.load(str(folder)) for name, folder in folders.items()}


def job_of(name: str, folder: Path) -> dict[str, Any]:
    config = model(name).config
    z = latents_from_seeds(SEEDS, config.num_latents, config.latent_dim).tolist()
    psi = {"truncation_psi": [PSI] * len(SEEDS)}
    seeded, latent = {"seeds": SEEDS, **psi}, {"z": z, **psi}
    if config.label_dim:
        seeded["labels"], latent["labels"] = [-1] * len(SEEDS), [0, 1, 2]
    calls: dict[str, Any] = {
        "png": ["serving_default", seeded],
        "images": ["images", seeded],
        "float_from_z": ["images_float_from_z", latent],
        "mapping": ["mapping", latent],
        "one": ["images_float_from_z", {key: value[:1] for key, value in latent.items()}],
        "psi": ["images", seeded | {"truncation_psi": [1.0, 0.0, PSI]}],
    }
    if config.has_attention:  # the others are made of the same parts, and preparing a signature takes seconds
        calls["float"] = ["images_float", seeded]
        calls["png_from_z"] = ["from_z", latent]
        calls["images_from_z"] = ["images_from_z", latent]
        calls["synthesis"] = ["synthesis", {"w": mapped(name).tolist()}]
        calls["maps"] = ["attention_maps", seeded]
        calls["maps_from_z"] = ["attention_maps_from_z", latent]
    if config.label_dim:
        calls["chosen"] = ["images", seeded | {"labels": [2, -1, 0]}]
    return {"folder": str(folder), "calls": calls}


@pytest.fixture(scope="module")
def outside(folders: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, np.ndarray]:
    """What the exported models answer in a process of their own."""
    folder = tmp_path_factory.mktemp("outside")
    (folder / "job.json").write_text(json.dumps({name: job_of(name, path) for name, path in folders.items()}))
    script = Path(__file__).with_name("outside.py")
    command = [sys.executable, "-I", str(script), str(folder / "job.json"), str(folder / "results.npz")]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-3000:]
    with np.load(folder / "results.npz") as results:
        return dict(results)


def synthesized(name: str) -> np.ndarray:
    """Float images of the latents of `SEEDS` with the constant noise."""
    w = tf.constant(mapped(name))
    return np.asarray(model(name).synthesize(w, noise_mode="const"))


def mapped(name: str) -> np.ndarray:
    labels = np.eye(3, dtype=np.float32) if model(name).config.label_dim else None
    return sampler(name).map(sampler(name).latents(SEEDS), labels, PSI)


@pytest.mark.parametrize("name", CASES)
def test_a_seed_gives_the_same_image(name: str, outside: dict[str, np.ndarray]) -> None:
    expected = drawn(name)
    assert expected.pixels.std() > 10
    np.testing.assert_array_equal(outside[f"{name}/images/images"], expected.pixels)
    np.testing.assert_array_equal(outside[f"{name}/png/image_bytes"], expected.pixels)
    if name == "attention":
        np.testing.assert_allclose(outside[f"{name}/float/images"], expected.images, rtol=0, atol=1e-4)


@pytest.mark.parametrize("name", CASES)
def test_latents_give_the_same_image(name: str, outside: dict[str, np.ndarray]) -> None:
    expected = synthesized(name)
    np.testing.assert_allclose(outside[f"{name}/float_from_z/images"], expected, rtol=0, atol=1e-4)
    np.testing.assert_allclose(outside[f"{name}/one/images"], expected[:1], rtol=0, atol=1e-4)
    if name == "attention":
        np.testing.assert_array_equal(outside[f"{name}/images_from_z/images"], to_uint8(expected))
        np.testing.assert_array_equal(outside[f"{name}/png_from_z/image_bytes"], to_uint8(expected))
        np.testing.assert_allclose(outside[f"{name}/synthesis/images"], expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("name", CASES)
def test_every_image_has_its_own_truncation(name: str, outside: dict[str, np.ndarray]) -> None:
    found = outside[f"{name}/psi/images"]
    for row, psi in enumerate([1.0, 0.0, PSI]):
        np.testing.assert_array_equal(found[row], drawn(name, psi).pixels[row])
    assert (found[0] != outside[f"{name}/images/images"][0]).any()


@pytest.mark.parametrize("name", CASES)
def test_mapping(name: str, outside: dict[str, np.ndarray]) -> None:
    np.testing.assert_allclose(outside[f"{name}/mapping/w"], mapped(name), rtol=0, atol=1e-5)


def test_attention_maps(outside: dict[str, np.ndarray]) -> None:
    expected = drawn("attention").maps
    names = sorted(key for key in outside if key.startswith("attention/maps/"))
    assert names == [f"attention/maps/layer{index:02d}" for index in range(len(expected))]
    for key, maps in zip(names, expected, strict=True):
        np.testing.assert_allclose(outside[key], maps, rtol=0, atol=1e-5)
        assert outside[key].shape[1] == 2  # heads


def test_labels_are_obeyed(outside: dict[str, np.ndarray]) -> None:
    from_seed = drawn("labels").labels
    expected = drawn("labels", labels=[2, from_seed[1], 0]).pixels
    np.testing.assert_array_equal(outside["labels/chosen/images"], expected)
    assert (expected != outside["labels/images/images"]).any()


@pytest.mark.parametrize("name", CASES)
def test_only_standard_ops(name: str, outside: dict[str, np.ndarray]) -> None:
    ops = set(outside[f"{name}/ops"])
    assert list(outside[f"{name}/strange"]) == []
    assert {"EncodePng", "MatMul"} <= ops, "the list of ops is not that of the model"
    assert not any("gansformer" in op.lower() or op in ("PyFunc", "EagerPyFunc") for op in ops)


@pytest.mark.parametrize("name", CASES)
def test_warmup_requests_fit_the_signatures(name: str, loaded: dict[str, Any], folders: dict[str, Path]) -> None:
    warmed = []
    for request in warmup_requests(folders[name]):
        function = loaded[name].signatures[request.model_spec.signature_name]
        inputs = {key: tf.make_ndarray(tensor) for key, tensor in request.inputs.items()}
        specs = function.structured_input_signature[1]
        assert set(inputs) == set(specs)
        for key, value in inputs.items():
            assert specs[key].is_compatible_with(tf.constant(value))
            assert len(value) == len(next(iter(inputs.values())))
        warmed.append(request.model_spec.signature_name)
    assert set(warmed) == set(loaded[name].signatures)
    assert ("attention_maps" in warmed) == model(name).config.has_attention


def test_a_warmup_request_is_answered(loaded: dict[str, Any], folders: dict[str, Path]) -> None:
    for request in warmup_requests(folders["labels"]):
        if request.model_spec.signature_name == "images":
            inputs = {key: tf.constant(tf.make_ndarray(tensor)) for key, tensor in request.inputs.items()}
            assert loaded["labels"].signatures["images"](**inputs)["images"].shape == (1, 16, 8, 3)
            return
    raise AssertionError("no warm-up request for the signature")


def warmup_requests(folder: Path) -> list[Any]:
    records = tf.data.TFRecordDataset(str(folder / "assets.extra" / "tf_serving_warmup_requests"))
    logs = [prediction_log_pb2.PredictionLog.FromString(record) for record in records.as_numpy_iterator()]
    return [log.predict_log.request for log in logs]


@pytest.mark.parametrize("name", CASES)
def test_model_card(name: str, loaded: dict[str, Any], folders: dict[str, Path]) -> None:
    card = json.loads((folders[name] / "model_card.json").read_text())
    assert card["generator_config"] == json.loads(json.dumps(to_dict(model(name).config)))
    assert card["source"]["sha256"] == "0" * 64
    assert card["parameters"] == model(name).count_params()
    assert set(card["signatures"]) == set(loaded[name].signatures)
    for signature, function in loaded[name].signatures.items():
        named = {"inputs": function.structured_input_signature[1], "outputs": function.structured_outputs}
        for side, specs in named.items():
            expected = {key: {"dtype": spec.dtype.name, "shape": spec.shape.as_list()} for key, spec in specs.items()}
            assert card["signatures"][signature][side] == expected


BAD = {
    "lengths": ({"truncation_psi": [0.7]}, "need one value per image"),
    "empty": ({"seeds": [], "truncation_psi": [], "labels": []}, "one image at least"),
    "seed": ({"seeds": [0, 2**32]}, "seeds must lie between 0 and 4294967295"),
    "negative seed": ({"seeds": [0, -1]}, "seeds must lie between"),
    "psi": ({"truncation_psi": [0.7, float("nan")]}, "not a finite number"),
    "label": ({"labels": [0, 3]}, "labels must lie between -1 and 2"),
}


def test_bad_values_are_refused_in_the_graph(loaded: dict[str, Any]) -> None:
    function = loaded["labels"].signatures["images"]
    specs = function.structured_input_signature[1]

    def ask(values: dict[str, Any]) -> Any:
        return function(**{key: tf.constant(value, specs[key].dtype) for key, value in values.items()})

    good = {"seeds": [0, 1], "truncation_psi": [0.7, 0.7], "labels": [0, -1]}
    for changes, message in BAD.values():
        with pytest.raises(tf.errors.InvalidArgumentError, match=message):
            ask(good | changes)
    assert ask(good)["images"].shape[0] == 2
