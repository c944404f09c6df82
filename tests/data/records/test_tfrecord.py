"""Records written and read without TensorFlow are TensorFlow's."""

from __future__ import annotations

import numpy as np
import pytest

from gansformer_tf.data.records.example import decode_example, encode_example
from gansformer_tf.data.records.tfrecord import OVERHEAD_BYTES, CorruptRecordError, RecordFile, frame, scan

FEATURES = {
    "image/encoded": b"\x00\x80" * 3000,
    "image/format": "jpeg",
    "image/filename": "ä/ö.png",
    "image/height": 300,
    "label": 0,
    "negative": -5,
    "shape": [3, 0, 1 << 40],
    "vector": [1.5, -2.0],
}


def test_examples_agree_with_tensorflow_both_ways():
    import tensorflow as tf

    theirs = tf.train.Example.FromString(encode_example(FEATURES)).features.feature
    assert theirs["image/encoded"].bytes_list.value[0] == FEATURES["image/encoded"]
    assert theirs["image/filename"].bytes_list.value[0].decode() == "ä/ö.png"
    assert list(theirs["shape"].int64_list.value) == FEATURES["shape"]
    assert theirs["negative"].int64_list.value[0] == -5
    assert list(theirs["vector"].float_list.value) == FEATURES["vector"]
    again = decode_example(tf.train.Example.FromString(encode_example(FEATURES)).SerializeToString())
    assert again["label"] == [0] and again["shape"] == FEATURES["shape"] and again["vector"] == FEATURES["vector"]
    assert again["image/format"] == [b"jpeg"]


def test_equal_content_is_equal_bytes():
    assert encode_example(FEATURES) == encode_example(dict(reversed(FEATURES.items())))


def test_files_agree_with_tensorflow_both_ways(tmp_path):
    import tensorflow as tf

    payloads = [b"", b"a", b"x" * 5000]
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    ours.write_bytes(b"".join(map(frame, payloads)))
    assert [record.numpy() for record in tf.data.TFRecordDataset(str(ours))] == payloads
    with tf.io.TFRecordWriter(str(theirs)) as writer:
        for payload in payloads:
            writer.write(payload)
    assert theirs.read_bytes() == ours.read_bytes()


@pytest.fixture
def three(tmp_path):
    path = tmp_path / "shard"
    path.write_bytes(b"".join(frame(bytes([value]) * 100) for value in range(3)))
    return path


def test_random_access(three):
    lengths, problem = scan(three)
    assert problem is None and lengths.tolist() == [100, 100, 100]
    file = RecordFile(three, lengths)
    assert file.read(2) == b"\x02" * 100 and file.read(0) == b"\x00" * 100


@pytest.mark.parametrize(("byte", "what"), [(130, "checksum of its content"), (117, "checksum of its length")])
def test_a_flipped_byte_names_file_and_record(three, byte, what):
    data = bytearray(three.read_bytes())
    data[byte] ^= 1
    three.write_bytes(data)
    file = RecordFile(three, np.array([100, 100, 100]))
    assert file.read(0) == b"\x00" * 100
    with pytest.raises(CorruptRecordError, match=f"corrupt record 1 in shard shard: .*{what}"):
        file.read(1)


def test_a_cut_file_keeps_its_whole_records(three):
    three.write_bytes(three.read_bytes()[: 2 * (100 + OVERHEAD_BYTES) + 30])
    lengths, problem = scan(three)
    assert len(lengths) == 2 and "record 2" in problem and "the file was cut" in problem
    with pytest.raises(CorruptRecordError, match="record 2 in shard shard: the file ends inside it"):
        RecordFile(three, np.array([100, 100, 100])).read(2)


@pytest.mark.parametrize("data", [b"\x0a\xff", b"\x0a\x05\x0a\x03\x0a\x50a", b"\xff" * 20])
def test_no_message_at_all_is_an_error(data):
    with pytest.raises(ValueError):
        decode_example(data)
