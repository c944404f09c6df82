"""The table of bad inputs: each is converted (and how), or reported with its file and reason.

Every case goes through the whole preparation, beside two good images.
"""

from __future__ import annotations

import csv
import io
import os
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gansformer_tf.config.data import PrepareConfig, SourceOptions
from gansformer_tf.data.images import decode as images
from gansformer_tf.data.manifest import BAD_IMAGES
from gansformer_tf.data.prepare.prepare import prepare
from gansformer_tf.data.prepare.shard_writer import PrepareError
from gansformer_tf.data.sources import folder
from gansformer_tf.data.sources.base import SourceError
from gansformer_tf.data.sources.open import open_source
from tests.data import makers

SIDE = 16
GOOD = makers.random_image(1, SIDE, SIDE)
CONFIG = PrepareConfig(name="set", resolution=SIDE, encoding="png")


def png(array: np.ndarray = GOOD, **options: object) -> bytes:
    return makers.encoded(array, **options)


def saved(image: Image.Image, format: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def flipped(data: bytes, place: int) -> bytes:
    return data[:place] + bytes([data[place] ^ 255]) + data[place + 1 :]


def rotated() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    return png(exif=exif)


def animated() -> bytes:
    frames = [Image.fromarray(makers.random_image(seed, SIDE, SIDE)) for seed in (1, 2, 3)]
    return saved(frames[0], "WEBP", save_all=True, append_images=frames[1:], lossless=True)


def huge() -> bytes:
    """A PNG of 20,000 x 20,000 grey pixels: a few hundred bytes that would take 400 MB."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 20_000, 20_000, 8, 0, 0, 0, 0)
    rows = zlib.compress(bytes(20_001 * 50), 9)  # only the header is looked at
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


# name -> (file name, content, what becomes of it: a reason, or None for converted)
FILES: dict[str, tuple[str, Callable[[], bytes], str | None]] = {
    "truncated png": ("x.png", lambda: png()[:-60], "damaged or cut off"),
    "truncated jpeg": ("x.jpg", lambda: makers.encoded(GOOD, "JPEG")[:-150], "damaged or cut off"),
    "flipped byte in a png": (
        "x.png",
        lambda: png()[:60] + bytes([png()[60] ^ 255]) + png()[61:],
        "damaged or cut off",
    ),
    "zero bytes": ("x.png", bytes, "the file is empty (0 bytes)"),
    "text named .png": ("x.png", lambda: b"Dear diary", "not a PNG, JPEG, WebP, BMP or GIF image"),
    "1x1": ("x.png", lambda: png(GOOD[:1, :1]), "1x1 pixels: both sides must have at least 4"),
    "20,000x20,000": ("x.png", huge, "20000x20000 pixels, over the limit of 40000000"),
    "tiff named .png": (
        "x.png",
        lambda: saved(Image.fromarray(GOOD), "TIFF"),
        "not a PNG, JPEG, WebP, BMP or GIF image",
    ),
    "gif named .png": ("x.png", lambda: saved(Image.fromarray(GOOD), "GIF"), None),
    "16 bits": ("x.png", lambda: png(GOOD[:, :, 0].astype(np.uint16) * 257), None),
    "cmyk": ("x.jpg", lambda: saved(Image.fromarray(GOOD).convert("CMYK"), "JPEG", quality=100), None),
    "palette": ("x.png", lambda: saved(Image.fromarray(GOOD).quantize(64), "PNG"), None),
    "animated": ("x.webp", animated, None),
    "exif rotated": ("x.png", rotated, None),
    "wrong extension": ("x.png", lambda: makers.encoded(GOOD, "JPEG", quality=100), None),
    "grey": ("x.png", lambda: png(GOOD[:, :, 0]), None),
    "transparent": ("x.png", lambda: png(np.dstack([GOOD, np.full((SIDE, SIDE), 255, np.uint8)])), None),
}
EXPECTED = {
    "16 bits": GOOD[:, :, :1].repeat(3, 2),
    "grey": GOOD[:, :, :1].repeat(3, 2),
    "exif rotated": GOOD[::-1, ::-1],
}


def rows_of(place: Path) -> list[list[str]]:
    table = place / "set" / BAD_IMAGES
    return list(csv.reader(table.open(encoding="utf-8")))[1:] if table.exists() else []


@pytest.mark.parametrize("case", FILES)
def test_file(case, tmp_path):
    name, content, reason = FILES[case]
    place = makers.make_folder(tmp_path / "in", [GOOD, GOOD])
    (place / name).write_bytes(content())
    outcome = prepare(open_source(place, "images"), CONFIG, tmp_path)
    if reason is not None:
        [(file, found)] = rows_of(tmp_path)
        assert file == name and found.startswith(reason)
        assert outcome.manifest.num_images == 2
        with pytest.raises(PrepareError, match=name):
            prepare(open_source(place, "images"), CONFIG, tmp_path / "stop", on_error="stop")
        return
    assert rows_of(tmp_path) == [] and outcome.manifest.num_images == 3
    from gansformer_tf.data.read.open import read_info
    from gansformer_tf.data.read.record_image import image_of
    from gansformer_tf.data.read.records import Records

    info = read_info(tmp_path / "set")
    found = image_of(Records(info).read(2), info).astype(int)
    assert np.abs(found - EXPECTED.get(case, GOOD)).mean() < 4


def test_unreadable_permission(tmp_path, monkeypatch):
    place = makers.make_folder(tmp_path / "in", [GOOD, GOOD])
    locked = place / "locked.png"
    locked.write_bytes(png())
    locked.chmod(0)
    if os.geteuid() == 0:  # root reads everything: let the system call say no
        read = folder._read

        def refuse(name, path):
            if path == str(locked):
                raise PermissionError(13, "Permission denied", path)
            return read(name, path)

        monkeypatch.setattr(folder, "_read", refuse)
    outcome = prepare(open_source(place, "png"), CONFIG, tmp_path)
    assert rows_of(tmp_path) == [["locked.png", "cannot be read: Permission denied"]]
    assert outcome.manifest.num_images == 2


def test_symlink_loop_of_files(tmp_path):
    place = makers.make_folder(tmp_path / "in", [GOOD, GOOD])
    (place / "x.png").symlink_to(place / "y.png")
    (place / "y.png").symlink_to(place / "x.png")
    prepare(open_source(place, "png"), CONFIG, tmp_path)
    assert [row[0] for row in rows_of(tmp_path)] == ["x.png", "y.png"]
    assert all("symbolic links" in row[1] for row in rows_of(tmp_path))


def test_symlink_loop_of_folders_ends(tmp_path):
    place = makers.make_folder(tmp_path / "in", [GOOD, GOOD])
    (place / "a" / "up").symlink_to(place)
    assert prepare(open_source(place, "png"), CONFIG, tmp_path).manifest.num_images == 2


def test_duplicate_labels(tmp_path):
    place = makers.make_folder(tmp_path / "in", [GOOD, GOOD])
    (tmp_path / "l.csv").write_text("a/000.png,1\nb/001.png,2\na/000.png,3\n")
    with pytest.raises(SourceError, match="names a/000.png twice"):
        open_source(place, "png", SourceOptions(labels=str(tmp_path / "l.csv")))


def test_hdf5_without_the_key(tmp_path):
    with pytest.raises(SourceError, match="no data set of images named 'x'; it has: data/images"):
        open_source(makers.make_hdf5(tmp_path / "x.h5", [GOOD]), None, SourceOptions(array_key="x"))


def test_cut_hdf5(tmp_path):
    path = makers.make_hdf5(tmp_path / "x.h5", [GOOD] * 20)
    os.truncate(path, 4000)
    with pytest.raises(SourceError, match="cannot be opened as HDF5"):
        open_source(path)


def test_half_copied_lmdb(tmp_path):
    place = makers.make_lmdb(tmp_path / "l", makers.random_images(30, height=64, width=64))
    os.truncate(place / "data.mdb", 20_000)
    with pytest.raises(SourceError, match="copied only in part; copy it again"):
        open_source(place)


def test_bad_value_in_lmdb(tmp_path):
    import lmdb

    place = makers.make_lmdb(tmp_path / "l", [GOOD, GOOD])
    with lmdb.open(str(place)) as environment, environment.begin(write=True) as transaction:
        transaction.put(b"zz\xff", b"rubbish")
    prepare(open_source(place), CONFIG, tmp_path)
    assert rows_of(tmp_path) == [[r"zz\xff", "not a PNG, JPEG, WebP, BMP or GIF image"]]


def test_zip_that_leads_outside(tmp_path):
    path = makers.make_zip(tmp_path / "x.zip", [GOOD, GOOD])
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("../../evil.png", png())
        archive.writestr("/etc/evil.png", png())
    outcome = prepare(open_source(path), CONFIG, tmp_path / "out")
    assert outcome.manifest.num_images == 2
    assert {row[0] for row in rows_of(tmp_path / "out")} == {"../../evil.png", "/etc/evil.png"}
    assert all("leads outside" in row[1] for row in rows_of(tmp_path / "out"))


def test_zip_bomb(tmp_path, monkeypatch):
    path = makers.make_zip(tmp_path / "x.zip", [GOOD, GOOD])
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb.png", bytes(300_000))
    monkeypatch.setattr("gansformer_tf.data.sources.zip.MAX_ENCODED_BYTES", 100_000)
    prepare(open_source(path), CONFIG, tmp_path)
    assert rows_of(tmp_path) == [["bomb.png", "the member claims 300000 bytes, over the limit of 100000"]]


def test_png_that_inflates_far_too_much(tmp_path):
    # the compressed data holds a thousand times what the header says: nothing beyond the header's size is inflated
    place = makers.make_folder(tmp_path / "in", [GOOD, GOOD])
    data = bytearray(png())
    start = data.index(b"IDAT") - 4
    body = zlib.compress(bytes(50_000_000), 9)
    chunk = struct.pack(">I", len(body)) + b"IDAT" + body + struct.pack(">I", zlib.crc32(b"IDAT" + body))
    (place / "x.png").write_bytes(bytes(data[:start]) + chunk + data[-12:])
    import tracemalloc

    tracemalloc.start()
    prepare(open_source(place, "png"), CONFIG, tmp_path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20_000_000


@pytest.mark.parametrize("damage", ["flipped", "cut"])
def test_original_records(damage, tmp_path):
    place = makers.make_original(tmp_path / "old", [GOOD] * 6, shards=1)
    [file] = place.iterdir()
    data = bytearray(file.read_bytes())
    if damage == "flipped":
        data[len(data) // 2 + 40] ^= 1
    else:
        data = data[: len(data) // 2 + 40]
    file.write_bytes(data)
    outcome = prepare(open_source(place), CONFIG, tmp_path)
    [(name, reason)] = rows_of(tmp_path)
    if damage == "flipped":
        assert name == "old-r04.tfrecords1of1[3]" and "checksum of its content" in reason
        assert outcome.manifest.num_images == 5
    else:
        assert name == "old-r04.tfrecords1of1[3]" and "was cut; nothing after it can be found" in reason
        assert outcome.manifest.num_images == 3


def test_the_pixel_limit_bounds_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(images, "MAX_PIXELS", SIDE * SIDE)
    place = makers.make_folder(tmp_path / "in", [GOOD, GOOD])
    (place / "x.png").write_bytes(png(makers.random_image(1, 40, 40)))
    (place / "y.jpg").write_bytes(makers.encoded(makers.random_image(1, 30, 30), "JPEG"))  # decoded at half its size
    assert prepare(open_source(place, "images"), CONFIG, tmp_path).manifest.num_images == 3
    assert rows_of(tmp_path) == [["x.png", "40x40 pixels, over the limit of 256; reduce it first"]]
