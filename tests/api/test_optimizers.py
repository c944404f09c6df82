"""What `compile` takes as optimizers: rates, names, any of Keras's, and what it refuses."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from gansformer_tf.config import ConfigError
from tests.api.small_gan import make_gan, small_data, weights

# Nothing is compiled, which takes longer than a few steps.
pytestmark = pytest.mark.usefixtures("eager_module")

ADAM, SGD = keras.optimizers.Adam, keras.optimizers.SGD


@pytest.fixture(scope="module")
def gan():
    return make_gan()


def kinds(gan):
    return {network: optimizer.name for network, optimizer in gan._steps.trainer.optimizers.items()}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, {"G": "adam", "D": "adam"}),
        ({"g_optimizer": 0.001}, {"G": "adam", "D": "adam"}),
        ({"g_optimizer": ADAM(1e-3, 0.5, 0.9), "d_optimizer": ADAM(1e-4, 0.5, 0.9)}, {"G": "adam", "D": "adam"}),
        ({"g_optimizer": ADAM(1e-3, 0.5, 0.9)}, {"G": "keras", "D": "adam"}),  # D keeps the decays of the settings
        ({"g_optimizer": ADAM(1e-3, 0.5, 0.9), "d_optimizer": "rmsprop"}, {"G": "adam", "D": "keras"}),
        ({"g_optimizer": ADAM(1e-3, amsgrad=True), "d_optimizer": "sgd"}, {"G": "keras", "D": "keras"}),
        ({"g_optimizer": ADAM(1e-3), "d_optimizer": ADAM(1e-3, clipnorm=1.0)}, {"G": "adam", "D": "keras"}),
    ],
)
def test_what_settings_can_say_is_the_script_s_adam(given, expected, gan):
    gan.settings = make_gan().settings if gan.settings.adam_beta1 else gan.settings
    gan.compile(**given)
    assert kinds(gan) == expected
    if isinstance(given.get("g_optimizer"), ADAM) and expected["G"] == "adam":
        assert (gan.settings.g_learning_rate, gan.settings.adam_beta1) == (1e-3, given["g_optimizer"].beta_1)


def test_training_with_others_goes_on_where_it_was_saved(tmp_path):
    """Two networks with different ones, in mixed precision, with penalties of their own steps."""
    optimizers = {"g_optimizer": keras.optimizers.AdamW(1e-4, 0.5, 0.9), "d_optimizer": SGD(1e-4, momentum=0.9)}
    gan = make_gan(precision="mixed")
    gan.compile(**optimizers)
    gan.fit(small_data(), epochs=1, verbose=0)
    gan.save(tmp_path / "gan.keras")
    history = gan.fit(small_data(), epochs=2, initial_epoch=1, verbose=0).history
    assert np.isfinite(history["loss"]).all() and gan.steps_done == 4
    assert int(gan._steps.trainer.g_optimizer.step) == 4  # path length is off
    assert int(gan._steps.trainer.d_optimizer.step) == 6  # and two of R1
    again = keras.models.load_model(tmp_path / "gan.keras")
    assert kinds(again) == {"G": "keras", "D": "keras"}
    again.fit(small_data(), epochs=2, initial_epoch=1, verbose=0)
    state = weights(again)
    for name, value in weights(gan).items():
        np.testing.assert_array_equal(state[name], value, err_msg=name)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"g_optimizer": "sdg"}, "g_optimizer is 'sdg'; give a learning rate, an optimizer of keras.optimizers, or "),
        ({"d_optimizer": object()}, "d_optimizer is a object; give a learning rate"),
        ({"g_optimizer": SGD}, "g_optimizer is a type; give a learning rate"),
        ({"g_optimizer": SGD(use_ema=True)}, "has use_ema=True; leave it out, .*ema_half_life_kimg"),
        ({"g_optimizer": SGD(gradient_accumulation_steps=2)}, "set batch_size_per_replica"),
        ({"d_optimizer": keras.optimizers.LossScaleOptimizer(SGD())}, "LossScaleOptimizer, which holds other ones"),
        ({"g_optimizer": SGD(), "g_learning_rate": 0.1}, "g_learning_rate and g_optimizer are both given; leave one"),
        ({"g_optimizer": SGD(), "d_optimizer": SGD(), "adam_beta1": 0.5}, "adam_beta1 and g_optimizer are both given"),
        ({"g_optimizer": -1.0}, "g_learning_rate is -1.0"),
        ({"g_optimizer": SGD(lambda: 0.1)}, "learning rate is a function; give a number, or a schedule of"),
    ],
)
def test_a_wrong_one_is_told_in_one_line(given, message, gan):
    before = gan.settings
    with pytest.raises(ConfigError, match=message) as error:
        gan.compile(**given)
    assert "\n" not in str(error.value) and gan.settings == before
