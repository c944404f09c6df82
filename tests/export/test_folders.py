"""Exports appear whole, as the next version, and replace nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gansformer_tf.export import ExportError
from gansformer_tf.export.folders import new_folder, new_version


def export(base: Path, text: str = "model") -> Path:
    with new_version(base) as (folder, done):
        (folder / "saved_model.pb").write_text(text)
    return done[0]


def test_versions_are_counted_up(tmp_path: Path) -> None:
    base = tmp_path / "models" / "gansformer"
    assert export(base, "first") == base / "1"
    assert export(base, "second") == base / "2"
    (base / "7").mkdir()
    assert export(base) == base / "8"
    assert (base / "1" / "saved_model.pb").read_text() == "first"
    assert sorted(path.name for path in base.iterdir()) == ["1", "2", "7", "8"]


def test_two_exports_at_once_become_two_versions(tmp_path: Path) -> None:
    with new_version(tmp_path) as (folder, done):
        (folder / "saved_model.pb").write_text("slow")
        assert export(tmp_path, "fast") == tmp_path / "1"
    assert done == [tmp_path / "2"]
    assert (tmp_path / "1" / "saved_model.pb").read_text() == "fast"


def test_a_number_taken_between_counting_and_renaming(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    rename, other = os.rename, tmp_path / "1"

    def late(source: Path, target: Path) -> None:
        if not other.exists():
            other.mkdir()
            (other / "saved_model.pb").write_text("theirs")
        rename(source, target)

    monkeypatch.setattr(os, "rename", late)
    assert export(tmp_path, "ours") == tmp_path / "2"
    assert (other / "saved_model.pb").read_text() == "theirs"


def test_a_failed_export_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="stop"), new_version(tmp_path) as (folder, _):
        (folder / "saved_model.pb").write_text("half")
        raise RuntimeError("stop")
    with pytest.raises(RuntimeError, match="stop"), new_folder(tmp_path / "other") as folder:
        (folder / "generator.onnx").write_text("half")
        raise RuntimeError("stop")
    assert [path.name for path in tmp_path.rglob("*")] == ["other"]


def test_what_is_no_version_is_not_mixed_with_versions(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ExportError, match=r"holds 'notes\.txt'"), new_version(tmp_path):
        raise AssertionError("must not begin")


@pytest.mark.parametrize("place", [new_version, new_folder])
def test_a_folder_that_cannot_be_made(place: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(OSError, match="cannot write to the folder .* choose another folder"),
        place(tmp_path / "file" / "x"),
    ):
        raise AssertionError("must not begin")


def test_a_folder_that_tensorflow_takes_for_a_pattern_is_refused(tmp_path: Path) -> None:
    """What is written there cannot be loaded: refused before anything is written."""
    with (
        pytest.raises(ExportError, match=r"takes .*\[v2\].* for a pattern .*--output-dir"),
        new_version(tmp_path / "results [v2]" / "export"),
    ):
        pass
    assert not list(tmp_path.iterdir())
