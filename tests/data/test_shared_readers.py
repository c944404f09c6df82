"""Images are opened, folders walked and paths handed to TensorFlow in few places, whose rules then hold everywhere."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "gansformer_tf"
# calls by their name, and who may make them: with the reason where it is not the shared function itself
OWNERS = {
    "Image.open": {
        "data/images/decode.py",
        "data/images/header.py",  # size and mode alone
        "training/report.py",  # sheets that the same run has written
    },
    "tf.io.decode_jpeg": {"data/read/pipeline.py"},  # records that `prepare` has written or `zip_archive` has checked
    "tf.io.decode_png": {"data/read/pipeline.py"},
    "tf.io.decode_image": {"data/read/pipeline.py"},
    "tf.image.decode_image": set(),
    "keras.utils.load_img": set(),
    "keras.utils.image_dataset_from_directory": set(),
    "os.walk": set(),
    ".walk": set(),
    # archives: every image of a user's comes from the first two
    "zipfile.ZipFile": {
        "data/sources/zip.py",
        "data/read/zip_archive.py",
        "data/sources/arrays.py",
        "data/download/unpack.py",
        "convert/torch_file.py",
        "convert/vqgan_checkpoint.py",
    },
    "tarfile.open": {"data/download/unpack.py"},
    "glob.glob": set(),
    "os.scandir": {"data/sources/walk.py"},
    "os.listdir": {"data/records/original.py"},  # TFRecords by their names
    # those below look through folders that the program itself has written: by its own names, never for images of a user
    ".glob": {
        "api/sources.py",
        "cli/project.py",  # what an interrupted projection left
        "convert/vqgan.py",
        "data/prepare/state.py",
        "hub/card.py",
        "pretrained/__init__.py",
        "training/checkpoint.py",
        "training/recorder.py",
        "training/report.py",
        "training/run_dir.py",
        "training/samples.py",
    },
    ".rglob": {"export/folders.py", "training/run_dir.py"},
    ".iterdir": {
        "api/sources.py",
        "cli/project.py",
        "data/prepare/state.py",
        "data/sources/open.py",  # whether arrays lie there; what is read comes from the walk
        "export/folders.py",
        "hub/upload.py",
        "models/snapshot.py",
        "training/checkpoint.py",
        "training/run_dir.py",
    },
    # TensorFlow reads some paths as patterns: `files.without_pattern` stands before these, or the place is refused
    "tf.train.Checkpoint": {"training/checkpoint.py"},
    "tf.train.load_checkpoint": {"training/checkpoint.py"},
    "tf.saved_model.save": {"export/saved_model.py"},
    # these two do not
    "tf.summary.create_file_writer": {"training/logs.py"},
    "tf.io.TFRecordWriter": {"export/warmup.py"},
    "tf.data.TFRecordDataset": set(),
    "tf.io.read_file": set(),
    "tf.saved_model.load": set(),
    "tf.train.latest_checkpoint": set(),
}


TREES = {
    file.relative_to(PACKAGE).as_posix(): ast.parse(file.read_text(encoding="utf-8")) for file in PACKAGE.rglob("*.py")
}


def calls(name: str) -> set[str]:
    """Files of the package that call a function, or a method where the name begins with a dot, under this name."""

    def is_meant(call: ast.Call) -> bool:
        called = ast.unparse(call.func)
        return called.endswith(name) if name.startswith(".") else called == name

    return {
        file for file, tree in TREES.items() for node in ast.walk(tree) if isinstance(node, ast.Call) and is_meant(node)
    }


@pytest.mark.parametrize("name", OWNERS)
def test_only_the_shared_functions_read(name):
    assert calls(name) == OWNERS[name]
