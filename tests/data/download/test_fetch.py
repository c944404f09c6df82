"""Downloads from a server that drops connections, lies about lengths, and serves wrong files and web pages."""

from __future__ import annotations

import hashlib
import http.server
import json
import re
import tarfile
import threading
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from gansformer_tf.data.download import fetch as module
from gansformer_tf.data.download.catalog import CATALOG, LMDB, RECORDS, TARRED_IMAGES, ZIPPED_IMAGES, Archive, Entry
from gansformer_tf.data.download.fetch import DownloadError, RefusedError, check_archive, download
from gansformer_tf.data.download.open_entry import open_entry
from gansformer_tf.data.download.unpack import UnpackError, unpack
from gansformer_tf.data.sources.base import SourceError
from tests.data import makers

CONTENT = bytes(range(256)) * 4000
MD5 = hashlib.md5(CONTENT).hexdigest()


@dataclass
class Behaviour:
    """What the server does; `drops` and `errors` count down."""

    content: bytes = CONTENT
    drops: int = 0  # close the connection in the middle that many times
    errors: int = 0  # answer 503 that many times
    ranges: bool = True
    status: int = 200
    kind: str = "application/octet-stream"
    claimed: int | None = None  # a wrong Content-Length
    etag: str = '"one"'
    requests: list[str] = field(default_factory=list)


@pytest.fixture
def server():
    behaviour = Behaviour()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            wanted = self.headers.get("Range", "")
            behaviour.requests.append(wanted)
            if behaviour.errors > 0:
                behaviour.errors -= 1
                return self._answer(503, b"", 0, {})
            content, start = behaviour.content, 0
            match = re.fullmatch(r"bytes=(\d+)-", wanted)
            same = self.headers.get("If-Range", behaviour.etag) == behaviour.etag
            if match and behaviour.ranges and same and behaviour.status == 200:
                start = int(match[1])
                if start >= len(content):
                    return self._answer(416, b"", 0, {"Content-Range": f"bytes */{len(content)}"})
            status = 206 if start else behaviour.status
            body = content[start:]
            claimed = behaviour.claimed if behaviour.claimed is not None else len(body)
            if behaviour.drops > 0:
                behaviour.drops -= 1
                body = body[: len(body) // 2]
            return self._answer(status, body, claimed, {"ETag": behaviour.etag, "Content-Type": behaviour.kind})

        def _answer(self, status: int, body: bytes, length: int, headers: dict[str, str]) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(length))
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)
            self.close_connection = True

        def log_message(self, *arguments: object) -> None:
            pass

    listener = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=listener.serve_forever, args=(0.01,), daemon=True).start()
    behaviour.url = f"http://127.0.0.1:{listener.server_port}/file"
    yield behaviour
    listener.shutdown()
    listener.server_close()


def fetch(server, target: Path, md5: str | None = MD5, **options):
    return download(server.url, target, md5=md5, wait_seconds=0.001, **options)


def test_a_file_and_its_record(server, tmp_path):
    seen = []
    found = fetch(server, tmp_path / "d" / "f", on_progress=lambda done, total: seen.append((done, total)))
    assert found.path.read_bytes() == CONTENT and found.sha256 == hashlib.sha256(CONTENT).hexdigest()
    assert seen[0] == (0, len(CONTENT)) and seen[-1] == (len(CONTENT), len(CONTENT))
    record = json.loads((tmp_path / "d" / "f.json").read_text())
    assert record["sha256"] == found.sha256 and record["url"] == server.url
    assert fetch(server, tmp_path / "d" / "f") == found and len(server.requests) == 1  # not fetched again
    assert sorted(path.name for path in (tmp_path / "d").iterdir()) == ["f", "f.json"]


def test_dropped_connections_go_on_from_there(server, tmp_path):
    server.drops, server.errors = 4, 2
    assert fetch(server, tmp_path / "f").path.read_bytes() == CONTENT
    starts = [int(re.findall(r"\d+", wanted)[0]) for wanted in server.requests if wanted]
    assert starts == sorted(starts) and starts[0] == len(CONTENT) // 2


def test_a_later_call_continues(server, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_TRIES_WITHOUT_PROGRESS", 2)
    (tmp_path / "f.part").write_bytes(CONTENT[:1000])
    (tmp_path / "f.part.etag").write_text(server.etag)
    fetch(server, tmp_path / "f")
    assert server.requests == ["bytes=1000-"]


def test_a_complete_part_is_kept(server, tmp_path):
    (tmp_path / "f.part").write_bytes(CONTENT)
    assert fetch(server, tmp_path / "f").path.read_bytes() == CONTENT


def test_a_changed_file_is_not_mixed_with_the_old_one(server, tmp_path):
    (tmp_path / "f.part").write_bytes(b"old" * 1000)
    (tmp_path / "f.part.etag").write_text('"zero"')
    assert fetch(server, tmp_path / "f").path.read_bytes() == CONTENT


def test_a_server_without_ranges_starts_over(server, tmp_path):
    server.ranges, server.drops = False, 1
    assert fetch(server, tmp_path / "f").path.read_bytes() == CONTENT


def test_a_length_that_is_too_large(server, tmp_path):
    server.claimed, server.ranges = len(CONTENT) + 500, False
    with pytest.raises(DownloadError, match="times in a row with 1024000 bytes fetched.*goes on from there"):
        fetch(server, tmp_path / "f")
    assert not (tmp_path / "f").exists()


def test_a_length_that_is_too_small(server, tmp_path):
    server.claimed = 1000
    with pytest.raises(DownloadError, match="instead of the published"):
        fetch(server, tmp_path / "f")


def test_a_wrong_file_is_removed(server, tmp_path):
    server.content = b"something else"
    with pytest.raises(DownloadError, match=f"instead of the published {MD5}; it was removed.*--source-archive"):
        fetch(server, tmp_path / "f")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("status", "kind", "message"),
    [(200, "text/html", "web page"), (403, "x/y", "HTTP 403"), (404, "x/y", "HTTP 404")],
)
def test_refusals_are_not_tried_again(server, tmp_path, status, kind, message):
    server.status, server.kind = status, kind
    with pytest.raises(RefusedError, match=message):
        fetch(server, tmp_path / "f")
    assert len(server.requests) == 1


def test_no_server_at_all(tmp_path):
    with pytest.raises(DownloadError, match="Check the connection"):
        download("http://127.0.0.1:9/f", tmp_path / "f", wait_seconds=0.001)


def test_an_archive_of_the_user(tmp_path):
    (tmp_path / "f").write_bytes(CONTENT)
    assert check_archive(tmp_path / "f", MD5) == hashlib.sha256(CONTENT).hexdigest()
    with pytest.raises(DownloadError, match="damaged or another file"):
        check_archive(tmp_path / "f", "0" * 32)


# ------------------------------------------------------------------------------------------------ catalog


def archive_of(content: str, folder: Path) -> Path:
    """An archive as the hosts give it, with three images of 16x16."""
    arrays = makers.random_images(3, height=16, width=16)
    if content == ZIPPED_IMAGES:
        return makers.make_zip(folder / "a.zip", arrays)
    if content == TARRED_IMAGES:
        place = makers.make_folder(folder / "in", arrays)
        with tarfile.open(folder / "a.tgz", "w:gz") as archive:
            archive.add(place, "cartoons")
        return folder / "a.tgz"
    place = makers.make_lmdb(folder / "in", arrays) if content == LMDB else makers.make_original(folder / "in", arrays)
    with zipfile.ZipFile(folder / "a.zip", "w") as archive:
        for path in sorted(place.iterdir()):
            archive.write(path, f"sub/{path.name}")
    return folder / "a.zip"


@pytest.mark.parametrize("content", [ZIPPED_IMAGES, TARRED_IMAGES, LMDB, RECORDS])
def test_every_kind_of_archive_from_download_to_source(server, tmp_path, content):
    path = archive_of(content, tmp_path)
    server.content = path.read_bytes()
    md5 = hashlib.md5(server.content).hexdigest()
    archive = Archive(path.name, server.url, md5, 1, content, below="sub" if content == LMDB else "")
    source = open_entry(Entry("x", "X", 3, (archive,)), tmp_path / "data")
    assert len(source) == 3 and all(item.problem is None for item in source.read(range(3)))
    server.status = 404  # everything is there now
    assert len(open_entry(Entry("x", "X", 3, (archive,)), tmp_path / "data")) == 3


def test_the_next_host_is_asked_and_the_step_by_hand_is_named(server, tmp_path):
    path = archive_of(ZIPPED_IMAGES, tmp_path)
    server.content = path.read_bytes()
    good = Archive(path.name, server.url, None, 1, ZIPPED_IMAGES)
    dead = Archive("dead.zip", server.url + "/../gone", None, 1, ZIPPED_IMAGES)
    server.kind = "text/html"
    with pytest.raises(RefusedError, match="web page.*Open http.* in a browser.*--source-archive PATH"):
        open_entry(Entry("x", "X", 3, (dead, good)), tmp_path / "data")
    entry = Entry(
        "x", "X", 3, (Archive("a.zip", server.url, hashlib.md5(server.content).hexdigest(), 1, ZIPPED_IMAGES),)
    )
    assert len(open_entry(entry, tmp_path / "data", archive=path)) == 3
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(DownloadError, match="instead of the published"):
        open_entry(entry, tmp_path / "data", archive=path)
    with pytest.raises(SourceError, match="does not exist; check --source-archive"):
        open_entry(entry, tmp_path / "data", archive=tmp_path / "nothing")


def test_the_script_takes_an_archive_and_suggests_gamma(tmp_path, monkeypatch, capsys):
    from gansformer_tf.cli.prepare_data import COMMAND, main

    path = archive_of(ZIPPED_IMAGES, tmp_path)
    archive = Archive(path.name, "http://127.0.0.1:9/a", None, 1, ZIPPED_IMAGES)
    monkeypatch.setitem(CATALOG, "clevr", Entry("clevr", "CLEVR", 3, (archive,), ratio=0.75, gamma=40.0))
    flags = ["--clevr", "--source-archive", str(path), "--data-dir", str(tmp_path / "d"), "--resolution", "16"]
    assert main(COMMAND.read([*flags, "--workers", "0"])) == 0
    shown = capsys.readouterr().out
    assert "clevr: 3 images of 12x16 in 1 shard(s)" in shown and "suggested for training: --gamma 40" in shown


def test_the_catalog_is_the_published_one():
    assert {name: entry.gamma for name, entry in CATALOG.items()} == {
        "clevr": 40, "ffhq": 10, "cityscapes": 20, "bedrooms": 100, "cartoonset": 10
    }  # fmt: skip
    assert {name: entry.num_shards for name, entry in CATALOG.items()} == {
        "clevr": 5, "ffhq": None, "cityscapes": 16, "bedrooms": 64, "cartoonset": None
    }  # fmt: skip
    for entry in CATALOG.values():
        assert all(archive.md5 is None or re.fullmatch("[0-9a-f]{32}", archive.md5) for archive in entry.archives)
    assert CATALOG["bedrooms"].num_images == 3_033_042


def test_flags_name_the_catalog():
    from gansformer_tf.cli.prepare_data import COMMAND

    shown = COMMAND.parser().format_help()
    assert "CLEVR: 100,000 images, 18 GB to download" in shown and all(f"--{name} " in shown for name in CATALOG)


# ------------------------------------------------------------------------------------------------ unpacking


@pytest.mark.parametrize("name", ["../evil", "/tmp/evil", "a/../../evil"])
def test_archives_that_lead_outside_are_refused(tmp_path, name):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("good", b"x" * 1000)
        archive.writestr(name, b"x")
    with pytest.raises(UnpackError, match="leads outside"):
        unpack(tmp_path / "a.zip", tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.zip"]


def test_links_in_archives_are_left_out(tmp_path):
    (tmp_path / "x").write_bytes(b"x")
    with tarfile.open(tmp_path / "a.tgz", "w:gz") as archive:
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
        archive.add(tmp_path / "x", "x")
    assert [path.name for path in unpack(tmp_path / "a.tgz", tmp_path / "out").iterdir()] == ["x"]


def test_bombs_and_damage_are_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb", bytes(3_000_000))
    with pytest.raises(UnpackError, match="more than 20 times"):
        unpack(tmp_path / "a.zip", tmp_path / "out")
    (tmp_path / "b.tgz").write_bytes(b"no archive")
    with pytest.raises(UnpackError, match="is damaged"):
        unpack(tmp_path / "b.tgz", tmp_path / "out")
    assert not (tmp_path / "out").exists()
