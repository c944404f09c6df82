"""Requests to TensorFlow Serving over its REST interface; needs NumPy alone."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any

import numpy as np

from gansformer_tf.export.errors import ServingError

# A lone output comes without its name, and JSON has no types.
_LONE_OUTPUTS = {
    "serving_default": "image_bytes",
    "from_z": "image_bytes",
    "mapping": "w",
    "attention_maps": "layer00",
    "attention_maps_from_z": "layer00",
}
_CODES = {
    400: "INVALID_ARGUMENT",
    404: "NOT_FOUND",
    413: "RESOURCE_EXHAUSTED",
    429: "RESOURCE_EXHAUSTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


class RestTransport:
    """Requests to one model of a server.

    Args:
        base: `http://host:port` or `https://host:port`.
        model: Name of the model on the server.
        version: Its version; None: the newest.
        timeout: Seconds per request.
        max_message_bytes: Limit of one answer.
    """

    def __init__(self, base: str, model: str, version: int | None, timeout: float, max_message_bytes: int) -> None:
        self.base, self.timeout, self.max_message_bytes = base, timeout, max_message_bytes
        place = f"/versions/{version}" if version is not None else ""
        self.url = f"{base}/v1/models/{model}{place}:predict"

    def predict(self, signature: str, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Outputs of a signature by name.

        Raises:
            ServingError: The server refused, failed, or did not answer.
        """
        body = {"signature_name": signature, "inputs": {name: value.tolist() for name, value in inputs.items()}}
        answer = self._post(json.dumps(body).encode())
        try:
            outputs = json.loads(answer)["outputs"]
        except (ValueError, KeyError, TypeError) as error:
            raise ServingError("UNKNOWN", f"{self.base} does not answer like TensorFlow Serving.") from error
        if not isinstance(outputs, dict):
            outputs = {_LONE_OUTPUTS.get(signature, "images"): outputs}
        pixels = signature in ("images", "images_from_z")
        return {name: _array(value, np.uint8 if pixels else np.float32) for name, value in outputs.items()}

    def close(self) -> None:
        """Nothing is kept open."""

    def _post(self, body: bytes) -> bytes:
        request = urllib.request.Request(self.url, body, {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=self.timeout) as response:
                answer = response.read(self.max_message_bytes + 1)
        except urllib.error.HTTPError as error:
            raise ServingError(_CODES.get(error.code, f"HTTP_{error.code}"), _message(error)) from error
        except TimeoutError as error:
            raise self._too_late() from error
        except (urllib.error.URLError, http.client.HTTPException, OSError) as error:
            reason = getattr(error, "reason", None) or error
            if isinstance(reason, TimeoutError):
                raise self._too_late() from error
            raise ServingError(
                "UNAVAILABLE", f"no server answers at {self.base} ({reason}); is it running, and is this its REST port?"
            ) from error
        if len(answer) > self.max_message_bytes:
            raise ServingError(
                "RESOURCE_EXHAUSTED",
                f"the answer is larger than {self.max_message_bytes / 2**20:g} MiB; ask for fewer images at once, "
                "or raise the limit.",
            )
        return answer

    def _too_late(self) -> ServingError:
        return ServingError(
            "DEADLINE_EXCEEDED",
            f"no answer from {self.base} within {self.timeout:g} s; ask for fewer images or wait longer.",
        )


def _array(value: Any, dtype: type) -> np.ndarray:
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return np.array([base64.b64decode(entry["b64"]) for entry in value], object)
    return np.asarray(value, dtype)


def _message(error: urllib.error.HTTPError) -> str:
    """What the server says, in one line."""
    text = error.read(1 << 16).decode("utf-8", "replace")
    with contextlib.suppress(ValueError, KeyError, TypeError):  # else it is shown as it came
        text = json.loads(text)["error"]
    return " ".join(str(text).split()) or f"HTTP status {error.code}"
