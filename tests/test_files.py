"""Files appear in full or not at all."""

from __future__ import annotations

import ast
import hashlib
import os
import stat
import sys
from pathlib import Path

import pytest

from gansformer_tf.files import read_json_lines, replacing, sha256_of, take_lock, without_pattern, write_atomically


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


@pytest.mark.parametrize("mask", [0o022, 0o002, 0o077])
def test_a_file_has_the_mode_of_new_files_whatever_its_writer_gave_it(tmp_path, mask):
    before = os.umask(mask)
    try:
        for narrow in (True, False):
            with replacing(tmp_path / "a.txt") as temporary:
                temporary.write_text("x")
                if narrow:
                    temporary.chmod(0o600)  # as the safetensors library does
            assert stat.S_IMODE((tmp_path / "a.txt").stat().st_mode) == 0o666 & ~mask
    finally:
        os.umask(before)
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.txt"]


def test_folders_that_look_like_patterns_have_another_name(tmp_path):
    for name in ("results [v2]", "a*b", "what?", "{x,y}"):
        folder = tmp_path / name
        folder.mkdir()
        with without_pattern(folder) as place:
            assert not set("*?[]{}") & set(str(place))
            (place / "x").write_text(name)
        assert (folder / "x").read_text() == name and not place.exists()
    with without_pattern(tmp_path) as place:
        assert place == tmp_path


def test_a_lock_is_taken_once(tmp_path):
    with open(tmp_path / "lock", "a") as first, open(tmp_path / "lock", "a") as second:
        assert take_lock(first) and not take_lock(second)
    with open(tmp_path / "lock", "a") as third:
        assert take_lock(third, wait=True)


def test_a_system_without_locks_is_told(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "fcntl", None)
    with open(tmp_path / "lock", "a") as file:
        assert take_lock(file)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("This system has no file locks")


def test_modules_that_only_some_systems_have_are_imported_where_they_are_used():
    only_unix = {"fcntl", "resource", "pwd", "grp", "termios"}
    for path in (Path(__file__).parents[1] / "gansformer_tf").rglob("*.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = {alias.name for alias in node.names} | {getattr(node, "module", None)}
                assert not names & only_unix, f"{path}: {names & only_unix} at the top"
