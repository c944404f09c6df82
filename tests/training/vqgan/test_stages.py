"""Both stages learn, and go on exactly where they were stopped."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from gansformer_tf.config.vqgan import (
    AutoencoderConfig,
    CodeTransformerConfig,
    PatchDiscriminatorConfig,
    Stage1LossConfig,
)
from gansformer_tf.models.vqgan.autoencoder import VQAutoencoder
from gansformer_tf.models.vqgan.discriminator import PatchDiscriminator
from gansformer_tf.models.vqgan.transformer import CodeTransformer
from gansformer_tf.training.checkpoint import CheckpointStore
from gansformer_tf.training.vqgan.stages import FirstStage, SecondStage

FIRST = {
    "height": 8,
    "width": 16,
    "channels": 32,
    "channel_multipliers": (1, 1),
    "blocks_per_level": 0,
    "attention_sizes": (),
    "latent_channels": 4,
    "num_codes": 16,
    "code_dim": 4,
}
SECOND = {"num_codes": 16, "num_tokens": 32, "num_positions": 32, "num_layers": 1, "num_heads": 2, "width": 16}


def images(step: int, batch: int = 4) -> np.ndarray:
    """Images of one colour each, with a stripe."""
    random = np.random.default_rng(step)
    made = np.tile(random.uniform(-1, 1, (batch, 1, 1, 3)), (1, 8, 16, 1))
    made[:, :, 4:8] *= -1
    return made.astype(np.float32)


def first_stage(start: int = 0, seed: int = 5, **changes) -> FirstStage:
    keras.utils.set_random_seed(1)
    autoencoder = VQAutoencoder(AutoencoderConfig(**FIRST | {"dropout": 0.1} | changes))
    discriminator = PatchDiscriminator(PatchDiscriminatorConfig(channels=4, num_layers=1))
    config = Stage1LossConfig(discriminator_start=start)
    return FirstStage(autoencoder, discriminator, config, learning_rate=2e-3, seed=seed)


def second_stage(seed: int = 5) -> SecondStage:
    keras.utils.set_random_seed(1)
    transformer = CodeTransformer(CodeTransformerConfig(**SECOND, residual_dropout=0.1, token_keep=0.9, label_dim=2))
    autoencoder = VQAutoencoder(AutoencoderConfig(**FIRST))
    autoencoder.quantizer.codebook.assign(np.random.default_rng(0).standard_normal((16, 4)))
    return SecondStage(transformer, autoencoder, learning_rate=1e-2, seed=seed)


def values(stage) -> dict[str, np.ndarray]:
    return {name: np.array(variable) for name, variable in stage.state().items()}


def error(stage: FirstStage) -> float:
    return float(tf.reduce_mean(tf.abs(stage.autoencoder(images(0))[0] - images(0))))


def test_the_first_stage_learns_and_its_discriminator_starts_at_its_image():
    stage = first_stage(start=100)
    stage.start_codes(images(0))
    before = error(stage)
    logs = [stage.run(images(0)) for _ in range(30)]
    assert error(stage) < 0.6 * before
    started = [float(log["discriminator_loss"]) > 0 for log in logs]
    assert started == [False] * 25 + [True] * 5  # 4 images each
    assert int(stage.images_seen) == 120
    used, spread = stage.codes_used()
    assert 1 < used <= 16 and 1.0 < spread <= used + 1e-3
    assert int(tf.reduce_sum(stage.usage)) == 30 * 4 * 32


def test_the_second_stage_learns():
    stage, labels = second_stage(), tf.one_hot([0, 1, 0, 1], 2)
    before = float(stage.held_out(images(100), labels))
    frozen = [np.array(variable) for variable in stage.autoencoder.variables]
    for step in range(30):
        stage.run(images(step), labels)
    assert float(stage.held_out(images(100), labels)) < before - 0.5
    for old, variable in zip(frozen, stage.autoencoder.variables, strict=True):
        np.testing.assert_array_equal(old, variable)


@pytest.mark.parametrize("which", ["first", "second"])
def test_a_stage_goes_on_exactly(which, tmp_path):
    make = first_stage if which == "first" else second_stage
    labels = () if which == "first" else (tf.one_hot([0, 1, 0, 1], 2),)
    whole, store = make(), CheckpointStore(tmp_path)
    for step in range(4):
        if step == 2:
            store.save(step, whole.state(), {})
        whole.run(images(step), *labels)
    again = make()
    for step in range(3):  # a state of its own, to be overwritten
        again.run(images(step + 50), *labels)
    assert store.restore(again.state()) is not None
    for step in range(2, 4):
        again.run(images(step), *labels)
    expected, found = values(whole), values(again)
    assert expected.keys() == found.keys()
    for name, value in expected.items():
        np.testing.assert_array_equal(found[name], value, err_msg=name)


def test_the_state_holds_every_variable():
    stage = first_stage()
    networks = (stage.autoencoder, stage.discriminator)
    kept = sum(len(network.variables) + 2 * len(network.trainable_variables) + 1 for network in networks)
    assert len(stage.state()) == kept + 2


def test_another_seed_draws_another_dropout():
    first, other = (first_stage(seed=seed).run(images(0)) for seed in (1, 2))
    assert float(first["reconstruction"]) != float(other["reconstruction"])


def test_codes_that_nothing_takes_come_back():
    stage = first_stage()
    codebook = stage.autoencoder.quantizer.codebook
    codebook.assign(np.concatenate([np.zeros((1, 4)), np.full((15, 4), 100.0)]))
    logs = stage.run(images(0))
    assert stage.codes_used()[0] == 1
    assert any("1 of 16 codes are in use, less than 10%; restart the others" in line for line in stage.concerns(logs))
    assert stage.restart_codes(images(1, 16)) == 15
    assert stage.codes_used()[0] == 0
    stage.run(images(1))
    assert stage.codes_used()[0] > 3


def test_a_weight_out_of_its_range_is_told():
    stage = first_stage()
    stage.usage.assign(tf.ones_like(stage.usage))
    assert stage.concerns({"adaptive_weight": tf.constant(0.5)}) == []
    for weight in (0.0, 8000.0, float("nan")):
        (line,) = stage.concerns({"adaptive_weight": tf.constant(weight)})
        assert f"the weight of the discriminator is {weight:g}, at the end of its range from 0 to 8000" in line


def test_bad_stages():
    stage = first_stage(quantizer="fsq", num_codes=27, code_dim=3, fsq_levels=(3, 3, 3))
    with pytest.raises(ValueError, match="quantizer is 'fsq', which has no codes to move; use 'nearest'"):
        stage.restart_codes(images(0))
    assert np.isfinite(float(stage.run(images(0))["loss"]))
    autoencoder = VQAutoencoder(AutoencoderConfig(**FIRST | {"num_codes": 20}))
    with pytest.raises(ValueError, match="predicts 16 codes; the codebook has 20. Use one number"):
        SecondStage(CodeTransformer(CodeTransformerConfig(**SECOND)), autoencoder, learning_rate=1e-3)
