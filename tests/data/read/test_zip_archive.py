"""Training reads ZIP archives as they are."""

from __future__ import annotations

import io
import json
import struct
import zipfile
import zlib

import numpy as np
import pytest
from PIL import Image

from gansformer_tf.data.manifest import DatasetError
from gansformer_tf.data.read.inspection import inspect
from gansformer_tf.data.read.open import read_info
from gansformer_tf.data.read.pipeline import corrupt_record, training_dataset
from gansformer_tf.data.read.record_image import image_of, label_of
from gansformer_tf.data.read.records import Records
from gansformer_tf.data.read.verify import verify

COUNT = 6


def encoded(pixels, kind="PNG"):
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind)
    return stream.getvalue()


def pixels_of(number, size=(16, 16)):
    return np.random.default_rng(number).integers(0, 256, (*size, 3), np.uint8)


def huge():
    """A image whose header claims 65,000 x 65,000 pixels."""
    content = bytearray(encoded(pixels_of(0)))
    content[16:24] = struct.pack(">II", 65_000, 65_000)
    content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    return bytes(content)


def write(path, labels=None, **replaced):
    """Images `0.png` ... in folders, as StyleGAN3's tool stores them; `replaced` are members by number."""
    members = {f"0000{number % 2}/img{number}.png": encoded(pixels_of(number)) for number in range(COUNT)}
    names = list(members)
    for number, content in replaced.items():
        members[names[int(number.removeprefix("at"))]] = content
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
        if labels is not None:
            rows = [[name, label] for name, label in zip(names, labels, strict=True)]
            archive.writestr("dataset.json", json.dumps({"labels": rows if any(labels) else None}))
    return path, sorted(names), dict(zip(names, labels or [None] * COUNT, strict=True))


@pytest.mark.parametrize("labels", [None, [0, 2, 1, 2, 0, 1], [[0.5, 1.0]] * COUNT])
def test_images_and_labels(tmp_path, labels):
    path, names, by_name = write(tmp_path / "images.zip", labels)
    info = read_info(path)
    assert (info.name, info.num_images, info.resolution, info.channels) == ("images", COUNT, 16, 3)
    assert info.label_dim == (0 if labels is None else 3 if isinstance(labels[0], int) else 2)
    records = Records(info)
    for number, name in enumerate(names):
        payload = records.read(number)
        np.testing.assert_array_equal(image_of(payload, info), pixels_of(int(name[9])))
        label = by_name[name]
        assert label_of(payload, info) == (tuple(label) if isinstance(label, list) else label)
    records.close()


def test_training_sees_every_image_with_its_label(tmp_path):
    path, _, by_name = write(tmp_path / "images.zip", [0, 2, 1, 2, 0, 1])
    batches = training_dataset(path, batch_size=3, seed=1, use_labels=True).take(2)
    batches = list(batches.as_numpy_iterator())
    images = np.concatenate([batch["image"] for batch in batches])
    labels = np.concatenate([batch["label"] for batch in batches]).argmax(axis=1)
    expected = {pixels_of(int(name[9])).tobytes(): label for name, label in by_name.items()}
    assert {image.tobytes(): label for image, label in zip(images, labels, strict=True)} == expected


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (encoded(pixels_of(0, (8, 16))), "img3.png has 8x16 pixels in place of 16x16"),
        (b"no image", "img3.png cannot be read"),
        (b"", "img3.png cannot be read"),
        (huge(), "img3.png has 65000x65000 pixels in place of 16x16"),
    ],
)
def test_a_bad_image_is_named(tmp_path, content, message):
    path, *_ = write(tmp_path / "images.zip", at3=content)
    report = verify(path)
    assert report.num_images == COUNT
    assert not report.has_checksums
    assert len(report.problems) == 1
    assert message in report.problems[0]
    with pytest.raises(Exception, match="corrupt record") as caught:  # which class TensorFlow raises is its affair
        list(training_dataset(path, batch_size=COUNT, seed=1).take(1))
    assert message in corrupt_record(caught.value)


def test_a_changed_byte_is_found(tmp_path):
    path, *_ = write(tmp_path / "images.zip")
    content = bytearray(path.read_bytes())
    content[content.rindex(b"IDAT") + 200] ^= 1
    path.write_bytes(content)
    assert "Bad CRC-32" in verify(path).problems[0]


@pytest.mark.parametrize(
    ("members", "message"),
    [
        (
            {"a.png": encoded(pixels_of(0)), "b.jpg": encoded(pixels_of(0), "JPEG")},
            "holds 1 RGB png .such as a.png., 1 RGB jpeg ",
        ),
        ({"a.bmp": encoded(pixels_of(0), "BMP")}, "holds 1 RGB bmp "),
        ({"a.png": b"nothing"}, "a.png in"),
        ({"../a.png": encoded(pixels_of(0))}, "leads outside of the archive"),
        ({"a.txt": b""}, "holds no .* file"),
        ({"a.png": encoded(pixels_of(0, (24, 24)))}, "24x24 pixels; the longer side must be a power of two"),
        ({"a.png": encoded(pixels_of(0)), "dataset.json": b'{"labels": [["b.png", 1]]}'}, "has no label for 1 of 1"),
        ({"a.png": encoded(pixels_of(0)), "dataset.json": b"{"}, "is not valid JSON"),
    ],
)
def test_archives_that_cannot_be_trained_on(tmp_path, members, message):
    path = tmp_path / "images.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    with pytest.raises(DatasetError, match=message) as caught:
        read_info(path)
    assert "\n" not in str(caught.value)


def test_inspecting_writes_beside_the_archive(tmp_path):
    path, *_ = write(tmp_path / "images.zip", [0, 2, 1, 2, 0, 1])
    lines = inspect(path)
    assert any("3 classes: " in line for line in lines)
    assert (tmp_path / "images_contact_sheet.png").is_file()


def image(seed: int, mode: str = "RGB") -> Image.Image:
    return Image.fromarray(pixels_of(seed)).convert(mode)


def archive_of(path, *images, kind="PNG", **options):
    with zipfile.ZipFile(path, "w") as archive:
        for index, one in enumerate(images):
            data = io.BytesIO()
            one.save(data, kind, **options)
            archive.writestr(f"{index:03d}.{kind.lower()}", data.getvalue())
    return path


@pytest.mark.parametrize("colors", [2, 16, 200])
def test_indexed_images_have_their_colours_everywhere(tmp_path, colors):
    originals = [image(seed).quantize(colors) for seed in range(6)]
    path = archive_of(tmp_path / "palette.zip", *originals)
    info = read_info(path)
    assert (info.channels, info.encoding) == (3, "png")
    records = Records(info)
    wanted = [np.asarray(one.convert("RGB")) for one in originals]
    np.testing.assert_array_equal([image_of(records.read(index), info) for index in range(6)], wanted)
    batch = next(iter(training_dataset(path, batch_size=6, seed=1)))["image"].numpy()
    assert sorted(one.tobytes() for one in batch) == sorted(one.tobytes() for one in wanted)
    assert not verify(path).problems
    sheet = np.asarray(Image.open(inspect(path) and tmp_path / "palette_contact_sheet.png"))
    np.testing.assert_array_equal(sheet[:16, :16], wanted[0])


def test_one_bit_is_grey_everywhere(tmp_path):
    originals = [image(seed, "1") for seed in range(3)]
    path = archive_of(tmp_path / "bits.zip", *originals)
    info = read_info(path)
    assert info.channels == 1
    records, wanted = Records(info), [np.asarray(one.convert("L"))[:, :, None] for one in originals]
    np.testing.assert_array_equal([image_of(records.read(index), info) for index in range(3)], wanted)
    batch = next(iter(training_dataset(path, batch_size=3, seed=1)))["image"].numpy()
    assert sorted(one.tobytes() for one in batch) == sorted(one.tobytes() for one in wanted)


def turned() -> dict:
    exif = Image.Exif()
    exif[0x0112] = 6
    return {"exif": exif}


@pytest.mark.parametrize(
    ("images", "options", "message"),
    [
        ([image(0, "L"), image(1), image(2)], {}, "holds 2 RGB png .such as 001.png., 1 grey png .such as 000.png.;"),
        ([image(0, "LA")], {}, "holds 1 grey with transparency png"),
        ([image(0).quantize(8)], {"transparency": 0}, "holds 1 a colour that is transparent png"),
        ([image(0), image(1, "RGBA")], {}, "holds 1 RGB png .*, 1 RGBA png"),
        ([Image.fromarray(np.zeros((16, 16), np.uint16))], {}, "holds 1 grey of 16 bits png"),
        ([image(0, "CMYK")], {"kind": "JPEG"}, "holds 1 CMYK jpeg"),
        ([image(0)], {"kind": "JPEG", **turned()}, "holds 1 turned by EXIF jpeg"),
        ([image(0)], {"kind": "PNG", "save_all": True, "append_images": [image(1)]}, "holds 1 an animation png"),
    ],
)
def test_images_that_have_to_be_converted_first_are_refused(tmp_path, images, options, message):
    path = archive_of(tmp_path / "odd.zip", *images, **options)
    for read in (read_info, verify, inspect):
        with pytest.raises(DatasetError, match=f"{message}.*: prepare it with prepare_data.py --format zip") as caught:
            read(path)
        assert "\n" not in str(caught.value)
