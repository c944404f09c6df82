"""Stand-ins for TensorFlow Serving on an exported model: its gRPC service and its REST interface.

The server itself is in no package registry. These keep its contract: the messages of tensorflow-serving-api, its status
codes, and its rules for JSON (https://www.tensorflow.org/tfx/serving/api_rest).
"""

from __future__ import annotations

import base64
import contextlib
import json
import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow_serving.apis import get_model_metadata_pb2, predict_pb2, prediction_service_pb2_grpc

MODEL = "gansformer"
DEFAULT_SIGNATURE = "serving_default"


class RefusedError(Exception):
    """A request that the server refuses: a status code and why."""

    def __init__(self, code: grpc.StatusCode, message: str) -> None:
        super().__init__(message)
        self.code = code


class ServedModel:
    """The newest version below a folder, as a server loads it."""

    def __init__(self, base: str | Path) -> None:
        versions = [entry for entry in Path(base).iterdir() if entry.name.isdecimal()]
        self.folder = max(versions, key=lambda entry: int(entry.name))
        self.version = int(self.folder.name)
        self.loaded = tf.saved_model.load(str(self.folder))
        self.signatures = dict(self.loaded.signatures)

    def signature(self, model: str, version: int | None, name: str) -> tuple[Any, dict[str, tf.TensorSpec]]:
        if model != MODEL or version not in (None, self.version):
            raise RefusedError(grpc.StatusCode.NOT_FOUND, f"Servable not found for request: Latest({model})")
        name = name or DEFAULT_SIGNATURE
        if name not in self.signatures:
            raise RefusedError(grpc.StatusCode.FAILED_PRECONDITION, f'Serving signature key "{name}" not found.')
        function = self.signatures[name]
        return function, dict(function.structured_input_signature[1])

    def run(self, function: Any, specs: dict[str, tf.TensorSpec], inputs: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        if set(inputs) != set(specs):
            message = f"input tensor names {sorted(inputs)} do not match the signature's {sorted(specs)}"
            raise RefusedError(grpc.StatusCode.INVALID_ARGUMENT, message)
        for name, spec in specs.items():
            if not spec.is_compatible_with(inputs[name]):
                message = f"{name} is {inputs[name].dtype.name} {inputs[name].shape}, the signature takes {spec}"
                raise RefusedError(grpc.StatusCode.INVALID_ARGUMENT, message)
        try:
            return function(**inputs)
        except tf.errors.InvalidArgumentError as error:
            raise RefusedError(grpc.StatusCode.INVALID_ARGUMENT, str(error.message)) from error


class PredictionService(prediction_service_pb2_grpc.PredictionServiceServicer):
    """Predict and GetModelMetadata."""

    def __init__(self, model: ServedModel) -> None:
        self.model = model

    def Predict(self, request: Any, context: Any) -> Any:
        try:
            spec = request.model_spec
            version = spec.version.value if spec.HasField("version") else None
            function, specs = self.model.signature(spec.name, version, spec.signature_name)
            try:
                inputs = {name: tf.constant(tf.make_ndarray(tensor)) for name, tensor in request.inputs.items()}
            except (TypeError, ValueError) as error:
                raise RefusedError(grpc.StatusCode.INVALID_ARGUMENT, f"a tensor cannot be read: {error}") from error
            outputs = self.model.run(function, specs, inputs)
        except RefusedError as error:
            context.abort(error.code, str(error))
        response = predict_pb2.PredictResponse()
        response.model_spec.CopyFrom(spec)
        for name, value in outputs.items():
            response.outputs[name].CopyFrom(tf.make_tensor_proto(value.numpy()))
        return response

    def GetModelMetadata(self, request: Any, context: Any) -> Any:
        saved = saved_model_pb2.SavedModel.FromString((self.model.folder / "saved_model.pb").read_bytes())
        metadata = get_model_metadata_pb2.SignatureDefMap()
        for name, definition in saved.meta_graphs[0].signature_def.items():
            metadata.signature_def[name].CopyFrom(definition)
        response = get_model_metadata_pb2.GetModelMetadataResponse()
        response.model_spec.name = MODEL
        response.metadata["signature_def"].Pack(metadata)
        return response


@contextlib.contextmanager
def grpc_server(model: ServedModel, workers: int = 4) -> Iterator[str]:
    """Gives the address of a gRPC server on the loopback interface."""
    server = grpc.server(
        ThreadPoolExecutor(workers),
        options=[("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)],
    )
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(PredictionService(model), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"grpc://127.0.0.1:{port}"
    finally:
        server.stop(None).wait()


@contextlib.contextmanager
def rest_server(model: ServedModel) -> Iterator[str]:
    """Gives the address of a server of the REST interface on the loopback interface."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            try:
                status, answer = 200, _answer(model, self.path, body)
            except RefusedError as error:
                status = 404 if error.code is grpc.StatusCode.NOT_FOUND else 400
                answer = {"error": str(error)}
            content = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *arguments: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _answer(model: ServedModel, path: str, body: bytes) -> dict[str, Any]:
    match = re.fullmatch(r"/v1/models/([^/:]+)(?:/versions/(\d+))?:predict", path)
    if not match:
        raise RefusedError(grpc.StatusCode.NOT_FOUND, f"Malformed request: POST {path}")
    request = json.loads(body)
    version = int(match[2]) if match[2] else None
    function, specs = model.signature(match[1], version, request.get("signature_name", ""))
    rows = "instances" in request
    values = _columns(request["instances"], specs) if rows else request["inputs"]
    if not isinstance(values, dict):  # a lone input may come without its name
        values = {next(iter(specs)): values}
    try:
        inputs = {
            name: tf.constant(np.asarray(value, specs[name].dtype.as_numpy_dtype if name in specs else None))
            for name, value in values.items()
        }
    except (TypeError, ValueError, OverflowError) as error:
        raise RefusedError(grpc.StatusCode.INVALID_ARGUMENT, f"JSON Value: {error}") from error
    outputs = {name: _json(name, value.numpy()) for name, value in model.run(function, specs, inputs).items()}
    if rows:
        count = len(next(iter(outputs.values())))
        lone = next(iter(outputs.values())) if len(outputs) == 1 else None
        return {"predictions": lone or [{name: value[row] for name, value in outputs.items()} for row in range(count)]}
    return {"outputs": next(iter(outputs.values())) if len(outputs) == 1 else outputs}


def _columns(instances: list[Any], specs: dict[str, Any]) -> dict[str, list[Any]]:
    if not isinstance(instances[0], dict):
        return {next(iter(specs)): instances}
    return {name: [instance[name] for instance in instances] for name in instances[0]}


def _json(name: str, value: np.ndarray) -> Any:
    if name.endswith("_bytes"):
        return [{"b64": base64.b64encode(entry).decode()} for entry in value]
    return value.tolist()
