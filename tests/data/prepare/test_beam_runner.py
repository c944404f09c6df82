"""Apache Beam gives the same records as local workers."""

from __future__ import annotations

import pytest

from gansformer_tf.config.data import PrepareConfig
from gansformer_tf.data.manifest import read_manifest
from gansformer_tf.data.prepare.beam_runner import BeamMissingError, beam_runner
from gansformer_tf.data.prepare.prepare import prepare
from gansformer_tf.data.prepare.shard_writer import PrepareError
from gansformer_tf.data.sources.open import open_source
from tests.data import makers

CONFIG = PrepareConfig(name="set", resolution=16, num_shards=3)
TWO_PROCESSES = "--runner=DirectRunner --direct_running_mode=multi_processing --direct_num_workers=2"


def test_without_beam_the_extra_is_named(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "apache_beam", None)
    with pytest.raises(BeamMissingError, match=r"not installed.*\[beam\]"):
        beam_runner("")


@pytest.fixture
def source(tmp_path):
    pytest.importorskip("apache_beam", reason="the extra [beam] is not installed")
    return open_source(makers.make_folder(tmp_path / "in", makers.random_images(10, height=16, width=16)))


def test_same_records_with_two_processes(tmp_path, source):
    prepare(source, CONFIG, tmp_path / "local")
    prepare(source, CONFIG, tmp_path / "beam", runner=beam_runner(TWO_PROCESSES))
    assert read_manifest(tmp_path / "beam" / "set") == read_manifest(tmp_path / "local" / "set")
    for path in (tmp_path / "local" / "set").iterdir():
        assert (tmp_path / "beam" / "set" / path.name).read_bytes() == path.read_bytes()


def test_a_bad_image_with_stop_is_named(tmp_path, source):
    (tmp_path / "in" / "a" / "002.png").write_bytes(b"text")
    again = open_source(tmp_path / "in")
    with pytest.raises(PrepareError, match="a/002.png: not a PNG"):
        prepare(again, CONFIG, tmp_path, runner=beam_runner("--runner=DirectRunner"), on_error="stop")
