"""`dataset_info.json` and `features.json`: with them `tfds.builder_from_directory` opens a prepared folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from gansformer_tf.data.manifest import Manifest


def write(folder: Path, manifest: Manifest) -> None:
    """Writes both files, and the names of the classes if there are any.

    A stop in the middle does no harm: the folder is complete when its manifest, the last file, is there.
    """
    import tensorflow_datasets as tfds  # only here: workers do without

    template = f"{manifest.name}-{{SPLIT}}.{{FILEFORMAT}}-{{SHARD_X_OF_Y}}"
    split = tfds.core.SplitInfo(
        name="train",
        shard_lengths=[shard.num_images for shard in manifest.shards],
        num_bytes=sum(shard.num_bytes for shard in manifest.shards),
        filename_template=tfds.core.ShardedFileTemplate(data_dir=folder, template=template),
    )
    tfds.folder_dataset.write_metadata(
        data_dir=folder,
        features=_features(tfds.features, manifest),
        split_infos=[split],
        filename_template=template,
        check_data=False,
        description=f"{manifest.num_images} images of {manifest.height}x{manifest.width} pixels.",
    )


def _features(features: Any, manifest: Manifest) -> dict[str, Any]:
    image = {
        "encoded": _image(features, manifest),
        "format": features.Text(),
        "filename": features.Text(),
        "height": features.Scalar(np.int64),
        "width": features.Scalar(np.int64),
    }
    if manifest.class_names is not None:
        names = [os.fsencode(name).decode(errors="backslashreplace") for name in manifest.class_names]
        image["class"] = {"label": features.ClassLabel(names=names)}
    elif manifest.label_dim:
        image["class"] = {"vector": features.Tensor(shape=(manifest.label_dim,), dtype=np.float32)}
    return {"image": image}


def _image(features: Any, manifest: Manifest) -> Any:
    shape = (manifest.height, manifest.width, manifest.channels)
    if manifest.encoding == "raw":
        return features.Tensor(shape=shape, dtype=np.uint8, encoding="bytes")
    if manifest.encoding == "webp":  # TFDS decodes WebP to a tensor of rank 4 and fails: it gets the encoded bytes
        return features.Scalar(np.object_)
    return features.Image(shape=shape, encoding_format=manifest.encoding)
