"""The projected discriminator: what it scores, what is fixed in it, and what its files hold."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from gansformer_tf.config import ConfigError, GANsformerConfig, ModelConfig, ProjectedConfig, RunConfig, TrainConfig
from gansformer_tf.config.feature_networks import FEATURE_NETWORKS
from gansformer_tf.features.frozen import FrozenFeatures
from gansformer_tf.layers.local_norm import LocalBatchNorm
from gansformer_tf.layers.spectral import SpectralConv2D
from gansformer_tf.models import build_discriminator, build_generator
from gansformer_tf.models.snapshot import load_snapshot, read_snapshot, save_snapshot

SMALL = {"resolution": 8, "channel_base": 32, "channel_max": 4, "feature_size": 64, "norm_group_size": 2}


def made(seed: int = 1, **changes: object):
    keras.utils.set_random_seed(seed)
    return build_discriminator(ProjectedConfig(**(SMALL | changes)))


@pytest.fixture(scope="module")
def model():
    return made()


def images(*shape: int) -> np.ndarray:
    return np.random.default_rng(1).uniform(-1, 1, shape).astype(np.float32)


def test_every_scale_scores_and_leads_back_to_the_image(model):
    x = tf.Variable(images(4, 8, 8, 3))
    with tf.GradientTape() as tape:
        scores = model(x)
        scales = [tf.reduce_sum(part, axis=1) for part in tf.split(scores, [25, 25, 1, 1], axis=1)]
        scales = tf.stack(scales, axis=1)
    # 64 pixels: taps of 16, 8, 4 and 2 become 32, 16, 8 and 4; windows of 4x4 in 8x8 places, one in 4x4 and 2x2
    assert scores.shape == model.compute_output_shape((4, 8, 8, 3)) == (4, 52) and scores.dtype == "float32"
    jacobian = tape.jacobian(scales, x).numpy()
    assert np.isfinite(jacobian).all()
    reached = np.abs(jacobian).sum((-3, -2, -1)) > 1e-6  # [image scored, scale, image seen]
    for image in range(4):
        assert reached[image, :, image].all()
    assert not reached[:2, :, 2:].any() and not reached[2:, :, :2].any()  # images of another group
    rows = model.summary_rows()
    trained = sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)
    assert sum(count for _, count, _, _ in rows) == trained


def test_half_precision_scores_nearly_the_same(model):
    keras.utils.set_random_seed(1)
    half = build_discriminator(ProjectedConfig(**SMALL), dtype="mixed_bfloat16")
    x = images(4, 8, 8, 3)
    np.testing.assert_allclose(half(x), model(x), atol=0.1 * float(np.std(model(x))))
    assert {str(weight.dtype) for weight in half.weights} == {"float32"}


def test_what_is_fixed(model):
    """Only heads are trained; the mixing follows the seed, and nothing of the feature network is a weight."""
    mixing = [weight for weight in model.weights if not weight.trainable]
    assert [weight.name for weight in mixing] == [
        f"mix_{what}{scale}" for what in ("channels", "scales") for scale in range(4)
    ]
    assert all("head" in weight.path for weight in model.trainable_weights)
    again, other = made(), made(seed=2)
    for weight, same, different in zip(model.weights, again.weights, other.weights, strict=True):
        np.testing.assert_array_equal(weight, same)
        assert not ("mix_" in weight.path or "kernel" in weight.path) or not np.array_equal(weight, different)


def test_channels_are_those_of_the_network():
    for name, network in FEATURE_NETWORKS.items():
        features = FrozenFeatures(name)
        assert (features.channels, features.strides) == (network.channels, network.strides)


def test_snapshots_hold_no_features(model, tmp_path):
    generator = build_generator(GANsformerConfig(resolution=8, channel_base=32, channel_max=4, latent_size=4))
    train = TrainConfig(d_reg="none")
    config = RunConfig(model=ModelConfig(generator.config, model.config), train=train)
    assert RunConfig.from_json(config.to_json()) == config
    path = save_snapshot(tmp_path / "x.safetensors", generator=generator, discriminator=model, config=config)
    names = {name for name in read_snapshot(path)[1] if name.startswith("discriminator/")}
    assert names == {f"discriminator/{weight.path.split('/', 1)[1]}" for weight in model.weights}
    loaded = load_snapshot(path).discriminator
    assert loaded.features is None  # drawing needs no extra
    x = images(2, 8, 8, 3)
    np.testing.assert_array_equal(loaded(x), model(x))


def test_labels_greys_and_other_sizes():
    labelled = made(label_dim=3, image_channels=1, base_height=2, feature_size=96)
    assert labelled.config.seen_size == (48, 96)
    x = images(2, 4, 8, 1)
    scores = [labelled(x, labels=np.eye(3, dtype=np.float32)[[label] * 2]).numpy() for label in range(3)]
    assert scores[0].shape == labelled.compute_output_shape(x.shape)
    assert not np.allclose(scores[0], scores[1]) and not np.allclose(scores[1], scores[2])
    with pytest.raises(ValueError, match=r"trained with 3 classes; pass labels \[batch, 3\]"):
        labelled(x)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"features": "vgg"}, "features is 'vgg'; it must be one of: efficientnet-lite0, "),
        ({"feature_size": 16}, "images of 16x16 pixels are too small .* at least 32 .* --d-features-size 32 or more"),
        ({"norm_group_size": 0}, "norm_group_size is 0; it must be greater than 0"),
        ({"base_height": 1, "feature_size": 64}, "images of 16x64 pixels .* give --d-features-size 128 or more"),
        ({"image_channels": 4}, "image_channels is 4; feature networks see no transparency"),
    ],
)  # fmt: skip
def test_what_cannot_be(change, message):
    with pytest.raises(ConfigError, match=message):
        ProjectedConfig(**(SMALL | change))


def test_the_largest_singular_value_is_one():
    layer = SpectralConv2D(6, 3)
    layer.build((None, 8, 8, 5))
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(layer.normalized_kernel())
    kernel = np.asarray(layer.normalized_kernel()).reshape(-1, 6)
    assert np.linalg.norm(kernel, 2) == pytest.approx(1.0, rel=1e-2)
    # a longer kernel is the same function, so that the gradient has no part along the kernel
    gradient = tape.gradient(total, layer.kernel.value).numpy()
    assert np.abs(gradient).max() > 0.01
    assert np.vdot(gradient, np.asarray(layer.kernel)) == pytest.approx(0.0, abs=1e-4)


def test_groups_are_normalised_alone():
    x = images(4, 6, 5, 3) * [1.0, 2.0, 3.0] + 5.0
    layer = LocalBatchNorm(2)
    y = np.asarray(layer(x)).reshape(2, -1, 3)
    np.testing.assert_allclose(y.mean(1), 0.0, atol=1e-5)
    np.testing.assert_allclose(y.std(1), 1.0, atol=1e-4)
    np.testing.assert_allclose(layer(x[2:]), np.asarray(layer(x))[2:], atol=1e-5)
    with pytest.raises(ValueError, match="3 images cannot be normalised in groups of 2; use a multiple of 2"):
        layer(x[:3])
    config = ProjectedConfig(**SMALL)
    config.check_batch(2, of=4)
    config.check_batch(1)
    with pytest.raises(ConfigError, match="3 images at once cannot be normalised in groups of 2; give --batch-size"):
        config.check_batch(3, of=6)
