"""The training input: a function of seed and step, whatever the batch size; damage is named."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from gansformer_tf.config.data import PrepareConfig, SourceOptions
from gansformer_tf.data.manifest import LENGTHS, DatasetError, read_manifest
from gansformer_tf.data.prepare.prepare import prepare
from gansformer_tf.data.read.epoch_order import EpochOrder
from gansformer_tf.data.read.open import read_info
from gansformer_tf.data.read.pipeline import corrupt_record, training_dataset
from gansformer_tf.data.read.verify import verify
from gansformer_tf.data.records.tfrecord import CorruptRecordError
from gansformer_tf.data.sources.open import open_source
from tests.data import makers

COUNT = 11
ROOT = Path(__file__).parents[3]


def make(place: Path, arrays=None, labels: str | None = "folders", **settings: object) -> Path:
    arrays = makers.random_images(COUNT, height=16, width=16) if arrays is None else arrays
    folder = makers.make_folder(place / "in", arrays)
    config = PrepareConfig(**{"name": "set", "resolution": 16, "encoding": "png", "num_shards": 3, **settings})
    prepare(open_source(folder, None, SourceOptions(labels=labels)), config, place)
    return place / "set"


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return make(tmp_path_factory.mktemp("data"))


def take(place, steps: int, **options) -> list[dict[str, np.ndarray]]:
    options = {"batch_size": 4, "seed": 5, **options}
    return list(training_dataset(place, **options).take(steps).as_numpy_iterator())


def images(batches) -> np.ndarray:
    return np.concatenate([batch["image"] for batch in batches])


def test_shapes_and_types(data):
    dataset = training_dataset(data, batch_size=4, seed=1, use_labels=True)
    assert dataset.element_spec == {
        "image": tf.TensorSpec((4, 16, 16, 3), tf.uint8),
        "label": tf.TensorSpec((4, 2), tf.float32),
    }
    assert training_dataset(data, batch_size=4, seed=1).element_spec["label"].shape == (4, 0)


def test_every_epoch_holds_every_image_once_in_another_order(data):
    found = images(take(data, 3 * COUNT, batch_size=1))
    numbers = [next(n for n in range(COUNT) if (makers.random_image(n, 16, 16) == one).all()) for one in found]
    epochs = [numbers[:COUNT], numbers[COUNT : 2 * COUNT], numbers[2 * COUNT :]]
    assert all(sorted(epoch) == list(range(COUNT)) for epoch in epochs)
    assert epochs[0] != epochs[1] != epochs[2]


def test_the_sequence_does_not_depend_on_the_batch_size(data):
    one = images(take(data, 24, batch_size=1, mirror=True))
    for size in (2, 3, 8):
        np.testing.assert_array_equal(images(take(data, 24 // size, batch_size=size, mirror=True)), one)
    assert not (images(take(data, 24, batch_size=1, mirror=True, seed=6)) == one).all()


@pytest.fixture(scope="module", params=["png", "jpeg", "raw", "original"])
def labelled(request, tmp_path_factory):
    place = tmp_path_factory.mktemp(request.param)
    if request.param == "original":
        arrays = makers.random_images(COUNT, height=16, width=16)
        return makers.make_original(place / "old", arrays, [index % 2 for index in range(COUNT)])
    return make(place, encoding=request.param)


def test_any_step_can_be_entered(labelled):
    whole = take(labelled, 10, mirror=True, use_labels=True)
    for start in (1, 2, 3, 7):
        part = take(labelled, 10 - start, mirror=True, use_labels=True, start_step=start)
        for first, second in zip(whole[start:], part, strict=True):
            np.testing.assert_array_equal(first["image"], second["image"])
            np.testing.assert_array_equal(first["label"], second["label"])


def test_entering_reads_nothing_before(data, monkeypatch):
    from gansformer_tf.data.read.records import Records

    seen = []
    read = Records.read
    monkeypatch.setattr(Records, "read", lambda self, number: (seen.append(number), read(self, number))[1])
    take(data, 1, start_step=1_000_000)
    assert len(seen) <= 4 * 64  # the batch, and what is read ahead


def test_replicas_share_the_global_batch(data):
    whole = take(data, 3, batch_size=6, mirror=True)
    for step, batch in enumerate(whole):
        parts = [take(data, 1, batch_size=2, mirror=True, shard=(index, 3), start_step=step)[0] for index in range(3)]
        np.testing.assert_array_equal(images(parts), batch["image"])


def test_mirroring_turns_about_half_of_the_images(data):
    plain, mirrored = images(take(data, 60)), images(take(data, 60, mirror=True))
    same = (plain == mirrored).all(axis=(1, 2, 3))
    turned = (plain[:, :, ::-1] == mirrored).all(axis=(1, 2, 3))
    assert (same | turned).all() and 0.3 < turned.mean() < 0.7


def test_labels_follow_their_images(data):
    for batch in take(data, 6, use_labels=True):
        for image, label in zip(batch["image"], batch["label"], strict=True):
            number = next(n for n in range(COUNT) if (makers.random_image(n, 16, 16) == image).all())
            assert label.tolist() == [[1, 0], [0, 1]][number % 2]


def test_limit_takes_images_from_everywhere(data):
    found = images(take(data, 4, batch_size=3, max_images=3))
    kept = {tuple(image.ravel().tolist()) for image in found}
    order = [*range(0, COUNT, 2), *range(1, COUNT, 2)]
    assert kept == {tuple(makers.random_image(order[n], 16, 16).ravel().tolist()) for n in (0, 3, 7)}


@pytest.mark.parametrize("encoding", ["png", "jpeg", "webp", "raw"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_encodings_and_channels(tmp_path, encoding, channels):
    if (encoding, channels) == ("jpeg", 4):
        pytest.skip("JPEG has no fourth channel")
    arrays = makers.random_images(3, height=16, width=16, channels=max(3, channels))
    if channels == 4:
        arrays[0][..., 3] = 255  # WebP drops an alpha channel that is opaque everywhere
        for array in arrays:
            array[..., 3] = np.maximum(array[..., 3], 1)  # and colours under full transparency
    place = make(tmp_path, arrays, None, encoding=encoding, channels=channels, num_shards=1)
    found = {batch["image"].shape: batch["image"] for batch in take(place, 3, batch_size=1)}
    assert list(found) == [(1, 16, 16, channels)]
    from gansformer_tf.data.read.record_image import image_of
    from gansformer_tf.data.read.records import Records

    info = read_info(place)
    expected = [image_of(Records(info).read(number), info).astype(int) for number in range(3)]
    for image in images(take(place, 3, batch_size=1)):
        assert min(np.abs(image - one).max() for one in expected) <= (2 if encoding == "jpeg" else 0)


@pytest.mark.parametrize("encoding", ["png", "raw"])
def test_ratio_crops_the_middle_and_keeps_mirroring(tmp_path, encoding):
    place = make(tmp_path, encoding=encoding)
    whole, cropped = images(take(place, 4, mirror=True)), images(take(place, 4, mirror=True, ratio=0.5))
    assert cropped.shape == (16, 8, 16, 3)
    np.testing.assert_array_equal(cropped, whole[:, 4:12])
    wide = make(tmp_path / "wide", ratio=0.5, encoding=encoding)
    assert images(take(wide, 1)).shape == (4, 8, 16, 3)
    with pytest.raises(DatasetError, match="--ratio 1 asks for 16x16.*have 8x16"):
        training_dataset(wide, batch_size=1, seed=1, ratio=1.0)


def test_records_of_the_original_code_are_read_directly():
    golden = np.load(ROOT / "tests/golden/tfrecords/tinyset.npz")
    stored = np.rint(golden["images"]).astype(np.uint8).transpose(0, 2, 3, 1)
    batches = take(ROOT / "tests/golden/tfrecords/tinyset", 3, use_labels=True)
    seen = set()
    for batch in batches:
        for image, label in zip(batch["image"], batch["label"], strict=True):
            [number] = [n for n in range(12) if (stored[n] == image).all()]
            np.testing.assert_array_equal(label, golden["labels"][number])
            seen.add(number)
    assert seen == set(range(12))


def test_labels_that_are_not_there_are_an_error(tmp_path):
    with pytest.raises(DatasetError, match="has no labels; train without them"):
        training_dataset(make(tmp_path, labels=None), batch_size=1, seed=1, use_labels=True)


def test_a_flipped_byte_names_shard_and_record(tmp_path):
    place = make(tmp_path)
    shard = sorted(place.glob("*tfrecord*"))[1]
    data = bytearray(shard.read_bytes())
    data[-100] ^= 1  # in the last of four records
    shard.write_bytes(data)
    with pytest.raises(tf.errors.OpError) as caught:
        take(place, 12)
    message = corrupt_record(caught.value)
    assert message.startswith("corrupt record 3 in shard set-train.tfrecord-00001-of-00003: the checksum")
    assert corrupt_record(ValueError("something else")) is None


@pytest.mark.parametrize("index", [True, False])
def test_a_cut_shard_is_found_at_once(tmp_path, index):
    place = make(tmp_path)
    shard = sorted(place.glob("*tfrecord*"))[2]
    shard.write_bytes(shard.read_bytes()[:-50])
    if not index:
        (place / LENGTHS).unlink()
    with pytest.raises(CorruptRecordError, match="corrupt shard .*00002-of-00003: record 3 .*was cut"):
        training_dataset(place, batch_size=1, seed=1)


def test_a_missing_shard_and_a_missing_folder(tmp_path):
    place = make(tmp_path)
    sorted(place.glob("*tfrecord*"))[0].unlink()
    with pytest.raises(DatasetError, match="00000-of-00003 is missing"):
        training_dataset(place, batch_size=1, seed=1)
    report = verify(place)
    lengths = [shard.num_images for shard in read_manifest(place).shards]
    assert report.num_images == sum(lengths[1:]) and "00000-of-00003 is missing" in report.problems[0]
    with pytest.raises(DatasetError, match="does not exist; prepare it first"):
        training_dataset(tmp_path / "nothing", batch_size=1, seed=1)


def test_the_index_only_saves_time(tmp_path):
    place = make(tmp_path)
    before = images(take(place, 3))
    (place / LENGTHS).write_bytes(b"rubbish")
    np.testing.assert_array_equal(images(take(place, 3)), before)


def test_order_is_a_permutation_that_only_depends_on_its_place():
    order = EpochOrder(3, 7)
    numbers, flips = order.at(0, 21)
    assert all(sorted(numbers[start : start + 7]) == list(range(7)) for start in (0, 7, 14))
    again = EpochOrder(3, 7).at(10, 5)
    np.testing.assert_array_equal(again[0], numbers[10:15])
    np.testing.assert_array_equal(again[1], flips[10:15])
    assert EpochOrder(3, 10).at(0, 10)[0].tolist() == [2, 5, 3, 4, 1, 9, 8, 7, 0, 6]  # the same in every version


def test_the_process_ends_with_an_iterator_still_alive(data):
    program = (
        "from gansformer_tf.data.read.pipeline import training_dataset\n"
        f"iterators = [iter(training_dataset({str(data)!r}, batch_size=2, seed=1)) for _ in range(3)]\n"
        "print([next(one)['image'].shape for one in iterators])\n"
        "raise SystemExit(3)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=500)
    assert done.returncode == 3, done.stderr[-2000:]
