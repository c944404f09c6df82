from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from gansformer_tf.drawing.sampler import Sampler
from gansformer_tf.image_files import is_sheet, read_metadata, save_image
from gansformer_tf.visualize.generate import compact, crop_box, generate_images
from gansformer_tf.visualize.image_folder import ImageExistsError
from tests.visualize.fakes import FakeGenerator, tiny_config


def sampler(**settings):
    return Sampler(FakeGenerator(settings.pop("config", None)), **settings)


def write(folder, seeds=range(5), samplers=None, **options):
    return generate_images(samplers or [sampler(batch_size=2)], seeds, folder, progress=False, **options)


def pixels(path):
    return np.asarray(Image.open(path))


def test_one_image_per_seed_with_metadata(tmp_path):
    written = write(tmp_path, model="abc")
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"seed000{seed}.png" for seed in range(5)]
    assert len(written.new) == 5 and not written.kept
    metadata = read_metadata(tmp_path / "seed0003.png")
    assert (metadata["seed"], metadata["truncation_psi"], metadata["model"]) == (3, 0.7, "abc")


def test_batch_size_and_devices_do_not_change_an_image(tmp_path):
    write(tmp_path / "one", samplers=[sampler(batch_size=1)])
    write(tmp_path / "four", samplers=[sampler(batch_size=4)])
    generator = FakeGenerator()
    write(tmp_path / "devices", samplers=[Sampler(generator, batch_size=2, device="cpu:0") for _ in range(2)])
    for seed in range(5):
        expected = pixels(tmp_path / "one" / f"seed000{seed}.png")
        for other in ("four", "devices"):
            np.testing.assert_array_equal(pixels(tmp_path / other / f"seed000{seed}.png"), expected)


def test_devices_keep_the_order_of_the_seeds(tmp_path):
    write(tmp_path, seeds=range(9), samplers=[sampler(batch_size=2), sampler(batch_size=2)], grid=True)
    alone = write(tmp_path / "alone", seeds=range(9), grid=True)
    np.testing.assert_array_equal(pixels(tmp_path / "grid.png"), pixels(tmp_path / "alone" / "grid.png"))
    assert len(alone.new) == 10


def test_the_same_call_again_finishes_the_work(tmp_path):
    write(tmp_path)
    (tmp_path / "seed0002.png").unlink()
    again = write(tmp_path)
    assert [path.name for path in again.new] == ["seed0002.png"] and len(again.kept) == 4


def test_images_of_other_settings_are_not_replaced(tmp_path):
    write(tmp_path, seeds=[4])
    before = pixels(tmp_path / "seed0004.png")
    with pytest.raises(ImageExistsError, match="seed0004.png exists"):
        write(tmp_path, samplers=[sampler(truncation_psi=0.2)])
    assert [path.name for path in tmp_path.iterdir()] == ["seed0004.png"], "nothing may be drawn after a clash"
    write(tmp_path, samplers=[sampler(truncation_psi=0.2)], overwrite=True)
    assert not np.array_equal(pixels(tmp_path / "seed0004.png"), before)


@pytest.mark.parametrize("form", ["png", "jpg", "webp", "tiff"])
def test_sheets_and_panels_say_that_they_are_no_samples(tmp_path, form):
    write(tmp_path, seeds=[1, 2], grid=True, attention=True, image_format=form)
    found = {path.stem: is_sheet(path) for path in tmp_path.iterdir()}
    assert found == {
        "grid": True,
        "seed0001": False,
        "seed0001-attention": True,
        "seed0002": False,
        "seed0002-attention": True,
    }


def test_a_foreign_file_is_not_replaced(tmp_path):
    (tmp_path / "seed0000.png").write_bytes(b"my notes")
    with pytest.raises(ImageExistsError):
        write(tmp_path)
    assert (tmp_path / "seed0000.png").read_bytes() == b"my notes"


@pytest.mark.parametrize("form", ["jpg", "webp"])
def test_other_formats_carry_the_metadata_too(tmp_path, form):
    write(tmp_path, seeds=[1], image_format=form)
    assert read_metadata(tmp_path / f"seed0001.{form}")["seed"] == 1
    assert Image.open(tmp_path / f"seed0001.{form}").size == (16, 16)


def test_attention_panels_beside_the_images(tmp_path):
    write(tmp_path, seeds=[1], attention=True)
    panel = pixels(tmp_path / "seed0001-attention.png")
    assert panel.shape[1] >= 4 * 128 and panel.shape[0] > 128


def test_attention_of_a_model_without(tmp_path):
    plain = tiny_config(transformer=False, num_components=1)
    with pytest.raises(ValueError, match="no attention"):
        write(tmp_path, samplers=[sampler(config=plain)], attention=True)
    assert not list(tmp_path.iterdir())


def test_labels_are_taken_in_turn(tmp_path):
    config = tiny_config(label_dim=3)
    write(tmp_path, samplers=[sampler(config=config, batch_size=2)], classes=[2, 0])
    labels = [read_metadata(tmp_path / f"seed000{seed}.png")["label"] for seed in range(5)]
    assert labels == [2, 0, 2, 0, 2]


def test_sheets_of_many_images(tmp_path, monkeypatch):
    monkeypatch.setattr("gansformer_tf.visualize.generate.SECTION_SIZE", 2)
    write(tmp_path, grid=True)
    sheets = [pixels(tmp_path / f"grid-00{index}.png") for index in range(3)]
    single = [pixels(tmp_path / f"seed000{seed}.png") for seed in range(5)]
    np.testing.assert_array_equal(sheets[1], np.concatenate(single[2:4], axis=1))
    np.testing.assert_array_equal(sheets[2], single[4])
    (tmp_path / "grid-001.png").unlink()
    assert [path.name for path in write(tmp_path, grid=True).new] == ["grid-001.png"]
    np.testing.assert_array_equal(pixels(tmp_path / "grid-001.png"), sheets[1])


def test_transparent_images_are_no_jpeg(tmp_path):
    with pytest.raises(ValueError, match="png or webp"):
        write(tmp_path, samplers=[sampler(config=tiny_config(image_channels=4))], image_format="jpg")
    write(tmp_path, samplers=[sampler(config=tiny_config(image_channels=4))], seeds=[1])
    assert pixels(tmp_path / "seed0001.png").shape == (16, 16, 4)


def test_noise_modes():
    quiet = next(sampler(noise_mode="none").samples([3])).pixels
    noisy = next(sampler(noise_mode="random").samples([3])).pixels
    assert (quiet == quiet[:1]).all() and not (noisy == noisy[:1]).all()
    with pytest.raises(ValueError, match="noise mode"):
        sampler(noise_mode="loud")


def test_crop_box():
    assert crop_box(16, 16, None) == (slice(0, 16), slice(0, 16))
    assert crop_box(16, 16, 0.5) == (slice(4, 12), slice(0, 16))
    assert crop_box(16, 16, 2.0) == (slice(0, 16), slice(4, 12))
    with pytest.raises(ValueError, match="greater than 0"):
        crop_box(16, 16, 0.0)
    with pytest.raises(ValueError, match="leaves nothing"):
        crop_box(16, 16, 0.001)


def test_ratio_crops_image_and_panel(tmp_path):
    write(tmp_path, seeds=[1], ratio=0.5, attention=True)
    assert pixels(tmp_path / "seed0001.png").shape == (8, 16, 3)


def test_unwritable_folder(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="cannot write to the folder"):
        write(tmp_path / "file")


def test_a_failed_write_leaves_nothing(tmp_path, monkeypatch):
    def full(self, file, **options):
        file.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full)
    with pytest.raises(OSError, match="No space"):
        save_image(tmp_path / "a.png", np.zeros((2, 2, 3), np.uint8))
    assert not list(tmp_path.iterdir())


def test_compact_seeds():
    assert compact([0, 1, 2, 7, 9, 10]) == "0-2,7,9-10"
