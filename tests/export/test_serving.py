"""The contract of TensorFlow Serving: its messages over gRPC and its JSON over REST, asked by our client."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from tensorflow_serving.apis import get_model_metadata_pb2, prediction_service_pb2_grpc

from gansformer_tf.export import Client, ExportError, ServingError, export_saved_model
from gansformer_tf.export.client import image_inputs, main
from tests.export.models import model
from tests.export.prediction_service import ServedModel, grpc_server, rest_server

NAME = "labels"
REQUESTS = 200
NUM_SEEDS = 8


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> ServedModel:
    base = tmp_path_factory.mktemp("served") / "gansformer"
    export_saved_model(model(NAME), base, noise_mode="const")
    return ServedModel(base)


@pytest.fixture(scope="module")
def addresses(served: ServedModel) -> Iterator[dict[str, str]]:
    with grpc_server(served) as over_grpc, rest_server(served) as over_rest:
        yield {"grpc": over_grpc, "rest": over_rest}


@pytest.fixture(params=["grpc", "rest"])
def address(request: pytest.FixtureRequest, addresses: dict[str, str]) -> str:
    return addresses[request.param]


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    """uint8 images of the first seeds, drawn in Python, with classes from the seeds."""
    from gansformer_tf.drawing.sampler import Sampler

    samples = Sampler(model(NAME), truncation_psi=0.7, noise_mode="const", batch_size=NUM_SEEDS)
    return np.stack([sample.pixels for sample in samples.samples(range(NUM_SEEDS))])


def near(found: np.ndarray, expected: np.ndarray) -> bool:
    """Equal, but for the last bit: sums run in another order in another batch size."""
    return found.shape == expected.shape and np.abs(found.astype(int) - expected).max() <= 1


def test_images(address: str, images: np.ndarray) -> None:
    with Client(address) as client:
        found = client.images([3, 0], labels=[-1, -1])
        assert found.dtype == np.uint8
        assert near(found, images[[3, 0]])
        files = client.png([3, 0], truncation_psi=[0.7, 0.7], labels=[-1, -1])
        assert near(np.stack([tf.io.decode_png(file).numpy() for file in files]), images[[3, 0]])
        assert (client.images([3, 0], 1.0, labels=[-1, -1]) != found).any()


def test_any_signature(address: str) -> None:
    z = np.random.RandomState(0).standard_normal((1, 1, 8)).astype(np.float32)
    with Client(address) as client:
        w = client.predict("mapping", {"z": z, "truncation_psi": np.ones(1, np.float32), "labels": np.array([2])})["w"]
        images = client.predict("synthesis", {"w": w})["images"]
    expected = model(NAME).map(z, labels=tf.one_hot([2], 3))
    np.testing.assert_allclose(w, expected, atol=1e-5)
    np.testing.assert_allclose(images, model(NAME).synthesize(expected, noise_mode="const"), atol=1e-4)


def test_rows_over_rest(addresses: dict[str, str], images: np.ndarray) -> None:
    """The other form of JSON, as documented for curl."""
    rows = [{"seeds": seed, "truncation_psi": 0.7, "labels": -1} for seed in (5, 1)]
    body = json.dumps({"signature_name": "images", "instances": rows}).encode()
    with urllib.request.urlopen(f"{addresses['rest']}/v1/models/gansformer:predict", body, timeout=60) as response:
        assert near(np.array(json.load(response)["predictions"]), images[[5, 1]])


def test_metadata(addresses: dict[str, str], served: ServedModel) -> None:
    with grpc.insecure_channel(addresses["grpc"].removeprefix("grpc://")) as channel:
        request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
        request.model_spec.name = "gansformer"
        answer = prediction_service_pb2_grpc.PredictionServiceStub(channel).GetModelMetadata(request, timeout=60)
    signatures = get_model_metadata_pb2.SignatureDefMap()
    answer.metadata["signature_def"].Unpack(signatures)
    assert set(served.signatures) <= set(signatures.signature_def)
    inputs = signatures.signature_def["serving_default"].inputs
    assert {name: tf.as_dtype(info.dtype).name for name, info in inputs.items()} == {
        "seeds": "int64",
        "truncation_psi": "float32",
        "labels": "int64",
    }
    assert [dim.size for dim in inputs["seeds"].tensor_shape.dim] == [-1]


GOOD = image_inputs([0, 1], 0.7, [-1, -1])
BAD: dict[str, tuple[str, dict[str, np.ndarray]]] = {
    "seed out of range": ("images", GOOD | {"seeds": np.array([0, -1])}),
    "lengths": ("images", GOOD | {"truncation_psi": np.ones(3, np.float32)}),
    "rank": ("images", GOOD | {"seeds": np.array([[0, 1]])}),
    "empty": ("images", image_inputs([], 0.7, [])),
    "no psi": ("images", {"seeds": GOOD["seeds"], "labels": GOOD["labels"]}),
    "unknown input": ("images", GOOD | {"temperature": np.ones(2, np.float32)}),
    "class": ("images", GOOD | {"labels": np.array([0, 3])}),
    "shape of z": ("from_z", {"z": np.zeros((2, 1, 9), np.float32), **image_inputs([0, 1], 0.7, [0, 0])}),
    "infinite psi": ("serving_default", GOOD | {"truncation_psi": np.array([0.7, np.inf], np.float32)}),
}
BAD["shape of z"][1].pop("seeds")


@pytest.mark.parametrize("what", BAD)
def test_bad_requests_over_rest(what: str, addresses: dict[str, str]) -> None:
    with Client(addresses["rest"]) as client, pytest.raises(ServingError) as caught:
        client.predict(*BAD[what])
    assert caught.value.code == "INVALID_ARGUMENT"


def test_many_at_once(addresses: dict[str, str], images: np.ndarray) -> None:
    """200 requests at the same time: every good one gets its images, every bad one its refusal."""
    choice = random.Random(0)
    jobs: list[tuple[str, list[int]]] = []
    for index in range(REQUESTS):
        batch = choice.choice((1, 1, 2, 3, 5, NUM_SEEDS))
        jobs.append((choice.choice(list(BAD)) if index % 4 == 3 else "", choice.sample(range(NUM_SEEDS), batch)))
    with Client(addresses["grpc"], timeout=300) as client, ThreadPoolExecutor(REQUESTS) as threads:

        def ask(job: tuple[str, list[int]]) -> str:
            bad, seeds = job
            try:
                if bad:
                    client.predict(*BAD[bad])
                    return f"{bad}: was answered"
                return "" if near(client.images(seeds, 0.7, [-1] * len(seeds)), images[seeds]) else "wrong image"
            except ServingError as error:
                return "" if bad and error.code == "INVALID_ARGUMENT" else f"{bad}: {error.code} {error}"

        complaints = [answer for answer in threads.map(ask, jobs) if answer]
        assert complaints == []
        assert near(client.images([2], labels=[-1]), images[2:3]), "the server is alive"
    assert sum(bool(bad) for bad, _ in jobs) == REQUESTS // 4


def test_a_model_or_signature_that_is_not_there(address: str) -> None:
    with Client(address, model="other") as client, pytest.raises(ServingError) as caught:
        client.images([0])
    assert caught.value.code == "NOT_FOUND"
    with Client(address, version=7) as client, pytest.raises(ServingError, match="Servable not found"):
        client.images([0])
    with Client(address) as client, pytest.raises(ServingError, match="not found"):
        client.predict("nothing", {"seeds": np.array([0])})


def test_limits(address: str) -> None:
    with (
        Client(address, max_message_bytes=100) as client,
        pytest.raises(ServingError, match="fewer images") as caught,
    ):
        client.images([0, 1], labels=[-1, -1])
    assert caught.value.code == "RESOURCE_EXHAUSTED"
    with Client(address, timeout=1e-4) as client, pytest.raises(ServingError, match=r"within 0\.0001 s") as caught:
        client.images([0], labels=[-1])
    assert caught.value.code == "DEADLINE_EXCEEDED"


@pytest.mark.parametrize("scheme", ["grpc", "http"])
def test_no_server(scheme: str) -> None:
    with Client(f"{scheme}://127.0.0.1:9", timeout=20) as client, pytest.raises(ServingError, match="is it running"):
        client.images([0])


def test_the_rest_client_needs_no_tensorflow() -> None:
    code = (
        "import sys; sys.modules.update(tensorflow=None, keras=None, grpc=None)\n"
        "from gansformer_tf.export.client import main; sys.exit(main(['--url', 'http://127.0.0.1:9']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr.partition(": no server")[0]) == (1, "error: UNAVAILABLE")


@pytest.mark.parametrize(
    "url", ["localhost:8500", "ftp://host", "grpc://", "http://host:port", "http://host/v1/models"]
)
def test_bad_addresses(url: str) -> None:
    with pytest.raises(ExportError, match=r"no address"):
        Client(url)


def test_command_line(address: str, images: np.ndarray, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    folder = tmp_path / "images"
    common = ["--url", address, "--output-dir", str(folder)]
    assert main([*common, "--seeds", "0-3", "--labels", "from-seed", "--batch-size", "3"]) == 0
    assert capsys.readouterr().out == f"4 images written to {folder}.\n"
    assert sorted(path.name for path in folder.iterdir()) == [f"seed{seed:04d}.png" for seed in range(4)]
    for seed in range(4):
        assert near(np.asarray(Image.open(folder / f"seed{seed:04d}.png")), images[seed])
    for words, status, message in (
        (["--seeds", "3-1", "--labels", "0"], 2, "runs backwards"),
        (["--labels", "cat"], 2, "no list of class numbers"),
        (["--labels", "7"], 1, "INVALID_ARGUMENT"),
        (["--batch-size", "0"], 2, "at least 1"),
        (["--timeout", "-1"], 2, "timeout is -1"),
    ):
        assert main([*common, *words]) == status
        assert message in capsys.readouterr().err
