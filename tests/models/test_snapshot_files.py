"""Names of snapshots, and a disk that is full while one is written."""

from __future__ import annotations

import errno
import os
import re
from types import SimpleNamespace

import pytest
from safetensors import SafetensorError

from gansformer_tf.config import RunConfig
from gansformer_tf.models import snapshot
from gansformer_tf.models.snapshot import find_snapshot, kimg_of, kimg_text, save_snapshot

NO_NETWORK = SimpleNamespace(weights=[])


@pytest.mark.parametrize(
    ("kimg", "text"),
    [
        (0, "000000"),
        (12.0, "000012"),
        (25000.0, "025000"),
        (2.048, "000002.048"),
        (0.016, "000000.016"),
        (7.9999999, "000008"),
    ],
)
def test_kimg_in_names(tmp_path, kimg, text):
    assert kimg_text(kimg) == text
    assert kimg_of(tmp_path / f"network-snapshot-{text}.safetensors") == pytest.approx(kimg)
    assert kimg_of(tmp_path / f"fakes-{text}.png") == pytest.approx(kimg)


def test_the_newest_snapshot_is_found_by_kimg_not_by_name(tmp_path):
    """As text "000002.048.safetensors" comes before "000002.safetensors"."""
    names = [f"network-snapshot-{text}.safetensors" for text in ("000001", "000002", "000002.048", "000001.999")]
    for name in (*names, "network-snapshot-best.safetensors", "network-snapshot-000003.04.safetensors"):
        (tmp_path / name).touch()
    assert find_snapshot(tmp_path).name == "network-snapshot-000002.048.safetensors"


@pytest.mark.parametrize(
    ("said", "number"),
    [
        ("Error while serializing: I/O error: No space left on device (os error 28)", errno.ENOSPC),
        ("Error while serializing: something new", errno.EIO),
    ],
)
def test_a_full_disk_is_an_error_of_the_system(tmp_path, monkeypatch, said, number):
    def fail(tensors: object, path: object, metadata: object) -> None:
        path.write_bytes(b"half")
        raise SafetensorError(said)

    monkeypatch.setattr(snapshot, "save_file", fail)
    path = tmp_path / "network-snapshot-000001.safetensors"
    path.write_bytes(b"the one before")
    with pytest.raises(OSError, match=re.escape(os.strerror(28)) if number == 28 else "something new") as caught:
        save_snapshot(path, generator=NO_NETWORK, config=RunConfig())
    assert (caught.value.errno, caught.value.filename) == (number, str(path))
    assert path.read_bytes() == b"the one before"
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]
