"""Requests to TensorFlow Serving over gRPC."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from gansformer_tf.export.errors import ServingError, require_packages


class GrpcTransport:
    """One channel to a server, which any number of threads may use.

    Args:
        address: `host:port`.
        secure: Whether to use TLS.
        model: Name of the model on the server.
        version: Its version; None: the newest.
        timeout: Seconds per request.
        max_message_bytes: Limit of one message in both directions.

    Raises:
        ExportError: tensorflow-serving-api or grpcio is not installed.
    """

    def __init__(
        self, address: str, secure: bool, model: str, version: int | None, timeout: float, max_message_bytes: int
    ) -> None:
        require_packages(("grpc", "tensorflow_serving"), "serving", "a gRPC client")
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
        import grpc
        from tensorflow_serving.apis import prediction_service_pb2_grpc

        self.address, self.model, self.version, self.timeout = address, model, version, timeout
        self.max_message_bytes = max_message_bytes
        options = [("grpc.max_send_message_length", max_message_bytes)]
        options += [("grpc.max_receive_message_length", max_message_bytes)]
        if secure:
            self.channel = grpc.secure_channel(address, grpc.ssl_channel_credentials(), options=options)
        else:
            self.channel = grpc.insecure_channel(address, options=options)
        self.stub = prediction_service_pb2_grpc.PredictionServiceStub(self.channel)

    def predict(self, signature: str, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Outputs of a signature by name.

        Raises:
            ServingError: The server refused, failed, or did not answer.
        """
        import grpc
        import tensorflow as tf
        from tensorflow_serving.apis import predict_pb2

        request = predict_pb2.PredictRequest()
        request.model_spec.name = self.model
        request.model_spec.signature_name = signature
        if self.version is not None:
            request.model_spec.version.value = self.version
        for name, value in inputs.items():
            request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
        try:
            response = self.stub.Predict(request, timeout=self.timeout)
        except grpc.RpcError as error:
            raise self._explained(error) from error
        return {name: tf.make_ndarray(tensor) for name, tensor in response.outputs.items()}

    def close(self) -> None:
        """Ends the connection."""
        self.channel.close()

    def _explained(self, error: Any) -> ServingError:
        code, details = error.code().name, error.details() or "no details"
        if code == "UNAVAILABLE":
            details = f"no server answers at {self.address} ({details}); is it running, and is this its gRPC port?"
        elif code == "DEADLINE_EXCEEDED":
            details = f"no answer from {self.address} within {self.timeout:g} s; ask for fewer images or wait longer."
        elif code == "RESOURCE_EXHAUSTED":
            limit = self.max_message_bytes / 2**20
            details = f"{details} (limit here: {limit:g} MiB); ask for fewer images at once, or raise the limit."
        return ServingError(code, details)
