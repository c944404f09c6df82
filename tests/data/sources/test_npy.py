"""Arrays: what their axes mean, and `.npz` files."""

from __future__ import annotations

import numpy as np
import pytest

from gansformer_tf.config.data import SourceOptions
from gansformer_tf.data.sources import arrays as module
from gansformer_tf.data.sources.base import SourceError
from gansformer_tf.data.sources.open import open_source


def digits(count: int, *shape: int) -> np.ndarray:
    return np.random.RandomState(count).randint(0, 256, (count, *(shape or (28, 28))), np.uint8)


def pixels(source):
    return [item.array for item in source.read(range(len(source)))]


@pytest.mark.parametrize("count", [50, 4, 3, 1])
def test_a_file_without_a_channel_axis_holds_grey_images(tmp_path, count):
    np.save(tmp_path / "digits.npy", digits(count))
    np.testing.assert_array_equal(pixels(open_source(tmp_path / "digits.npy")), digits(count))


def test_a_file_of_one_image(tmp_path):
    np.save(tmp_path / "one.npy", digits(20, 24, 3)[0][None].repeat(20, 0))
    assert [found.shape for found in pixels(open_source(tmp_path / "one.npy"))] == [(20, 24, 3)]


def test_files_of_a_folder(tmp_path):
    np.save(tmp_path / "0.npy", digits(3, 20, 24))  # channels first
    np.save(tmp_path / "1.npy", digits(7, 20, 24))  # grey images
    np.savez(tmp_path / "2.npz", digits(2, 20, 24, 3))
    shapes = [found.shape for found in pixels(open_source(tmp_path))]
    assert shapes == [(3, 20, 24), *[(20, 24)] * 7, *[(20, 24, 3)] * 2]


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("version", [1, 2])
def test_npz_files(tmp_path, save, version, monkeypatch):
    images = digits(6)
    if version == 2:  # of the header
        monkeypatch.setattr(np.lib.format, "write_array_header_1_0", np.lib.format.write_array_header_2_0)
    save(tmp_path / "digits.npz", images=np.asfortranarray(images), labels=np.arange(6))
    np.testing.assert_array_equal(pixels(open_source(tmp_path / "digits.npz")), images)


def test_npz_files_with_several_arrays(tmp_path):
    np.savez(tmp_path / "d.npz", train_images=digits(6), test_images=digits(2), train_labels=np.arange(6))
    with pytest.raises(SourceError, match="has 2 arrays of images .train_images, test_images.; choose one with --arr"):
        open_source(tmp_path / "d.npz")
    with pytest.raises(SourceError, match="none of them named 'x'"):
        open_source(tmp_path / "d.npz", options=SourceOptions(array_key="x"))
    assert len(open_source(tmp_path / "d.npz", options=SourceOptions(array_key="test_images"))) == 2


def test_npz_files_that_cannot_be_read(tmp_path, monkeypatch):
    np.savez_compressed(tmp_path / "big.npz", digits(6))
    (tmp_path / "no.npz").write_bytes(b"no archive")
    np.savez(tmp_path / "objects.npz", np.array([{}]))
    monkeypatch.setattr(module, "MAX_LOADED_BYTES", 100)
    for name, message in (
        ("big", "is compressed and has .* bytes, over the limit of 100; save it with np.savez"),
        ("no", "not a zip file"),
        ("objects", "Python objects"),
    ):
        with pytest.raises(SourceError, match=message):
            open_source(tmp_path / f"{name}.npz")
