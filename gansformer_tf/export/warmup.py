"""Requests that TensorFlow Serving runs when it loads a model, so that the first user does not wait."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from gansformer_tf.export.signatures import input_specs

PLACE = Path("assets.extra") / "tf_serving_warmup_requests"
MODEL_NAME = "gansformer"
TRUNCATION_PSI = 0.7
# One image for each signature, and several for the one that is asked most.
BATCH_SIZES = {"serving_default": (1, 4)}


def write_warmup(folder: Path, signatures: Mapping[str, Any]) -> int:
    """Writes the warm-up requests of a SavedModel.

    Args:
        folder: Of the SavedModel.
        signatures: Concrete functions by name.

    Returns:
        How many there are.
    """
    from tensorflow_serving.apis import predict_pb2, prediction_log_pb2

    path = folder / PLACE
    path.parent.mkdir()
    count = 0
    with tf.io.TFRecordWriter(str(path)) as writer:
        for name, function in signatures.items():
            for batch in BATCH_SIZES.get(name, (1,)):
                request = predict_pb2.PredictRequest()
                request.model_spec.name = MODEL_NAME
                request.model_spec.signature_name = name
                for key, spec in input_specs(function).items():
                    request.inputs[key].CopyFrom(tf.make_tensor_proto(_example(key, spec, batch)))
                log = prediction_log_pb2.PredictionLog()
                log.predict_log.request.CopyFrom(request)
                writer.write(log.SerializeToString())
                count += 1
    return count


def _example(name: str, spec: tf.TensorSpec, batch: int) -> np.ndarray:
    """A value that the model takes for an input, `[batch, ...]`."""
    shape = (batch, *spec.shape[1:])
    if name == "truncation_psi":
        return np.full(shape, TRUNCATION_PSI, np.float32)
    if name == "seeds":
        return np.arange(batch, dtype=np.int64)
    if name == "labels":
        return np.zeros(shape, np.int64)
    return np.random.RandomState(0).standard_normal(shape).astype(np.float32)
