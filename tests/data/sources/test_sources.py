"""Every source gives the same images, and labels where it has some."""

from __future__ import annotations

import os
import pickle

import numpy as np
import pytest

from gansformer_tf.config.data import SourceOptions
from gansformer_tf.data.images.decode import BadImageError, decode, from_array
from gansformer_tf.data.sources.base import NameTable, SourceError, runs
from gansformer_tf.data.sources.open import guess_format, open_source
from tests.data import makers

COUNT = 7
LABELS = [0, 1, 1, 0, 1, 0, 0]


@pytest.fixture(scope="module")
def arrays():
    return makers.random_images(COUNT, height=16, width=16)


def make(format: str, place, arrays, labels=LABELS):
    place.mkdir(exist_ok=True)
    if format in ("png", "images"):
        return makers.make_folder(place / "folder", arrays)
    if format == "npy":
        return makers.make_npy(place / "npy", arrays)
    if format == "hdf5":
        return makers.make_hdf5(place / "all.h5", arrays)
    if format == "lmdb":
        return makers.make_lmdb(place / "lmdb", arrays)
    if format == "zip":
        return makers.make_zip(place / "all.zip", arrays, labels)
    if format == "tfds":
        return makers.make_tfds(place / "tfds" / "1.0.0", arrays, labels)
    return makers.make_original(place / "old", arrays, labels)


def read_all(source, indices=None):
    pixels = []
    for item in source.read(range(len(source)) if indices is None else indices):
        assert item.problem is None, item
        image = decode(item.encoded) if item.encoded is not None else from_array(item.array)
        pixels.append(np.asarray(image))
    return pixels


@pytest.mark.parametrize("format", ["png", "npy", "hdf5", "lmdb", "zip", "tfds", "tfrecords"])
def test_source(format, tmp_path, arrays):
    place = make(format, tmp_path, arrays)
    source = open_source(place, format)
    assert len(source) == COUNT
    order = [0, 2, 4, 6, 1, 3, 5] if format == "png" else range(COUNT)  # sub-folders a and b
    for pixels, number in zip(read_all(source), order, strict=True):
        np.testing.assert_array_equal(pixels, arrays[number])
    # any part, also after a journey to another process
    again = pickle.loads(pickle.dumps(source))
    for pixels, number in zip(read_all(again, [1, 4, 5]), np.array(order)[[1, 4, 5]], strict=True):
        np.testing.assert_array_equal(pixels, arrays[number])
    assert len({source.name(index) for index in range(COUNT)}) == COUNT
    assert guess_format(place) == {"png": "images"}.get(format, format)
    if format in ("zip", "tfds", "tfrecords"):
        assert [item.label for item in source.read(range(COUNT))] == LABELS
        assert source.class_names == (("cat", "dog") if format == "tfds" else ("0", "1"))
    # the same content has the same identity, another content has not
    other = make(format, tmp_path / "other", [*arrays, arrays[0]], [*LABELS, 0])
    assert open_source(place, format).identity() == source.identity() != open_source(other, format).identity()


def test_channels_first_and_float_arrays(tmp_path, arrays):
    np.save(tmp_path / "a.npy", np.stack(arrays).transpose(0, 3, 1, 2).astype(np.float32) / 127.5 - 1)
    options = SourceOptions(value_range=(-1, 1))
    source = open_source(tmp_path / "a.npy", None, options)
    for item, expected in zip(source.read(range(COUNT)), arrays, strict=True):
        np.testing.assert_array_equal(np.asarray(from_array(item.array, (-1, 1))), expected)
    with pytest.raises(SourceError, match="float32 values: say what black and white are"):
        open_source(tmp_path / "a.npy")


def test_options_that_nothing_reads_are_refused(tmp_path, arrays):
    np.save(tmp_path / "a.npy", np.stack(arrays))
    hdf5 = makers.make_hdf5(tmp_path / "a.h5", arrays)
    folder = makers.make_folder(tmp_path / "png", arrays)
    for place, options, message in [
        (tmp_path / "a.npy", {"value_range": (0, 1)}, "a.npy holds uint8 values, whose black and white are known"),
        (hdf5, {"value_range": (0, 1)}, "images holds uint8 values, whose black and white are known"),
        (tmp_path / "a.npy", {"array_key": "x"}, "one array each; leave --array-key out"),
        (folder, {"array_key": "x"}, "--array-key belongs to --format npy or hdf5, .* is images; leave it out"),
        (folder, {"value_range": (0, 1)}, "--value-range belongs to --format npy or hdf5 or lmdb"),
        (hdf5, {"split": "test"}, "--split belongs to --format tfds"),
        (hdf5, {"array_shape": (8, 8)}, "--array-shape belongs to --format lmdb"),
    ]:
        with pytest.raises(SourceError, match=message):
            open_source(place, None, SourceOptions(**options))
    with pytest.raises(BadImageError, match="uint8 values, whose black and white are known; leave --value-range out"):
        from_array(arrays[0], (0, 1))


def test_encoded_files_in_hdf5(tmp_path, arrays):
    import h5py

    with h5py.File(tmp_path / "a.h5", "w") as file:
        values = file.create_dataset("jpegs", COUNT, h5py.vlen_dtype(np.uint8))
        for index, array in enumerate(arrays):
            values[index] = np.frombuffer(makers.encoded(array), np.uint8)
    for pixels, expected in zip(read_all(open_source(tmp_path / "a.h5")), arrays, strict=True):
        np.testing.assert_array_equal(pixels, expected)


@pytest.mark.parametrize("layout", ["plain", "npy"])
def test_raw_arrays_in_lmdb(tmp_path, arrays, layout):
    import io

    import lmdb

    def value(array):
        buffer = io.BytesIO()
        np.save(buffer, array)
        return array.tobytes() if layout == "plain" else buffer.getvalue()

    with lmdb.open(str(tmp_path), map_size=1 << 24) as environment, environment.begin(write=True) as transaction:
        for index, array in enumerate(arrays):
            transaction.put(b"%08d" % index, value(array))
    options = SourceOptions(array_shape=(16, 16, 3) if layout == "plain" else None)
    for pixels, expected in zip(read_all(open_source(tmp_path, "lmdb", options)), arrays, strict=True):
        np.testing.assert_array_equal(pixels, expected)


def test_own_data_sets_are_tfds_sources(tmp_path, arrays):
    from gansformer_tf.config.data import PrepareConfig
    from gansformer_tf.data.prepare.prepare import prepare

    folder = makers.make_folder(tmp_path / "in", arrays)
    for encoding in ("png", "webp", "raw"):
        config = PrepareConfig(name=encoding, resolution=16, encoding=encoding)
        prepare(open_source(folder, None, SourceOptions(labels="folders")), config, tmp_path)
        source = open_source(tmp_path / encoding)
        assert source.format == "tfds" and source.class_names == ("a", "b")
        np.testing.assert_array_equal(read_all(source)[1], arrays[2])


def test_array_record_files(tmp_path, arrays):
    writer = pytest.importorskip("array_record.python.array_record_module").ArrayRecordWriter
    import json

    from gansformer_tf.data.records.example import encode_example

    folder = makers.make_tfds(tmp_path / "x", arrays, LABELS)
    info = json.loads((folder / "dataset_info.json").read_text())
    info["fileFormat"] = "array_record"
    info["splits"][0]["shardLengths"] = [str(COUNT)]
    (folder / "dataset_info.json").write_text(json.dumps(info))
    file = writer(str(folder / "pets-train.array_record-00000-of-00001"), "group_size:1")
    for array in arrays:
        file.write(encode_example({"image": makers.encoded(array), "label": 1}))
    file.close()
    np.testing.assert_array_equal(read_all(open_source(folder))[3], arrays[3])


def test_original_records_of_the_original_writer():
    golden = "tests/golden/tfrecords/tinyset"
    expected = np.load("tests/golden/tfrecords/tinyset.npz")
    source = open_source(golden, "tfrecords")
    items = list(source.read(range(len(source))))
    images = expected["images"] if "images" in expected else expected[expected.files[0]]
    np.testing.assert_array_equal(np.stack([item.array for item in items]), np.rint(images).astype(np.uint8))
    labels = expected["labels"]
    assert [item.label for item in items] == labels.argmax(axis=1).tolist()


def test_folder_follows_links_but_no_loops(tmp_path, arrays):
    makers.make_folder(tmp_path / "in", arrays[:2])
    (tmp_path / "in" / "a" / "loop").symlink_to(tmp_path / "in")
    makers.make_folder(tmp_path / "elsewhere", arrays[2:4])
    (tmp_path / "in" / "link").symlink_to(tmp_path / "elsewhere")
    assert len(open_source(tmp_path / "in", "png")) == 4


def test_formats_choose_their_files(tmp_path, arrays):
    makers.make_folder(tmp_path, arrays[:2])
    makers.make_folder(tmp_path, arrays[:4], ".jpg")
    makers.make_folder(tmp_path, arrays[:1], ".webp")
    assert [len(open_source(tmp_path, format)) for format in ("png", "jpg", "images")] == [3, 5, 7]


def test_sources_that_cannot_be_used(tmp_path, arrays):
    cases = [
        (tmp_path / "missing", "png", "does not exist"),
        (tmp_path, "png", "holds no .png"),
        (tmp_path / "missing.h5", "hdf5", "does not exist"),
        (tmp_path / "missing.npy", "npy", "does not exist"),
        (tmp_path, "lmdb", "holds no LMDB"),
        (tmp_path, "tfds", "no TFDS folder"),
        ("Not A Name", "tfds", "neither a folder nor a TFDS name"),
        (tmp_path, "tfrecords", "holds no <name>-r<XX>.tfrecords"),
        (tmp_path / "missing.zip", "zip", "does not exist"),
        (tmp_path / "missing", None, "does not exist"),
    ]
    for place, format, message in cases:
        with pytest.raises(SourceError, match=message):
            open_source(place, format)
    two = makers.make_hdf5(tmp_path / "two.h5", arrays)
    import h5py

    with h5py.File(two, "a") as file:
        file["more"] = np.stack(arrays)
    with pytest.raises(SourceError, match="has 2 data sets of images .data/images, more.; choose one"):
        open_source(two)
    with pytest.raises(SourceError, match="no data set of images named 'nope'"):
        open_source(two, None, SourceOptions(array_key="nope"))
    assert len(open_source(two, None, SourceOptions(array_key="/more"))) == COUNT
    makers.make_tfds(tmp_path / "t", arrays, LABELS)
    with pytest.raises(SourceError, match="no split 'test'; it has: train"):
        open_source(tmp_path / "t", None, SourceOptions(split="test"))


def test_half_copied_lmdb_is_refused(tmp_path):
    makers.make_lmdb(tmp_path / "l", makers.random_images(40, height=64, width=64))
    file = tmp_path / "l" / "data.mdb"
    os.truncate(file, file.stat().st_size // 2)
    with pytest.raises(SourceError, match="copied only in part"):
        open_source(tmp_path / "l")


def test_name_table_and_runs():
    names = [f"{index}/é" for index in range(3000)]
    table = NameTable(names)
    assert len(table) == 3000 and list(table) == names and table[2999] == "2999/é"
    assert list(runs([1, 2, 3, 7, 8, 9, 10], 3)) == [(1, 4), (7, 10), (10, 11)]
    assert list(runs([], 3)) == []
