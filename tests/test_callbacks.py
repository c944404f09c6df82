"""Callbacks of `GAN.fit`."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from PIL import Image

import gansformer_tf as gf
from gansformer_tf.config import ConfigError
from gansformer_tf.image_files import is_sheet
from tests.api.small_gan import make_gan, small_data

# Nothing is compiled, which takes longer than a few steps.
pytestmark = pytest.mark.usefixtures("eager")


class Fixed:
    """A feature network of four numbers."""

    label, distance_label, feature_dim, num_classes, batch_size = "fixed", "fixed", 4, 0, 4

    def __call__(self, images):
        flat = np.asarray(images, np.float32).reshape(len(images), -1)
        return flat[:, :4], np.zeros((len(images), 0), np.float32)

    def describe(self):
        return {"network": "fixed"}


def test_metrics_are_in_the_logs_before_other_callbacks_look(tmp_path, monkeypatch):
    monkeypatch.setattr("gansformer_tf.callbacks.feature_network", lambda *_, **__: Fixed())
    monkeypatch.setenv("GANSFORMER_TF_CACHE", str(tmp_path / "cache"))
    gan = make_gan()
    gan.compile()
    metrics = gf.callbacks.Metrics(["fid"], every=3, images_num=6, batch_size=4)  # against the images of fit
    best = keras.callbacks.ModelCheckpoint(
        tmp_path / "{epoch}.weights.h5",
        monitor="val_fid-fixed",
        mode="min",
        save_weights_only=True,
        save_best_only=True,
    )
    grid = gf.callbacks.SampleGrid(tmp_path / "samples", every=2, rows=1, columns=2)
    history = gan.fit(small_data(), epochs=3, verbose=0, callbacks=[metrics, best, grid]).history
    numbers = history["val_fid-fixed"]
    assert np.isfinite(numbers).all() and numbers[0] == numbers[1] != numbers[2]
    assert (tmp_path / "1.weights.h5").is_file() and not (tmp_path / "2.weights.h5").is_file()
    sheets = sorted((tmp_path / "samples").iterdir())
    assert [sheet.name for sheet in sheets] == ["epoch-0002.png", "epoch-0003.png"] and is_sheet(sheets[0])
    width, height = Image.open(sheets[1]).size
    assert width >= 16 and height >= 8


def test_reals_are_held_once_and_those_that_are_given_come_first(monkeypatch):
    monkeypatch.setattr("gansformer_tf.callbacks.feature_network", lambda *_, **__: Fixed())
    gan = make_gan()
    gan.compile()
    for given, wanted in ((None, 4), (small_data().take(1), 4)):
        metrics = gf.callbacks.Metrics(["fid"], reals=given, images_num=100)
        metrics.set_model(gan)
        gan._steps.data = small_data().take(1) if given is None else small_data()
        metrics.on_train_begin()
        held = metrics._reals
        metrics.on_train_begin()
        assert metrics._reals is held and len(held) == wanted
    metrics = gf.callbacks.Metrics(["fid"])
    metrics.set_model(gan)
    gan._steps.data = small_data().repeat()
    with pytest.raises(ConfigError, match="reals has no end; give a finite dataset"):
        metrics.on_train_begin()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: gf.callbacks.Metrics("fid", small_data()), r"give a list of names, such as \['fid'\]"),
        (lambda: gf.callbacks.Metrics(["fied"], small_data()), "must be one of"),
        (lambda: gf.callbacks.SampleGrid("samples", every=0), "every is 0; it must be greater than 0"),
    ],
)
def test_wrong_calls_are_told(make, message):
    with pytest.raises(ConfigError, match=message):
        make()
