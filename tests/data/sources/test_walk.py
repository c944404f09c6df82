"""What counts as data in folders and archives, and that the rest is counted."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from gansformer_tf.config.data import SourceOptions
from gansformer_tf.data.sources.base import SourceError
from gansformer_tf.data.sources.open import guess_format, open_source
from gansformer_tf.data.sources.walk import is_no_data, listed, walk
from tests.data import makers
from tests.data.sources.test_labels import write

IMAGE = makers.encoded(makers.random_image(0))


def saved(format: str) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(makers.random_image(1)).save(buffer, format)
    return buffer.getvalue()


def names_of(source):
    return [source.name(index) for index in range(len(source))]


@pytest.mark.parametrize("name", [".git", ".DS_Store", "._0.png", "@eaDir", "__MACOSX", "Thumbs.db", "DESKTOP.INI"])
def test_names_that_are_no_data(name):
    assert is_no_data(name) and not is_no_data(name.lstrip("._@") + "x")


HIDDEN = {
    "cat/0.png": IMAGE,
    "dog/1.png": IMAGE,
    "dog/@eaDir/1.png/SYNOPHOTO_THUMB_S.jpg": IMAGE,
    ".ipynb_checkpoints/cover.png": IMAGE,
    "__MACOSX/cat/._0.png": IMAGE,
    "cat/._0.png": IMAGE,
    "cat/Thumbs.db": b"",
    "cat/.DS_Store": b"",
}


@pytest.mark.parametrize("kind", ["folder", "zip"])
def test_hidden_names_are_neither_images_nor_classes(tmp_path, kind):
    source = open_source(write(tmp_path, HIDDEN, kind), options=SourceOptions(labels="folders"))
    assert names_of(source) == ["cat/0.png", "dog/1.png"] and source.class_names == ("cat", "dog")
    assert source.left_out == {"hidden": 4}


def test_a_hidden_folder_can_be_given_itself(tmp_path):
    write(tmp_path, {".cache/0.png": IMAGE}, "folder")
    assert names_of(open_source(tmp_path / "in" / ".cache")) == ["0.png"]


def test_a_link_to_above_brings_in_no_neighbours(tmp_path):
    write(tmp_path, {"mine/0.png": IMAGE, "theirs/1.png": IMAGE}, "folder")
    (tmp_path / "in" / "mine" / "up").symlink_to("..")
    (tmp_path / "in" / "mine" / "beside").symlink_to("../theirs")  # asked for by name
    assert names_of(open_source(tmp_path / "in" / "mine")) == ["0.png", "beside/1.png"]


EXTENSIONS = {
    "0.jpg": saved("JPEG"),
    "1.jfif": saved("JPEG"),
    "2.JPEG": saved("JPEG"),
    "3.gif": saved("GIF"),
    "4.bmp": saved("BMP"),
    "5": saved("PNG"),
    "6.tif": saved("TIFF"),
    "7.TIF": saved("TIFF"),
    "8.txt": b"a cat",
    "9": b"",
}


@pytest.mark.parametrize("kind", ["folder", "zip"])
def test_the_content_decides_and_the_rest_is_counted(tmp_path, kind):
    source = open_source(write(tmp_path, EXTENSIONS, kind))
    assert names_of(source) == ["0.jpg", "1.jfif", "2.JPEG", "3.gif", "4.bmp", "5"]
    assert all(item.problem is None for item in source.read(range(6)))
    assert listed(source.left_out) == "2 .tif, 1 .txt, 1 without an extension"


def test_a_folder_without_any_image_says_what_it_holds(tmp_path):
    with pytest.raises(SourceError, match=r"holds no .* file \(it holds 1 .tif\); check"):
        open_source(write(tmp_path, {"a.tif": saved("TIFF")}, "folder"))


def test_an_array_among_images_is_left_out_and_an_image_among_arrays_is_asked_about(tmp_path):
    place = write(tmp_path, {"0.png": IMAGE, "1.png": IMAGE}, "folder")
    np.save(place / "features.npy", np.zeros((10, 512), np.uint8))
    source = open_source(place)
    assert names_of(source) == ["0.png", "1.png"] and source.left_out == {".npy": 1}
    for index in range(3):
        np.save(place / f"{index}.npy", makers.random_image(index))
    with pytest.raises(SourceError, match="holds 4 array.s. and 2 image.s.; say which are meant with --format"):
        guess_format(place)
    assert open_source(place, "npy").left_out == {".png": 2}


def test_the_walk_takes_every_name_literally(tmp_path):
    place = tmp_path / "set [v2]*?"
    (place / "[a]").mkdir(parents=True)
    (place / "[a]" / "0*.png").write_bytes(IMAGE)
    assert list(walk(place)) == ["[a]/0*.png"]
