"""The FID Inception: names, weights and outputs of the published network, and files of weights from anywhere."""

from __future__ import annotations

import hashlib
import os
import pickle
import zipfile

import numpy as np
import pytest
from safetensors.numpy import save_file

from gansformer_tf.convert.errors import ForeignFileError
from gansformer_tf.convert.torch_file import read_torch_file
from gansformer_tf.data.download import cache
from gansformer_tf.metrics import inception_weights
from gansformer_tf.metrics.errors import MetricError
from gansformer_tf.metrics.inception import (
    TAPS,
    build_inception,
    check_weights,
    inception_input,
    random_weights,
    resize_tf1,
    weight_shapes,
)
from gansformer_tf.metrics.inception_weights import load_inception_weights, weights_hash
from gansformer_tf.metrics.networks import FeatureNetwork, as_rgb, feature_network
from tests.metrics.golden import FOLDER, arrays, values

DATA, EXPECTED = arrays("inception"), values("inception")
IMAGES = ("img0", "img1", "img3")


@pytest.fixture(scope="module")
def weights():
    return random_weights(EXPECTED["seed"])


@pytest.fixture(scope="module")
def network(weights):
    model = build_inception(weights, TAPS)
    return FeatureNetwork("tested", model, inception_input, "", "", batch_size=2)


def image(name):
    return DATA[f"{name}/uint8_chw"].transpose(1, 2, 0)


def test_names_and_shapes_are_the_published_ones():
    expected = {}
    for line in EXPECTED["weights"]:
        name, _, shape = line.partition(" ")
        expected[name] = tuple(int(size) for size in shape.split("x")) if shape else ()
    assert weight_shapes() == expected
    assert len(expected) == 566


def test_the_random_weights_are_those_of_the_recipe(weights):
    assert weights_hash(weights) == EXPECTED["weights_sha256"]


@pytest.mark.parametrize("name", IMAGES)
def test_resize(name, golden_row):
    resized = resize_tf1(image(name)[None]).numpy()[0].transpose(2, 0, 1)
    sample, total = DATA[f"{name}/resized_sub"], DATA[f"{name}/resized_sum"]
    golden_row(f"inception {name}", "resize", float(np.abs(resized[:, ::23, ::23] - sample).max() / 255), 1e-6)
    error = np.abs(resized.sum(axis=(1, 2), dtype=np.float64) / total - 1).max()
    golden_row(f"inception {name}", "resize sum", float(error), 1e-6)


@pytest.mark.parametrize("name", IMAGES)
def test_features_and_logits(network, name, golden_row):
    outputs = network._run(image(name)[None])
    for tap, found in zip(TAPS, outputs, strict=True):
        expected = DATA[f"{name}/{tap}"]
        error = np.abs(found.numpy()[0] - expected).max() / np.abs(expected).max()
        golden_row(f"inception {name}", tap, float(error), 1e-5)


def test_batches_do_not_change_features(network):
    random = np.random.RandomState(0)
    images = random.randint(0, 256, (5, 16, 24, 3), np.uint8)
    together, _ = network(images)
    single = np.concatenate([network(images[row : row + 1])[0] for row in range(5)])
    np.testing.assert_allclose(together, single, rtol=1e-5, atol=1e-6)


def test_grey_and_transparent_images_have_three_channels():
    images = np.random.RandomState(0).randint(0, 256, (2, 8, 8, 4), np.uint8)
    assert as_rgb(images).shape == (2, 8, 8, 3)
    assert (as_rgb(images[..., :1]) == images[..., :1]).all()
    with pytest.raises(MetricError, match="expected uint8"):
        as_rgb(images.astype(np.float64))


@pytest.mark.parametrize("form", ("zip", "stream"))
def test_torch_files_are_read_without_torch(form):
    found = read_torch_file(FOLDER / f"torch_{form}.pth")
    expected = np.arange(24, dtype=np.float32).reshape(2, 3, 2, 2).transpose(1, 0, 2, 3)
    np.testing.assert_array_equal(found["conv.weight"], expected)
    assert found["bn.num_batches_tracked"].shape == ()
    assert found["bn.num_batches_tracked"] == 7
    np.testing.assert_array_equal(found["fc.bias"], np.array([0.5, -1.5], np.float32))


class Command:
    def __reduce__(self):
        return os.system, ("touch RAN",)


@pytest.mark.parametrize("form", ("zip", "stream"))
def test_nothing_in_a_torch_file_is_run(tmp_path, monkeypatch, form):
    monkeypatch.chdir(tmp_path)
    evil = pickle.dumps({"fc.bias": Command()})
    if form == "zip":
        with zipfile.ZipFile("evil.pth", "w") as archive:
            archive.writestr("archive/data.pkl", evil)
    else:
        head = (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True})
        stream = b"".join(pickle.dumps(value) for value in head) + evil + pickle.dumps([])
        (tmp_path / "evil.pth").write_bytes(stream)
    with pytest.raises(ForeignFileError, match="system, which no file of weights needs"):
        read_torch_file(tmp_path / "evil.pth")
    assert not (tmp_path / "RAN").exists()


@pytest.mark.parametrize("form", ("zip", "stream"))
def test_every_cut_of_a_torch_file_is_an_error(tmp_path, form):
    whole = (FOLDER / f"torch_{form}.pth").read_bytes()
    path = tmp_path / "cut.pth"
    for length in range(0, len(whole) - 1, 13):
        path.write_bytes(whole[:length])
        with pytest.raises(ForeignFileError, match="PyTorch file of weights"):
            read_torch_file(path)


def test_weights_from_files(tmp_path, weights):
    save_file(weights, tmp_path / "mine.safetensors")
    found = load_inception_weights(str(tmp_path / "mine.safetensors"))
    checksum = hashlib.sha256((tmp_path / "mine.safetensors").read_bytes()).hexdigest()
    assert found.label == f"inception-{checksum[:8]}"  # never plain "inception", whose numbers are comparable
    assert weights_hash(found.arrays) == weights_hash(weights)


def test_the_published_checksum_makes_the_published_label(tmp_path, weights, monkeypatch):
    path = tmp_path / inception_weights.FILE
    save_file(weights, path.with_suffix(".safetensors"))
    checksum = hashlib.sha256(path.with_suffix(".safetensors").read_bytes()).hexdigest()
    monkeypatch.setattr(inception_weights, "SHA256", checksum)
    assert load_inception_weights(str(path.with_suffix(".safetensors"))).label == "inception"


def test_wrong_weights_are_named(tmp_path, weights):
    def refused(message, source="x.npz"):
        with pytest.raises(MetricError, match=message):
            load_inception_weights(str(tmp_path / source))

    refused("there is no such file")
    np.savez(tmp_path / "x.npz", **{"fc.bias": weights["fc.bias"]})
    refused("no weight 'Conv2d_1a_3x3.bn.bias'")
    (tmp_path / inception_weights.FILE).write_bytes(b"half a file")
    refused("SHA-256 .* damaged or another file", inception_weights.FILE)
    (tmp_path / "x.npz").write_bytes(b"half a file")
    refused("no readable npz")
    (tmp_path / "x.safetensors").write_bytes(b"half a file")
    refused("no readable safetensors", "x.safetensors")
    (tmp_path / "x.pth").write_bytes(b"half a file")
    refused("no usable PyTorch file of weights: it is damaged", "x.pth")
    for name, value, message in (
        ("more", np.zeros(1), "an unknown weight 'more'"),
        ("fc.bias", np.zeros(5), r"shape \(5,\) instead of \(1008,\)"),
        ("fc.bias", np.full(1008, np.nan), "'fc.bias' is not finite"),
    ):
        with pytest.raises(MetricError, match=message):
            check_weights({**weights, name: value})


@pytest.fixture
def server(tmp_path):
    import functools
    import http.server
    import threading

    folder = tmp_path / "served"
    folder.mkdir()
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=folder)
    handler.log_message = lambda *_: None  # type: ignore[attr-defined]
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as listening:
        thread = threading.Thread(target=listening.serve_forever, daemon=True)
        thread.start()
        yield folder, f"http://127.0.0.1:{listening.server_port}"
        listening.shutdown()


def test_auto_downloads_once_and_checks(tmp_path, monkeypatch, server):
    folder, address = server
    content = (FOLDER / "torch_zip.pth").read_bytes()
    (folder / "file.pth").write_bytes(content)
    monkeypatch.setenv(cache.CACHE_VARIABLE, str(tmp_path / "cache"))
    monkeypatch.setattr(inception_weights, "URLS", (f"{address}/missing.pth", f"{address}/file.pth"))
    cached = tmp_path / "cache" / inception_weights.FILE
    with pytest.raises(MetricError, match="cannot be downloaded .*404.*--inception-weights PATH"):
        load_inception_weights("auto")
    assert not cached.exists()  # its checksum is not the published one
    monkeypatch.setattr(inception_weights, "SHA256", hashlib.sha256(content).hexdigest())
    with pytest.raises(MetricError, match="no weight"):  # the right checksum: it is kept, and its content is read
        load_inception_weights("auto")
    (folder / "file.pth").unlink()
    with pytest.raises(MetricError, match="no weight"):
        load_inception_weights("auto")
    cached.write_bytes(content[:-1])
    with pytest.raises(MetricError, match="SHA-256 .* damaged or another file"):
        load_inception_weights("auto")


def test_random_networks_by_name():
    first = feature_network("keras:MobileNetV2:random-3", batch_size=2)
    second = feature_network("keras:MobileNetV2:random-3", batch_size=2)
    assert first.label == second.label == "keras-mobilenetv2-random-3"
    assert first.sha256 == second.sha256
    images = np.random.RandomState(0).randint(0, 256, (3, 8, 8, 1), np.uint8)
    features, logits = first(images)
    assert features.shape == (3, first.feature_dim)
    assert logits.shape == (3, 0)
    np.testing.assert_array_equal(features, second(images)[0])


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("vgg", "'vgg' is unknown"),
        ("inception:3", "is unknown"),
        ("inception-random:x", "is unknown"),
        ("keras:", "is unknown"),
        ("keras:ResNet51", "no application 'ResNet51'; choose one of: .*ResNet50"),
        ("keras:ResNet50:/no/file.h5", "cannot be built with weights '/no/file.h5'"),
    ],
)
def test_unknown_networks_are_named(name, message):
    with pytest.raises(MetricError, match=message):
        feature_network(name)
