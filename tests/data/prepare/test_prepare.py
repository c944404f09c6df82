"""Preparing: what is written, resumed, refused and left behind."""

from __future__ import annotations

import csv
import dataclasses
import errno
import hashlib
import json
import os

import numpy as np
import pytest
from PIL import Image

from gansformer_tf.config.base import ConfigError
from gansformer_tf.config.data import PrepareConfig, SourceOptions, image_size
from gansformer_tf.data import manifest as manifests
from gansformer_tf.data.manifest import DatasetError, read_manifest
from gansformer_tf.data.prepare.local_runner import local_runner
from gansformer_tf.data.prepare.prepare import prepare
from gansformer_tf.data.prepare.shard_writer import PrepareError
from gansformer_tf.data.prepare.state import FOLDER, Preparation
from gansformer_tf.data.read.open import read_info
from gansformer_tf.data.read.record_image import image_of
from gansformer_tf.data.read.records import Records
from gansformer_tf.data.records.example import decode_example
from gansformer_tf.data.sources.open import open_source
from gansformer_tf.data.spread import spread
from tests.data import makers

COUNT = 11
CONFIG = PrepareConfig(name="set", resolution=16, encoding="png", num_shards=3)


@pytest.fixture
def folder(tmp_path):
    return makers.make_folder(tmp_path / "in", makers.random_images(COUNT, height=16, width=16))


def content(folder) -> dict[str, str]:
    """Hash of every file of a data set."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def pixels(folder) -> list[np.ndarray]:
    info = read_info(folder)
    records = Records(info)
    return [image_of(records.read(number), info) for number in range(len(records))]


def test_what_is_written(tmp_path, folder):
    outcome = prepare(open_source(folder, None, SourceOptions(labels="folders")), CONFIG, tmp_path)
    manifest = read_manifest(tmp_path / "set")
    assert outcome.manifest == manifest and not outcome.already_done
    assert (manifest.num_images, manifest.height, manifest.width, manifest.channels) == (COUNT, 16, 16, 3)
    assert [shard.num_images for shard in manifest.shards] == [3, 4, 4]
    assert manifest.class_names == ("a", "b") and manifest.resize_filter == "lanczos"
    for shard in manifest.shards:
        data = (tmp_path / "set" / shard.file).read_bytes()
        assert hashlib.sha256(data).hexdigest() == shard.sha256 and len(data) == shard.num_bytes
    order = [*range(0, COUNT, 2), *range(1, COUNT, 2)]  # folder a, then b
    for found, number in zip(pixels(tmp_path / "set"), order, strict=True):
        np.testing.assert_array_equal(found, makers.random_image(number, 16, 16))
    first = decode_example(Records(read_info(tmp_path / "set")).read(0))
    assert set(first) == {
        *("image/encoded", "image/format", "image/height", "image/width", "image/filename", "image/class/label")
    }
    assert first["image/filename"] == [b"a/000.png"] and first["image/format"] == [b"png"]
    assert not (tmp_path / "set" / FOLDER).exists()


@pytest.mark.parametrize("encoding", ["png", "jpeg", "webp", "raw"])
def test_tfds_opens_it(tmp_path, folder, encoding):
    import tensorflow_datasets as tfds

    config = dataclasses.replace(CONFIG, name="my-set", encoding=encoding)
    prepare(open_source(folder, None, SourceOptions(labels="folders")), config, tmp_path)
    builder = tfds.builder_from_directory(str(tmp_path / "my-set"))
    assert builder.info.splits["train"].num_examples == COUNT
    assert builder.info.features["image"]["class"]["label"].names == ["a", "b"]
    rows = list(builder.as_dataset(split="train").as_numpy_iterator())
    assert [row["image"]["class"]["label"] for row in rows] == [0] * 6 + [1] * 5
    if encoding in ("png", "raw"):
        np.testing.assert_array_equal(rows[2]["image"]["encoded"], makers.random_image(4, 16, 16))
    elif encoding == "webp":  # TFDS cannot decode it, and gets the encoded bytes
        assert rows[2]["image"]["encoded"][8:12] == b"WEBP"


def test_tfds_opens_classes_that_are_no_text(tmp_path):
    import tensorflow_datasets as tfds

    for name in ("ok", os.fsdecode(b"b\xe9d")):
        makers.make_folder(tmp_path / "in" / name, makers.random_images(2, height=16, width=16))
    config = dataclasses.replace(CONFIG, name="my-set")
    prepare(open_source(tmp_path / "in", None, SourceOptions(labels="folders")), config, tmp_path)
    names = tfds.builder_from_directory(str(tmp_path / "my-set")).info.features["image"]["class"]["label"].names
    assert sorted(names) == [r"b\xe9d", "ok"]


def test_the_number_of_workers_does_not_matter(tmp_path, folder):
    for place, workers in (("one", 0), ("two", 2)):
        prepare(open_source(folder), CONFIG, tmp_path / place, runner=local_runner(workers))
    assert content(tmp_path / "one") == content(tmp_path / "two")


@pytest.mark.parametrize(
    ("resolution", "ratio", "size"),
    [
        (256, 1.0, (256, 256)),
        (256, 0.75, (192, 256)),
        (256, 0.7, (192, 256)),
        (256, 188 / 256, (192, 256)),
        (256, 0.5, (128, 256)),
        (64, 0.1, (16, 64)),
        (64, 1.5, (64, 48)),
        (64, 2.0, (64, 32)),
    ],
)
def test_sides_the_networks_can_have(resolution, ratio, size):
    assert image_size(resolution, ratio) == size
    height, width = size  # a grid of at most 4 per side, doubled
    assert height * 4 % resolution == 0 and width * 4 % resolution == 0


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"resolution": 100}, "--resolution 100: .*power of two.*choose 128"),
        ({"resolution": 4}, "--resolution 4"),
        ({"name": "../up"}, "'../up' becomes a folder"),
        ({"ratio": 0.0}, "--ratio is 0.0"),
        ({"encoding": "jpeg", "channels": 4}, "no room for the 4th channel.*png, webp or raw"),
        ({"encoding": "png", "quality": 90}, "--quality 90 has no meaning"),
        ({"encoding": "jpeg", "quality": 101}, "--quality is 101"),
        ({"num_shards": 0}, "--shards-num is 0"),
        ({"max_images": 0}, "--max-images is 0"),
    ],
)
def test_settings_that_are_refused(values, message):
    with pytest.raises(ConfigError, match=message):
        PrepareConfig(**{"name": "set", **values})


def test_max_images_keeps_all_classes(tmp_path, folder):
    config = dataclasses.replace(CONFIG, max_images=4)
    prepare(open_source(folder, None, SourceOptions(labels="folders")), config, tmp_path)
    records = Records(read_info(tmp_path / "set"))
    assert [decode_example(records.read(n))["image/class/label"][0] for n in range(4)] == [0, 0, 0, 1]
    assert list(spread(10, 3)) == [0, 3, 6] and list(spread(3, 10)) == [0, 1, 2]


def test_same_settings_again_is_done_and_others_are_refused(tmp_path, folder):
    prepare(open_source(folder), CONFIG, tmp_path)
    before = content(tmp_path / "set")
    assert prepare(open_source(folder), CONFIG, tmp_path).already_done
    with pytest.raises(DatasetError, match="resolution 16 there, 8 now.*Nothing was changed"):
        prepare(open_source(folder), dataclasses.replace(CONFIG, resolution=8), tmp_path)
    (folder / "a" / "000.png").unlink()
    with pytest.raises(DatasetError, match="num_items 11 there, 10 now"):
        prepare(open_source(folder), CONFIG, tmp_path)
    assert content(tmp_path / "set") == before


def test_a_folder_of_something_else_is_left_alone(tmp_path, folder):
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "thesis.txt").write_text("precious")
    with pytest.raises(DatasetError, match="holds other files; choose another"):
        prepare(open_source(folder), CONFIG, tmp_path)
    assert content(tmp_path / "set").keys() == {"thesis.txt"}


def test_two_at_once_are_refused(tmp_path, folder):
    first = Preparation(tmp_path / "set", {"settings": {}})
    with pytest.raises(DatasetError, match="another process is preparing"):
        prepare(open_source(folder), CONFIG, tmp_path)
    first.release()


class Killed(BaseException):
    """Stands for the end of the process."""


def test_an_end_at_any_step_is_resumed_to_the_same_bytes(tmp_path, folder, monkeypatch):
    prepare(open_source(folder), CONFIG, tmp_path / "whole")
    expected, replace = content(tmp_path / "whole"), os.replace
    for step in range(100):
        calls = iter(range(step + 1))

        def stop(source, target, calls=calls):
            if next(calls, None) is None:
                raise Killed
            replace(source, target)

        monkeypatch.setattr(os, "replace", stop)
        try:
            prepare(open_source(folder), CONFIG, tmp_path / str(step))
            break
        except Killed:
            pass
        with pytest.raises(DatasetError, match="not a complete data set"):
            read_info(tmp_path / str(step) / "set")
        shards = {path.name: path.stat() for path in (tmp_path / str(step) / "set").glob("*.tfrecord-*")}
        monkeypatch.setattr(os, "replace", replace)
        outcome = prepare(open_source(folder), CONFIG, tmp_path / str(step))
        assert outcome.kept_shards == len(shards)
        for name, status in shards.items():
            again = (tmp_path / str(step) / "set" / name).stat()
            assert (again.st_ino, again.st_mtime_ns) == (status.st_ino, status.st_mtime_ns)
        assert content(tmp_path / str(step)) == expected
    assert step >= 8  # plan, three shards with their states, lengths, manifest


def test_other_settings_cannot_continue_a_preparation(tmp_path, folder, monkeypatch):
    _prepare_part(tmp_path, folder, monkeypatch)
    with pytest.raises(DatasetError, match="was begun with other settings .encoding png there, raw now"):
        prepare(open_source(folder), dataclasses.replace(CONFIG, encoding="raw"), tmp_path)


def _prepare_part(tmp_path, folder, monkeypatch):
    calls = iter(range(3))  # plan, state and file of the first shard
    replace = os.replace

    def stop(source, target):
        if next(calls, None) is None:
            raise Killed
        replace(source, target)

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(os, "replace", stop)
        prepare(open_source(folder), CONFIG, tmp_path)


def test_disk_full(tmp_path, folder, monkeypatch):
    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(PrepareError, match="no space left.*run the same command again"):
            prepare(open_source(folder), CONFIG, tmp_path)
    left = [path.name for path in (tmp_path / "set").rglob("*") if path.is_file()]
    assert not [name for name in left if "tfrecord" in name or name.endswith((".tmp", ".json"))]
    assert not prepare(open_source(folder), CONFIG, tmp_path).already_done


def test_bad_images_are_skipped_and_listed(tmp_path, folder):
    (folder / "a" / "002.png").write_bytes(b"")
    (folder / "b" / "003.png").write_bytes(b"text")
    outcome = prepare(open_source(folder), CONFIG, tmp_path, runner=local_runner(2))
    assert (outcome.manifest.num_images, outcome.manifest.num_skipped) == (COUNT - 2, 2)
    rows = list(csv.reader((tmp_path / "set" / manifests.BAD_IMAGES).open()))
    assert rows == [
        ["file", "reason"],
        ["a/002.png", "the file is empty (0 bytes)"],
        ["b/003.png", "not a PNG, JPEG, WebP, BMP or GIF image"],
    ]
    assert len(pixels(tmp_path / "set")) == COUNT - 2


def test_stop_at_the_first_bad_image_and_go_on_after_repair(tmp_path, folder):
    good = (folder / "a" / "002.png").read_bytes()
    (folder / "a" / "002.png").write_bytes(good[:30])
    with pytest.raises(PrepareError, match="a/002.png: .*--on-error skip"):
        prepare(open_source(folder), CONFIG, tmp_path, on_error="stop")
    assert "a/002.png" in (tmp_path / "set" / manifests.BAD_IMAGES).read_text()
    (folder / "a" / "002.png").write_bytes(good)
    assert prepare(open_source(folder), CONFIG, tmp_path, on_error="stop").manifest.num_images == COUNT
    assert not (tmp_path / "set" / manifests.BAD_IMAGES).exists()


def test_no_image_at_all(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "x.png").write_bytes(b"text")
    with pytest.raises(PrepareError, match="none of the 1 images could be used .x.png: not a PNG"):
        prepare(open_source(tmp_path / "in"), CONFIG, tmp_path)
    makers.make_folder(tmp_path / "in", makers.random_images(3))  # repaired: the same command works
    assert prepare(open_source(tmp_path / "in"), CONFIG, tmp_path).manifest.num_images == 3


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"format_version": 99}'])
def test_damaged_manifests(tmp_path, text):
    (tmp_path / manifests.MANIFEST).write_text(text)
    with pytest.raises(DatasetError, match="damaged|update this package"):
        read_manifest(tmp_path)


def test_the_manifest_says_how_it_was_made(tmp_path, folder):
    prepare(open_source(folder), dataclasses.replace(CONFIG, resize_filter="box", fit="pad"), tmp_path)
    values = json.loads((tmp_path / "set" / manifests.MANIFEST).read_text())
    assert values["resize_filter"] == "box" and values["fit"] == "pad"
    assert values["source"]["format"] == "images" and values["source"]["place"] == str(folder)


def test_half_a_file_of_a_killed_process_is_removed(tmp_path, folder):
    (tmp_path / "set" / FOLDER).mkdir(parents=True)
    (tmp_path / "set" / ".record_lengths.npy.x1.tmp").write_bytes(b"half")
    prepare(open_source(folder, None, SourceOptions()), CONFIG, tmp_path)
    assert not [path for path in (tmp_path / "set").iterdir() if path.name.startswith(".")]


def test_what_was_converted_and_left_out_is_counted(tmp_path):
    place = tmp_path / "in"
    place.mkdir()
    image = Image.fromarray(makers.random_image(0))
    clear = Image.fromarray(np.dstack([makers.random_image(1), np.full((20, 24), 100, np.uint8)]))
    opaque = Image.fromarray(np.dstack([makers.random_image(1), np.full((20, 24), 255, np.uint8)]))
    files = {
        "0.png": image,
        "1.png": image.convert("L"),
        "2.png": clear,
        "3.png": opaque,
        "4.png": image.quantize(16),
        "5.png": Image.fromarray(makers.random_image(2, channels=1)[:, :, 0].astype(np.uint16) * 257),
        "6.jpg": image.convert("CMYK"),
    }
    for name, one in files.items():
        one.save(place / name)
    image.save(place / "7.gif", save_all=True, append_images=[clear.convert("RGB")])
    image.save(place / "8.tif")
    expected = {
        "CMYK (to RGB)": 1,
        "animated (first frame)": 1,
        "grey (to RGB)": 2,
        "of 16 bits (to 8)": 1,
        "transparent (over white)": 1,
    }
    for workers in (0, 2):
        config = PrepareConfig(f"set{workers}", resolution=16, num_shards=3)
        manifest = prepare(open_source(place), config, tmp_path, runner=local_runner(workers)).manifest
        assert manifest.converted == expected and manifest.left_out == {".tif": 1}
        assert manifest.num_images == 8
    grey = prepare(open_source(place), PrepareConfig("grey", resolution=16, channels=1), tmp_path).manifest
    assert grey.converted["coloured (to grey)"] == 6


def test_files_have_the_mode_that_the_umask_asks_for(tmp_path, folder):
    before = os.umask(0o027)
    try:
        out = prepare(open_source(folder), CONFIG, tmp_path).folder
    finally:
        os.umask(before)
    assert {oct(path.stat().st_mode & 0o777) for path in out.iterdir()} == {"0o640"}
