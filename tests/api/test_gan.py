"""Training with Keras's `fit`: the script's steps bit for bit, Keras's callbacks, several devices, labels, saving.

Nothing is compiled here, which takes longer than a few steps; two devices do it in a process of their own, and come to
the same state.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

import gansformer_tf as gf
from gansformer_tf.config import ConfigError, DataConfig, RunConfig
from gansformer_tf.config.data import PrepareConfig
from gansformer_tf.data.prepare.prepare import prepare
from gansformer_tf.data.sources.scenes import SceneSource
from gansformer_tf.training.errors import TrainingError
from gansformer_tf.training.run_dir import RunDir
from gansformer_tf.training.trainer import Trainer
from tests.api.small_gan import IMAGES, make_gan, small_data, weights

# Nothing is compiled, which takes longer than a few steps.
pytestmark = pytest.mark.usefixtures("eager_module")

STEPS = 3


def test_steps_of_fit_are_steps_of_the_script_bit_for_bit(tmp_path):
    """Path length and R1 in some steps, ADA that moves, averages, two parts of a batch."""
    prepare(SceneSource(12, (8, 8)), PrepareConfig(name="tiny", resolution=8, encoding="png"), tmp_path)
    settings = {"augment": "ada", "augment_p": 0.2, "ada_interval": 1, "augment_pipe": "blit", "path_length": True}
    settings |= {"g_reg_interval": 2, "d_reg_interval": 2, "batch_size_per_replica": 2}
    gan = make_gan(**settings)
    train = gan.settings.__class__(**{**vars(gan.settings), "total_kimg": STEPS * 4 / 1000})
    run_dir = RunDir(tmp_path / "run-000")
    run_dir.create()
    data = DataConfig(dataset="tiny", data_dir=str(tmp_path))
    run = Trainer(RunConfig(gan.model_config, data, train), run_dir, progress=False)
    run._write_first_samples = run._write_snapshot = run._finish = lambda: None  # only the steps
    run.train()
    gan.compile()
    images = gf.data.training_dataset(tmp_path / "tiny", batch_size=4, seed=train.seed)
    gan.fit(images, epochs=1, steps_per_epoch=STEPS, verbose=0)
    ours = {name: variable.numpy() for name, variable in gan._steps.trainer.state().items()}
    theirs = {name: variable.numpy() for name, variable in run.train_step.state().items()}
    assert ours.keys() == theirs.keys() and gan.steps_done == run.step == STEPS
    for name, value in theirs.items():
        np.testing.assert_array_equal(ours[name], value, err_msg=name)
    assert ours["augment/p"] != np.float32(0.2) and ours["path_mean"] != 0.0


@pytest.fixture(scope="module")
def trained():
    """The state after two epochs in one piece."""
    gan = make_gan()
    gan.compile()
    history = gan.fit(small_data(), epochs=2, verbose=0)
    return weights(gan), history.history, gan


def test_logs_have_the_means_of_an_epoch(trained):
    _, history, _ = trained
    assert {"loss", "g_loss", "d_loss", "score_real", "penalty_r1", "gradient_norm_d"} <= history.keys()
    assert len(history["loss"]) == 2 and np.isfinite(history["loss"]).all()
    np.testing.assert_allclose(history["loss"], np.add(history["g_loss"], history["d_loss"]), rtol=1e-5)


def test_a_restart_goes_on_exactly_with_every_callback_of_keras(trained, tmp_path):
    def callbacks():
        best = keras.callbacks.ModelCheckpoint(
            tmp_path / "best.weights.h5", monitor="d_loss", mode="min", save_weights_only=True
        )
        return [
            gf.callbacks.SampleGrid(tmp_path / "samples", every=2, rows=1, columns=2),
            best,
            keras.callbacks.BackupAndRestore(tmp_path / "backup", delete_checkpoint=False),
            keras.callbacks.TerminateOnNaN(),
            keras.callbacks.TensorBoard(tmp_path / "logs"),
            keras.callbacks.CSVLogger(tmp_path / "log.csv", append=True),
        ]

    gan = make_gan()
    gan.compile()
    gan.fit(small_data(), epochs=1, verbose=0, callbacks=callbacks())
    again = make_gan(seed=5)  # everything has to come from the file, the seed of the draws excepted
    again.settings = gan.settings
    again.compile()
    again.fit(small_data(), epochs=2, verbose=0, callbacks=callbacks())
    for name, value in trained[0].items():
        np.testing.assert_array_equal(weights(again)[name], value, err_msg=name)
    rows = (tmp_path / "log.csv").read_text().splitlines()
    assert rows[0].startswith("epoch,") and [row.split(",")[0] for row in rows[1:]] == ["0", "1"]
    assert {file.name for file in (tmp_path / "samples").iterdir()} == {"epoch-0001.png", "epoch-0002.png"}
    assert list((tmp_path / "logs").rglob("events*")) and (tmp_path / "best.weights.h5").is_file()


def test_nan_ends_training(tmp_path):
    gan = make_gan(d_reg="none")
    gan.compile(g_loss=lambda scores: scores.fake * float("nan"))
    history = gan.fit(small_data(), epochs=3, verbose=0, callbacks=[keras.callbacks.TerminateOnNaN()])
    assert len(history.history["loss"]) == 1 and gan.steps_done == 1
    gan.compile(g_loss=lambda scores: scores.fake * float("nan"), max_skipped_steps=2)
    with pytest.raises(TrainingError, match="gradients of G were not finite 2 times in a row"):
        gan.fit(small_data(), epochs=3, verbose=0)


def test_saving_keeps_everything(trained, tmp_path):
    _, _, gan = trained
    state = weights(gan)
    gan.save(tmp_path / "gan.keras")
    loaded = keras.models.load_model(tmp_path / "gan.keras")
    assert loaded.settings == gan.settings and loaded.steps_done == gan.steps_done
    for name, value in weights(loaded).items():
        np.testing.assert_array_equal(value, state[name], err_msg=name)
    np.testing.assert_array_equal(loaded.sample([3]), gan.sample([3]))
    written = gan.model().save(tmp_path / "mine.safetensors")
    np.testing.assert_array_equal(gf.load(written).sample([3]), gan.sample([3]))


def test_labels_and_bfloat16():
    gan = make_gan(label_dim=3, precision="bfloat16")
    adam = keras.optimizers.Adam(1e-3, beta_1=0.0, beta_2=0.9)
    gan.compile(gamma=1.0, d_reg="r1,r2", g_optimizer=adam, d_optimizer=adam)
    assert gan.settings.g_learning_rate == 1e-3 and gan.settings.adam_beta2 == pytest.approx(0.9)
    data = tf.data.Dataset.from_tensor_slices((IMAGES, np.arange(8) % 3)).batch(4, drop_remainder=True)
    history = gan.fit(data, epochs=1, verbose=0).history
    assert np.isfinite(history["penalty_r2"]).all()
    assert gan.sample([1], labels=[2]).shape == (1, 8, 8, 3)


def test_another_batch_size_goes_on(trained):
    gan = trained[2]
    gan.fit(small_data(2), epochs=1, steps_per_epoch=1, verbose=0)
    assert gan.steps_done == 5 and gan.settings.batch_size == 2
    assert int(gan._steps.trainer.g_optimizer.step) >= 5


def test_two_devices_train_like_one(trained, tmp_path):
    path = tmp_path / "two.npz"
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("small_gan.py")), str(path)],
        capture_output=True,
        text=True,
        timeout=500,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    two = np.load(path)
    assert set(two.files) == set(trained[0])
    for name, value in trained[0].items():
        np.testing.assert_allclose(two[name], value, atol=5e-5, rtol=2e-3, err_msg=name)


def images(dtype=tf.uint8, shape=(8, 8, 3), rest=True):
    return tf.data.Dataset.from_tensor_slices(tf.zeros([8, *shape], dtype)).batch(4, drop_remainder=rest)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (np.zeros((4, 8, 8, 3), np.uint8), "data is a ndarray; fit takes a tf.data.Dataset"),
        (images(tf.float32), "images are float32; fit takes uint8 from 0 to 255"),
        (images(shape=(3, 8, 8)), "channels first; transpose them"),
        (images(shape=(16, 16, 3)), r"these networks take \[batch, \*\(8, 8, 3\)\]"),
        (images().unbatch(), "fit takes batches"),
        (images(rest=False), "the batches have no fixed size"),
        (images().repeat(), "give steps_per_epoch"),
        (tf.data.Dataset.zip(images(), images()), "the data have labels, this GAN has none"),
    ],
)
def test_wrong_data_are_told_in_one_line(trained, data, message):
    with pytest.raises(ConfigError, match=message) as error:
        trained[2].fit(data, verbose=0)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"gama": 1.0}, "gama is no setting"),
        ({"tick_kimg": 1.0}, "run folders"),
        ({"precision": "mixed"}, "from_preset"),
        ({"g_loss": "nothing"}, "g_loss is 'nothing'; it must be one of"),
    ],
)
def test_wrong_settings_are_told_in_one_line(trained, settings, message):
    with pytest.raises(ConfigError, match=message):
        trained[2].compile(**settings)


def test_presets_by_name():
    gan = gf.GAN.from_preset("gansformer-small", (16, 8), num_components=2, latent_size=16, channel_max=8, gamma=2)
    config = gan.model_config
    assert (config.generator.height, config.generator.width, gan.settings.gamma) == (16, 8, 2)
    assert config.generator.num_components == config.discriminator.num_components == 2
    with pytest.raises(ConfigError, match="num_component is no setting.*did you mean num_components"):
        gf.GAN.from_preset("gansformer-small", 8, num_component=2)
    with pytest.raises(ConfigError, match="not compiled"):
        gan.fit(images())


@pytest.mark.parametrize("name", ["gansformer-default", "paper", "StyleGAN3-T", "CREPS"])
def test_networks_leave_nothing_for_keras_to_build(name):
    """On several devices Keras would otherwise call the model on a batch of images."""
    gan = gf.GAN.from_preset(name, 8, channel_max=4, channel_base=16)
    assert [layer.path for layer in gan._flatten_layers() if not layer.built] == []
