"""What `--inspect` says."""

from __future__ import annotations

from gansformer_tf.config.data import PrepareConfig
from gansformer_tf.data.prepare.prepare import prepare
from gansformer_tf.data.read import inspection
from gansformer_tf.data.sources.open import open_source
from tests.data import makers


def test_a_place_that_is_read_only_is_described_all_the_same(tmp_path, monkeypatch):
    prepare(
        open_source(makers.make_folder(tmp_path / "in", makers.random_images(3))),
        PrepareConfig("set", resolution=16),
        tmp_path,
    )

    def refuse(info, records, path):
        raise OSError(30, "Read-only file system", str(path))

    monkeypatch.setattr(inspection, "contact_sheet", refuse)
    lines = inspection.inspect(tmp_path / "set")
    assert any("3 of 16x16" in line for line in lines)
    assert lines[-1].endswith("contact_sheet.png: Read-only file system") and "could not be written" in lines[-1]
