"""`dataset_info.json` and `features.json`: with them `tfds.builder_from_directory` opens a prepared folder."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from gansformer_tf.data.manifest import Manifest
from gansformer_tf.files import write_atomically

INFO, FEATURES, LABELS = "dataset_info.json", "features.json", "image-class-label.labels.txt"
_FEATURE = "tensorflow_datasets.core.features"


def write(folder: Path, manifest: Manifest) -> None:
    """Writes both files, and the names of the classes if there are any."""
    write_atomically(folder / FEATURES, _json(_features(manifest)))
    if manifest.class_names is not None:
        names = "".join(f"{name}\n" for name in manifest.class_names)
        write_atomically(folder / LABELS, names.encode("utf-8", "surrogateescape"))
    write_atomically(folder / INFO, _json(_info(manifest)))


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=2) + "\n").encode()


def _info(manifest: Manifest) -> dict[str, Any]:
    return {
        "name": re.sub(r"\W", "_", manifest.name),
        "version": "1.0.0",
        "description": f"{manifest.num_images} images of {manifest.height}x{manifest.width} pixels.",
        "fileFormat": "tfrecord",
        "splits": [
            {
                "name": "train",
                "filepathTemplate": f"{manifest.name}-{{SPLIT}}.{{FILEFORMAT}}-{{SHARD_X_OF_Y}}",
                "numBytes": str(sum(shard.num_bytes for shard in manifest.shards)),
                "shardLengths": [str(shard.num_images) for shard in manifest.shards],
            }
        ],
    }


def _features(manifest: Manifest) -> dict[str, Any]:
    image: dict[str, Any] = {
        "encoded": _image(manifest),
        "format": _text(),
        "filename": _text(),
        "height": _tensor("int64"),
        "width": _tensor("int64"),
    }
    if manifest.class_names is not None:
        label = {
            "pythonClassName": f"{_FEATURE}.class_label_feature.ClassLabel",
            "classLabel": {"numClasses": str(manifest.label_dim)},
        }
        image["class"] = _dict({"label": label})
    elif manifest.label_dim:
        image["class"] = _dict({"vector": _tensor("float32", (manifest.label_dim,))})
    return _dict({"image": _dict(image)})


def _image(manifest: Manifest) -> dict[str, Any]:
    shape = (manifest.height, manifest.width, manifest.channels)
    if manifest.encoding == "raw":
        return _tensor("uint8", shape, encoding="bytes")
    if manifest.encoding == "webp":  # TFDS decodes WebP to a tensor of rank 4 and fails: it gets the encoded bytes
        return _tensor("string")
    return {
        "pythonClassName": f"{_FEATURE}.image_feature.Image",
        "image": {"dtype": "uint8", "encodingFormat": manifest.encoding, "shape": _shape(shape)},
    }


def _dict(features: dict[str, Any]) -> dict[str, Any]:
    return {"pythonClassName": f"{_FEATURE}.features_dict.FeaturesDict", "featuresDict": {"features": features}}


def _text() -> dict[str, Any]:
    return {"pythonClassName": f"{_FEATURE}.text_feature.Text", "text": {}}


def _tensor(dtype: str, shape: tuple[int, ...] = (), encoding: str = "none") -> dict[str, Any]:
    return {
        "pythonClassName": f"{_FEATURE}.tensor_feature.Tensor",
        "tensor": {"dtype": dtype, "encoding": encoding, "shape": _shape(shape)},
    }


def _shape(shape: tuple[int, ...]) -> dict[str, Any]:
    return {"dimensions": [str(size) for size in shape]} if shape else {}
