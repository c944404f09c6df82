"""Small sources of images for the tests, one per format."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

from gansformer_tf.data.records.example import encode_example
from gansformer_tf.data.records.tfrecord import frame


def random_image(seed: int, height: int = 20, width: int = 24, channels: int = 3) -> np.ndarray:
    """A smooth random image, uint8 `[H, W, C]`: JPEG keeps it nearly as it is."""
    random = np.random.RandomState(seed)
    corners = random.randint(0, 256, (2, 2, channels)).astype(np.float64)
    y, x = np.linspace(0, 1, height)[:, None, None], np.linspace(0, 1, width)[None, :, None]
    top, bottom = corners[0, 0] * (1 - x) + corners[0, 1] * x, corners[1, 0] * (1 - x) + corners[1, 1] * x
    return np.rint(top * (1 - y) + bottom * y).astype(np.uint8)


def encoded(array: np.ndarray, format: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(array if array.ndim == 2 or array.shape[2] > 1 else array[:, :, 0]).save(buffer, format, **options)
    return buffer.getvalue()


def random_images(count: int, **size: int) -> list[np.ndarray]:
    return [random_image(seed, **size) for seed in range(count)]


def make_folder(folder: Path, arrays: list[np.ndarray], suffix: str = ".png") -> Path:
    """Files in two sub-folders, `a` and `b`, by turns."""
    for index, array in enumerate(arrays):
        path = folder / "ab"[index % 2] / f"{index:03d}{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(array).save(path)
    return folder


def make_npy(folder: Path, arrays: list[np.ndarray]) -> Path:
    folder.mkdir(parents=True)
    np.save(folder / "many.npy", np.stack(arrays[:-1]))
    np.save(folder / "one.npy", arrays[-1])
    return folder


def make_hdf5(path: Path, arrays: list[np.ndarray], key: str = "data/images") -> Path:
    import h5py

    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        file[key] = np.stack(arrays)
        file["ids"] = np.arange(len(arrays))
    return path


def make_lmdb(folder: Path, arrays: list[np.ndarray]) -> Path:
    """LSUN's layout: values are image files."""
    import lmdb

    with lmdb.open(str(folder), map_size=1 << 24) as environment, environment.begin(write=True) as transaction:
        for index, array in enumerate(arrays):
            transaction.put(f"{index:08x}".encode(), encoded(array, "WEBP", lossless=True))
    return folder


def make_zip(path: Path, arrays: list[np.ndarray], labels: list[int] | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for index, array in enumerate(arrays):
            archive.writestr(f"00000/img{index:08d}.png", encoded(array))
        if labels is not None:
            rows = [[f"00000/img{index:08d}.png", label] for index, label in enumerate(labels)]
            archive.writestr("dataset.json", json.dumps({"labels": rows}))
    return path


def make_tfds(folder: Path, arrays: list[np.ndarray], labels: list[int]) -> Path:
    """What `tfds` writes for features `image` and `label`, in two shards."""
    folder.mkdir(parents=True)
    info = {
        "name": "pets",
        "version": "1.0.0",
        "fileFormat": "tfrecord",
        "splits": [{"name": "train", "shardLengths": [str(len(arrays) - 2), "2"]}],
    }
    features = {
        "featuresDict": {
            "features": {
                "image": {"image": {"encodingFormat": "png", "shape": {"dimensions": ["-1", "-1", "3"]}}},
                "label": {"classLabel": {"numClasses": "2"}},
            }
        }
    }
    (folder / "dataset_info.json").write_text(json.dumps(info))
    (folder / "features.json").write_text(json.dumps(features))
    (folder / "label.labels.txt").write_text("cat\ndog\n")
    rows = [{"image": encoded(array), "label": label} for array, label in zip(arrays, labels, strict=True)]
    for index, part in enumerate((rows[:-2], rows[-2:])):
        path = folder / f"pets-train.tfrecord-{index:05d}-of-00002"
        path.write_bytes(b"".join(frame(encode_example(row)) for row in part))
    return folder


def make_original(folder: Path, arrays: list[np.ndarray], labels: list[int] | None = None, shards: int = 2) -> Path:
    """Records of the original code: image j in shard j mod n, labels in the order of adding."""
    folder.mkdir(parents=True)
    level = int(np.log2(arrays[0].shape[1]))
    for shard in range(shards):
        with (folder / f"old-r{level:02d}.tfrecords{shard + 1}of{shards}").open("wb") as file:
            for array in arrays[shard::shards]:
                pixels = array.transpose(2, 0, 1)
                file.write(frame(encode_example({"shape": list(pixels.shape), "data": pixels.tobytes()})))
    if labels is not None:
        with (folder / "old-rxx.labels").open("wb") as file:
            np.save(file, np.eye(max(labels) + 1, dtype=np.float32)[labels])
    return folder
