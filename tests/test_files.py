"""Files appear in full or not at all."""

from __future__ import annotations

import hashlib

import pytest

from gansformer_tf.files import read_json_lines, replacing, sha256_of, write_atomically


def test_the_old_content_stays_until_the_new_is_complete(tmp_path):
    path = tmp_path / "a.txt"
    write_atomically(path, "old")
    with replacing(path) as temporary:
        assert temporary.parent == tmp_path and temporary.suffix == ".txt" and temporary.name.startswith(".")
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.txt"]


def test_an_error_leaves_the_old_content_and_nothing_else(tmp_path):
    path = tmp_path / "a.bin"
    write_atomically(path, b"old")
    with pytest.raises(RuntimeError), replacing(path) as temporary:
        temporary.write_bytes(b"half")
        raise RuntimeError
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.bin"]


def test_json_lines_that_were_cut_short_are_left_out(tmp_path):
    path = tmp_path / "a.jsonl"
    assert read_json_lines(path) == []
    path.write_bytes(b'{"a": 1}\n[2]\n{"b": 2}\n{"c": \xc3')
    assert read_json_lines(path) == [{"a": 1}, {"b": 2}]


def test_sha256(tmp_path):
    content = b"x" * (3 << 20)
    (tmp_path / "a").write_bytes(content)
    assert sha256_of(tmp_path / "a") == hashlib.sha256(content).hexdigest()
